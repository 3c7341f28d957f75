/*
 * The rows of an answer: a table made for them, and batches of some hundred rows handed on as they
 * fill.  Used by one thread, for one query.
 */
#ifndef TALLYD_PLUGINS_COMMON_RESULT_BUILDER_H
#define TALLYD_PLUGINS_COMMON_RESULT_BUILDER_H

#include <tallyd/host.h>

#include "store/bound_query.h"

struct result {
	struct tally_ctx *ctx;
	tally_rows_fn *rows;
	void *arg;
	struct tally_batch *batch;
	uint32_t n_batches; /* up to this one */
	struct tally_table table;
	char name[64];
	struct tally_column columns[1 + 2 * CATALOG_MAX_COLUMNS];
};

/* The columns that query.h promises, named after the table and the suffix of the rollup they come
 * from. */
void result_init(struct result *result, struct tally_ctx *ctx, const struct bound_query *bound,
		 const char *suffix, tally_rows_fn *rows, void *arg);
void result_done(struct result *result);

/* A new row of NULLs, handing on the rows before it when there are enough. */
int result_row(struct result *result, struct tally_cell **ret);
/* Gives a cell of that row a copy of its text. */
int result_copy_text(struct result *result, struct tally_cell *cell);
/* Copies a cell, with its text, into that row. */
static inline int result_put(struct result *result, struct tally_cell *row, uint32_t column,
			     const struct tally_cell *cell)
{
	uint16_t type = result->columns[column].type;
	row[column] = *cell;
	return cell->set && (type == TALLY_TEXT || type == TALLY_JSON)
		       ? result_copy_text(result, &row[column])
		       : 0;
}
/* Hands on what is left. */
int result_finish(struct result *result);

#endif
