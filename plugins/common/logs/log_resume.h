/*
 * Where reading of one container's log resumes, so that no line is lost and none is stored twice,
 * whatever the source.  Per stream a mark: the time of the last line accepted, and how many lines
 * with that time came before it.  Within a stream a log is ordered by time, so a line counts if it
 * lies behind the mark; whatever an engine sends again lies before it.  Called by log_lines.c and
 * the sources.  No I/O.
 *
 * After a new connection (log_resume_rewind) reading begins somewhere before the mark, and the
 * lines of a time are numbered anew; log_resume_covers says whether it began early enough. What can
 * fail: a clock that was set back puts new lines before the mark, so the mark has to follow it
 * (log_resume_step_back).
 */
#ifndef TALLYD_LOG_RESUME_H
#define TALLYD_LOG_RESUME_H

#include "logs/log_part.h"

enum { LOG_POSITION_SIZE = 160 };

struct log_mark {
	int64_t time;     /* 0: no line so far */
	uint32_t ordinal; /* among the lines of that time in its stream */
};

struct log_resume {
	struct log_mark accepted[LOG_STREAMS];
	struct log_mark seen[LOG_STREAMS]; /* the last line of this connection, accepted or not */
	int64_t begun[LOG_STREAMS];        /* time of a line without its last part; 0: none */
	bool open[LOG_STREAMS]; /* the last line accepted lacked its newline, as its run ended */
};

/* The first part of a line has come, but not its last. */
void log_resume_begin(struct log_resume *resume, enum log_stream stream, int64_t time);

/* A line begins.  true: this connection has sent it before, so rewind. */
bool log_resume_comes_again(const struct log_resume *resume, enum log_stream stream, int64_t time);
/* Was the last line accepted, without its end, the one of that time that comes next?  Then more of
 * it is not its end but the next run's line. */
bool log_resume_was_open(const struct log_resume *resume, enum log_stream stream, int64_t time);
/* For a source that knows only whole seconds and was asked for what lies behind the mark: all lines
 * that it gives the mark's second are new. */
void log_resume_round(struct log_resume *resume);
/* Are the times of all marks whole seconds? */
bool log_resume_is_round(const struct log_resume *resume);
/* A whole line has come.  true: it is new, with *ret_ordinal; false: it was accepted before. */
bool log_resume_accept(struct log_resume *resume, enum log_stream stream, int64_t time,
		       uint32_t *ret_ordinal);
/* Puts the mark back: the line of that time and those after it are still to be stored. */
void log_resume_hold(struct log_resume *resume, enum log_stream stream, struct log_mark before,
		     int64_t time);
void log_resume_rewind(struct log_resume *resume);
bool log_resume_is_empty(const struct log_resume *resume);
/* Lines after now count, none before. */
void log_resume_begin_at(struct log_resume *resume, int64_t now);

/* The newest time of a mark. */
int64_t log_resume_newest(const struct log_resume *resume);
/* Reading began with this part.  Does all that is not accepted yet lie behind it? */
bool log_resume_covers(const struct log_resume *resume, const struct log_part *first);
/* The time from which an engine should send, if not by number of lines. */
int64_t log_resume_since(const struct log_resume *resume);
/* The whole log begins with this part.  Is nothing left of what was accepted? */
bool log_resume_has_gap(const struct log_resume *resume, const struct log_part *first);
/* The clock was set back; new lines are not older than floor. */
void log_resume_step_back(struct log_resume *resume, int64_t floor);

/* As text, for tally_emit(). */
void log_resume_write(const struct log_resume *resume, char ret[LOG_POSITION_SIZE]);
/* false: it is not one; then nothing is changed. */
bool log_resume_read(const char *text, struct log_resume *ret);

#endif
