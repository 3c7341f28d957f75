/*
 * The patterns of an instance: which one a line has, rows of log_patterns for those that are new or
 * have changed, and a file that keeps them over a restart.  On the input's thread.
 *
 *	log_rows.c    patterns_take()      for each line
 *	ingest.c      patterns_save_new()  before rows are handed over
 *	log_common.c  patterns_open(), patterns_flush(), patterns_close()
 */
#ifndef TALLYD_PATTERNS_H
#define TALLYD_PATTERNS_H

#include <tallyd/host.h>

enum { PATTERN_ID_SIZE = 13 };

struct patterns;

/* Reads the file.  max: patterns; others are not made.  0 or -ENOMEM. */
int patterns_open(struct tally_ctx *ctx, uint32_t max, struct patterns **ret);
/* What was not flushed is lost.  NULL is fine. */
void patterns_close(struct patterns *patterns);

struct pattern_line {
	const char *service, *text, *level; /* level: NULL: none */
	size_t len;
	int64_t time;
};

enum pattern_result {
	PATTERN_FOUND,
	PATTERN_NONE, /* it has no words */
	PATTERN_FULL, /* there is no room for its pattern */
};

enum pattern_result patterns_take(struct patterns *patterns, const struct pattern_line *line,
				  char ret_id[PATTERN_ID_SIZE]);

/* Writes the file if it lacks patterns, so that after a crash they are not made again by later
 * lines; not more often than once a second.  Monotonic time. */
void patterns_save_new(struct patterns *patterns, int64_t now);

/* Hands over rows of what is new or changed, and writes the file; each when it is due, or all.
 * Monotonic time.  What tally_emit() returned. */
int patterns_flush(struct patterns *patterns, int64_t now, bool all);
/* Monotonic: when to flush next; INT64_MAX: nothing waits. */
int64_t patterns_due(const struct patterns *patterns);

uint32_t patterns_count(const struct patterns *patterns);

#endif
