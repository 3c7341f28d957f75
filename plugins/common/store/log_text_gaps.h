/*
 * Where a log has no blocks of its text yet (log_text_blocks.h): gaps between blocks, before the
 * first and behind the last.  A log may have hundreds of thousands of blocks, so it is remembered
 * of which time all are known, and only what is newer or older is looked through again.
 *
 * Nobody but the maintenance of one store makes and forgets blocks; that has it, on its thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_LOG_TEXT_GAPS_H
#define TALLYD_PLUGINS_COMMON_LOG_TEXT_GAPS_H

#include <stdint.h>

enum { LOG_TEXT_GAPS_MORE = 2 };

/* Within [from, to) no line is without a block that is counted; all zero: nothing is known. */
struct log_text_whole {
	char table[64];
	int64_t from, to;
	int64_t since; /* monotonic, when it began to be known: not believed for ever */
};

struct log_text_span {
	int64_t from, to;
};

struct log_text_gaps {
	/* Blocks that begin in [from, before), the newest first; how many, or an error. */
	int (*blocks)(void *arg, int64_t from, int64_t before, struct log_text_span *ret, int most);
	/* 1: this gap has lines, and is taken; 0: it has none.  from INT64_MIN: before the first
	 * block. */
	int (*gap)(void *arg, int64_t from, int64_t to);
	void *arg;
};

/* The newest gap between blocks, or before them, that has lines.  1: it is taken; 0: there is none;
 * LOG_TEXT_GAPS_MORE: so far there is none, but that was enough to look through. */
int log_text_gaps_find(const struct log_text_gaps *gaps, struct log_text_whole *whole,
		       const char *table, int64_t now);
/* Blocks from a time on were forgotten, or lines came where there was none. */
void log_text_whole_forget(struct log_text_whole *whole, int64_t from);

#endif
