/*
 * The states of a follower and what moves it from one to the next: a table, without any effect of
 * its own, so that it can be read and tested by itself.  Called by follower.c.
 */
#ifndef TALLYD_LOGS_FOLLOW_STATE_H
#define TALLYD_LOGS_FOLLOW_STATE_H

#include "logs/outcome.h"

enum follow_state {
	FOLLOW_INSPECT,    /* to be inspected, which decides what comes next */
	FOLLOW_READING,    /* a source is open */
	FOLLOW_IDLE,       /* does not run, and is read to its end */
	FOLLOW_RETRY,      /* something failed; inspected again when it is due */
	FOLLOW_UNREADABLE, /* its logging driver keeps no log that can be read */
	FOLLOW_REMOVED,    /* to be taken off the list */
	FOLLOW_STATES
};

/* What moves a follower beside the outcomes of its source. */
enum follow_input {
	FOLLOW_STARTED = LOG_OUTCOMES, /* the container has started */
	FOLLOW_DESTROYED,              /* the container is no more */
	FOLLOW_EXCLUDED,               /* inspected: the operator does not want it */
	FOLLOW_NEVER_RAN,              /* inspected: there is no log yet */
	FOLLOW_NOT_INSPECTED,          /* the inspect failed */
	FOLLOW_OPENED,                 /* inspected, and a source is open */
	FOLLOW_CLOSED,                 /* the source is at its end, but the log may go on */
	FOLLOW_DUE,                    /* the wait after a failure is over */
	FOLLOW_SUSPENDED,              /* the session has ended */
	FOLLOW_INPUTS
};

/* input: an enum log_outcome or follow_input. */
enum follow_state follow_next(enum follow_state now, int input);

#endif
