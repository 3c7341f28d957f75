/*
 * What is known about the text of a log's lines without reading them.  A block is a stretch of time
 * with about a thousand lines; its filter holds all pieces (grams) of 1, 2, 3 and 5 bytes that
 * these lines have, letters of ASCII as small ones.  A search asks for the grams of its text: a
 * block that lacks one of them has no line with it, and need not be read.  A block that has them
 * all may have one.
 *
 * A filter is a Bloom filter in 32 slices, each a row of the store's table of text, so that a
 * search reads of each block only the slices that its grams are in.  Blocks hash with different
 * salts: two grams that share a bit in one block do not share it in all.
 *
 * The stores' text_index.c make blocks (log_text_blocks.h) behind the writer, read/text_ranges.c
 * asks.  How grams become bits is kept in databases: a change needs a migration that empties the
 * table.
 */
#ifndef TALLYD_PLUGINS_COMMON_LOG_TEXT_H
#define TALLYD_PLUGINS_COMMON_LOG_TEXT_H

#include "store/bound_query.h"
#include "store/catalog.h"

enum {
	LOG_TEXT_LINES = 1024,                    /* of a block */
	LOG_TEXT_MOST_LINES = 4 * LOG_TEXT_LINES, /* a block that has more is cut */
	LOG_TEXT_SLICE_BITS = 5,
	LOG_TEXT_SLICES = 1 << LOG_TEXT_SLICE_BITS,
	LOG_TEXT_HEAD = -1,          /* of the row that stands for the block, without bits */
	LOG_TEXT_TESTS = 16,         /* of one search */
	LOG_TEXT_SLICE_BYTES = 4096, /* at most */
	/* Of a block's salt, above what it hashes with: five digits have two places there. */
	LOG_TEXT_TWICE = 1 << 16,
};

/* Which column of a log has its text; 0: none, there is no index. */
uint32_t log_text_column(const struct stored_table *logs);

/* ---- Asking -------------------------------------------------------------------- */

struct log_text_test {
	uint16_t slice, place;
	bool second; /* only blocks of LOG_TEXT_TWICE know of it */
};

struct log_text_asked {
	uint32_t n; /* 0: the filters cannot say anything */
	struct log_text_test tests[LOG_TEXT_TESTS];
};

/* What blocks must have for what a query looks for. */
void log_text_ask(const struct bound_query *bound, struct log_text_asked *ret);
/* Of a slice's bits. */
bool log_text_has(const struct log_text_test *test, uint32_t salt, const void *bits, size_t len);

/* ---- Making -------------------------------------------------------------------- */

/* The salt of the block that begins at a time: 16 bits, the last one set, and LOG_TEXT_TWICE. */
uint32_t log_text_salt(int64_t from);

/* The grams of some lines.  240 KiB. */
struct log_text;
struct log_text *log_text_create(void); /* NULL: no memory */
void log_text_destroy(struct log_text *text);
void log_text_cleanup(struct log_text **text);
#define auto_log_text __attribute__((cleanup(log_text_cleanup)))

void log_text_clear(struct log_text *text);
void log_text_add(struct log_text *text, const char *line, size_t len);
/* Much more than a block should have. */
bool log_text_is_too_much(const struct log_text *text);
/* The bits of a slice, as a block keeps them; returns their length. */
size_t log_text_slice(const struct log_text *text, uint32_t slice, uint32_t salt,
		      uint8_t ret[LOG_TEXT_SLICE_BYTES]);

#endif
