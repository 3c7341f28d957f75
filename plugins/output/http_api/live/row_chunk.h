/*
 * Some rows of one table, for streams: a batch that passed, or rows that were
 * read from the store.  Immutable, counted, shared by all readers.  Any thread.
 */
#ifndef TALLYD_HTTP_ROW_CHUNK_H
#define TALLYD_HTTP_ROW_CHUNK_H

#include <tallyd/host.h>

#include "ask/result_set.h"

struct catalog;

struct row_chunk {
	const struct tally_table *table;
	const struct tally_cell *cells; /* as the table's columns */
	uint32_t n_rows;
	size_t bytes; /* memory it holds */
};

/* Keeps the batch.  NULL: no memory. */
struct row_chunk *row_chunk_of_batch(struct tally_ctx *ctx, const struct tally_batch *batch);
/* Takes over the rows and, if it succeeds, the reference to the catalog that table is in. */
struct row_chunk *row_chunk_of_rows(struct result_set *rows, const struct tally_table *table,
				    const struct catalog *catalog);
struct row_chunk *row_chunk_keep(struct row_chunk *chunk);
void row_chunk_drop(struct row_chunk *chunk); /* NULL is fine */

static inline const struct tally_cell *row_chunk_row(const struct row_chunk *chunk, uint32_t row)
{
	return chunk->cells + (size_t)row * chunk->table->n_columns;
}

#endif
