/*
 * Where reading of one container's log goes on, so that no line is lost and none comes twice, by
 * whatever source it is read: per stream the time of the last line accepted, and how many lines
 * with that time came before it.  A log is in the order of time per stream, so a line counts if it
 * lies behind that mark; what an engine sends again lies before it.  No I/O.
 *
 * After a new connection (log_resume_rewind) reading begins somewhere before the mark, and each
 * line of a time is counted anew; log_resume_covers says whether it began early enough.
 * What can fail: a clock that was set back puts new lines before the mark, so the mark has to
 * follow it (log_resume_step_back).
 */
#ifndef TALLYD_LOG_RESUME_H
#define TALLYD_LOG_RESUME_H

#include "sources/log_part.h"

enum { LOG_POSITION_SIZE = 160 };

struct log_mark {
	int64_t time;     /* 0: no line so far */
	uint32_t ordinal; /* among the lines of that time in its stream */
};

struct log_resume {
	struct log_mark accepted[LOG_STREAMS];
	struct log_mark seen[LOG_STREAMS]; /* of this connection, since lines came again */
	int64_t begun[LOG_STREAMS];        /* of a line of which only parts have come; 0: none */
	bool open[LOG_STREAMS]; /* the last accepted had no end when its container stopped */
};

/* The first part of a line has come, but not its last. */
void log_resume_begin(struct log_resume *resume, enum log_stream stream, int64_t time);

/* A line begins.  Is it one that was sent before on this connection?  Then rewind. */
bool log_resume_comes_again(const struct log_resume *resume, enum log_stream stream, int64_t time);
/* Was a line of that time, if it is not to go on, the last accepted, and accepted without its end?
 */
bool log_resume_was_open(const struct log_resume *resume, enum log_stream stream, int64_t time);
/* The source that follows knows whole seconds only, and sends what was written after the mark: all
 * that it gives a time within the mark's second is new. */
void log_resume_round(struct log_resume *resume);
/* All times that were accepted are whole seconds. */
bool log_resume_is_round(const struct log_resume *resume);
/* A whole line has come.  false: it was accepted before. */
bool log_resume_accept(struct log_resume *resume, enum log_stream stream, int64_t time,
		       uint32_t *ret_ordinal);
/* The line of that time was accepted, and those after it, but shall not count as such. */
void log_resume_hold(struct log_resume *resume, enum log_stream stream, struct log_mark before,
		     int64_t time);
void log_resume_rewind(struct log_resume *resume);
bool log_resume_is_empty(const struct log_resume *resume);
/* All lines after now count, none before. */
void log_resume_begin_at(struct log_resume *resume, int64_t now);

/* The newest time of a line accepted. */
int64_t log_resume_newest(const struct log_resume *resume);
/* Reading began with this part.  Is everything that is not accepted behind it? */
bool log_resume_covers(const struct log_resume *resume, const struct log_part *first);
/* The time from which on an engine should send, if it cannot be told by number of lines. */
int64_t log_resume_since(const struct log_resume *resume);
/* All that there is begins with this part, and nothing that was accepted is there any more. */
bool log_resume_has_gap(const struct log_resume *resume, const struct log_part *first);
/* The clock was set back, and since then has shown no time before floor. */
void log_resume_step_back(struct log_resume *resume, int64_t floor);

/* As text, for tally_emit(). */
void log_resume_write(const struct log_resume *resume, char ret[LOG_POSITION_SIZE]);
/* false: it is not one; then nothing is changed. */
bool log_resume_read(const char *text, struct log_resume *ret);

#endif
