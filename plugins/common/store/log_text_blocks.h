/*
 * Blocks of a log's text that are made together, the newest first: where each begins, by the counts
 * of lines per minute, and the grams of the lines of each.  So their lines are read by one
 * statement, which looks once for each series.
 *
 * The stores' text_index.c fill it: init(), count() until it is full or nothing is left, counted();
 * then clear(), add() for each line, and again after shrink() if that said that it is too much.
 */
#ifndef TALLYD_PLUGINS_COMMON_LOG_TEXT_BLOCKS_H
#define TALLYD_PLUGINS_COMMON_LOG_TEXT_BLOCKS_H

#include "store/log_text.h"

enum { LOG_TEXT_BLOCKS = 4 };

/* [begin, to), whole ms but for the first line's; about so many lines. */
struct log_text_block {
	int64_t begin, to, lines;
	bool full; /* more would be too much */
};

struct log_text_blocks {
	int64_t from; /* of the gap in which they are */
	uint32_t n;
	struct log_text_block blocks[LOG_TEXT_BLOCKS];
	struct log_text *texts[LOG_TEXT_BLOCKS]; /* created when first needed */
};

void log_text_blocks_done(struct log_text_blocks *blocks);

/* ---- Where they begin ------------------------------------------------------------ */

/* Of the gap [from, to). */
void log_text_blocks_init(struct log_text_blocks *blocks, int64_t from, int64_t to);
/* So many lines are of a minute; the newest minute first. */
void log_text_blocks_count(struct log_text_blocks *blocks, int64_t minute, int64_t lines);
/* All were counted.  The lines of the newest block may have to wait until there are more. */
void log_text_blocks_counted(struct log_text_blocks *blocks, bool wait);
static inline bool log_text_blocks_are_full(const struct log_text_blocks *blocks)
{
	return blocks->n == LOG_TEXT_BLOCKS && blocks->blocks[LOG_TEXT_BLOCKS - 1].full;
}
/* From where on their lines are read, up to blocks[0].to. */
static inline int64_t log_text_blocks_begin(const struct log_text_blocks *blocks)
{
	return blocks->blocks[blocks->n - 1].begin;
}

/* ---- Their lines ----------------------------------------------------------------- */

/* -ENOMEM. */
int log_text_blocks_clear(struct log_text_blocks *blocks);
/* Not one millisecond alone, of which all lines are taken. */
bool log_text_blocks_can_shrink(const struct log_text_blocks *blocks);
/* false: one has much more than it should; what was added is of no use. */
bool log_text_blocks_add(struct log_text_blocks *blocks, int64_t time, const char *line,
			 size_t len);
/* Fewer, or a smaller one. */
void log_text_blocks_shrink(struct log_text_blocks *blocks);

#endif
