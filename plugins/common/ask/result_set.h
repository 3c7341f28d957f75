/*
 * The rows of one answer of the store, copied, because what a store hands out is on loan only.
 * Bounded in bytes.
 */
#ifndef TALLYD_RESULT_SET_H
#define TALLYD_RESULT_SET_H

#include <stdbool.h>
#include <tallyd/plugin.h>

enum { RESULT_SET_MAX_BYTES = 32 << 20, RESULT_SET_MAX_COLUMNS = 258, RESULT_SET_SOURCE_SIZE = 64 };

struct result_set_text;

struct result_set {
	char source[RESULT_SET_SOURCE_SIZE]; /* name of the table that answered; "" before any row
					      */
	uint16_t types[RESULT_SET_MAX_COLUMNS];
	uint32_t n_columns, n_rows;
	bool bounded; /* no text of a row may fill the answer: each is cut, see json_trim.h */
	struct tally_cell *cells;
	size_t cells_max, bytes;
	struct result_set_text *text;
};

void result_set_init(struct result_set *rows, uint32_t n_columns);
void result_set_done(struct result_set *rows);
#define auto_result_set __attribute__((cleanup(result_set_done)))

/* Rows to be filled, all NULL; texts in them belong to somebody who outlives them.  -ENOMEM. */
int result_set_make(struct result_set *rows, uint32_t n_columns, uint32_t n_rows);
/* -EPROTO: not the columns that were asked for; -E2BIG; -ENOMEM. */
int result_set_add(struct result_set *rows, const struct tally_batch *batch);
/* Takes back all rows after the first n; what their texts took stays counted. */
static inline void result_set_cut(struct result_set *rows, uint32_t n)
{
	rows->n_rows = n;
}

static inline const struct tally_cell *result_set_row(const struct result_set *rows, uint32_t row)
{
	return rows->cells + (size_t)row * rows->n_columns;
}

/* Of TEXT cells. */
bool cell_equals(const struct tally_cell *cell, const char *text);
int cell_compare(const struct tally_cell *a, const struct tally_cell *b); /* NULL comes first */

#endif
