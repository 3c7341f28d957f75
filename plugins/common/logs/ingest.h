/*
 * What a source reads on its way to the buffer: parts are joined to lines, lines to messages,
 * messages become rows, and rows are handed over together with the position behind them.  One per
 * container; called by what follows it, by its sources (ingest_part) and by nobody else, on the
 * input's thread.
 *
 * What can fail: memory, and the hand-over (a full disk).  Either is LOG_LOST: what was accepted
 * since the last hand-over has to be read again, from ingest_load_position().
 */
#ifndef TALLYD_LOGS_INGEST_H
#define TALLYD_LOGS_INGEST_H

#include "logs/log_common.h"
#include "logs/log_rows.h"

struct ingest {
	struct log_common *common;
	struct log_rows rows; /* with the container's id and name */
	struct log_lines lines;
	struct log_messages messages;
	bool begun;       /* a part has come since the source was opened, or none is waited for */
	bool whole;       /* the source began as early as there is anything */
	double tokens;    /* of the rate limit */
	int64_t refilled; /* monotonic ns */
};

void ingest_init(struct ingest *ingest, struct log_common *common, const char *id);
void ingest_done(struct ingest *ingest);
/* For messages: the container's name, or its id while that is not known. */
const char *ingest_name(const struct ingest *ingest);

/* Forgets what has begun, and resumes from the position that is safe in the buffer. */
void ingest_load_position(struct ingest *ingest);
/* A position that lies in the future means that the clock was set back while nobody looked: times
 * up to it come a second time, and new lines would not count.  Forgets such a one, and says so. */
void ingest_distrust_future(struct ingest *ingest);
/* By the API: whole as source_api.h has it; the first part shows whether it began early enough. */
void ingest_begin_stream(struct ingest *ingest, bool whole);
/* From a file, which log_file.h opens where the position says. */
void ingest_begin_file(struct ingest *ingest);

/* arg: a struct ingest.  LOG_MORE, LOG_WIDEN or LOG_LOST. */
enum log_outcome ingest_part(void *arg, const struct log_part *part);
/* The log has ended: what has begun is a line and a message. */
enum log_outcome ingest_finish(struct ingest *ingest);
/* Ends the messages that were due at a time, once all there is was read. */
enum log_outcome ingest_end_messages(struct ingest *ingest, int64_t due);
/* Hands over the rows that wait.  A daemon that stops (-ECANCELED) is no failure. */
enum log_outcome ingest_flush(struct ingest *ingest);
void ingest_drop_rows(struct ingest *ingest);
/* Counts the lines that came again since the last call. */
void ingest_count_repeats(struct ingest *ingest);

#endif
