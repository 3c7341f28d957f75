/*
 * Some rows of one table, kept for those who stream them: a batch that passed, or rows that were
 * read from the store.  Immutable, counted, shared by all readers.  Any thread.
 */
#ifndef TALLYD_HTTP_LOT_H
#define TALLYD_HTTP_LOT_H

#include <tallyd/host.h>

#include "rowset.h"

struct catalog;

struct lot {
	const struct tally_table *table;
	const struct tally_cell *cells; /* as the table's columns */
	uint32_t n_rows;
	size_t bytes; /* memory it holds */
};

/* Keeps the batch.  NULL: no memory. */
struct lot *lot_of_batch(struct tally_ctx *ctx, const struct tally_batch *batch);
/* Takes over the rows and, if it succeeds, the reference to the catalog that table is in. */
struct lot *lot_of_rows(struct rowset *rows, const struct tally_table *table,
			const struct catalog *catalog);
struct lot *lot_keep(struct lot *lot);
void lot_drop(struct lot *lot); /* NULL is fine */

static inline const struct tally_cell *lot_row(const struct lot *lot, uint32_t row)
{
	return lot->cells + (size_t)row * lot->table->n_columns;
}

#endif
