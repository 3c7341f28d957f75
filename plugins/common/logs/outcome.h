/*
 * What came of reading: each stage hands up what the stage behind it returned (rows to messages to
 * lines to sources), and the follower alone acts on it (follower.c).  So none of them keeps a
 * reason aside, and none of them calls back into the state machine that called it.
 */
#ifndef TALLYD_LOGS_OUTCOME_H
#define TALLYD_LOGS_OUTCOME_H

enum log_outcome {
	LOG_MORE,       /* go on: nothing has ended, nothing failed */
	LOG_END,        /* all there is has been read, or the engine closed the stream */
	LOG_WIDEN,      /* reading began behind the position: begin further back in the log */
	LOG_GARBAGE,    /* what the engine sent is not a log */
	LOG_FOREIGN,    /* what lies in the file is not a log in any format we know */
	LOG_LOST,       /* a line or its rows could not be kept, so they must be read again */
	LOG_NOT_FOUND,  /* the engine does not know the container */
	LOG_UNREADABLE, /* the log cannot be read, and waiting will not help */
	LOG_REFUSED,    /* the log cannot be read at present, which is worth a message */
	LOG_FAILED,     /* the connection failed: the engine's trouble, not this log's */
	LOG_OUTCOMES
};

#endif
