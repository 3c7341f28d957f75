/*
 * Some rows and whatever keeps them alive: a reference to the batch that passed, or a result set
 * with a reference to the catalog its table is in.  Any thread; the last reference frees it, which
 * for a batch may be the last one on a block of memory of an input.
 *
 * A batch is kept, not copied: a stream costs an input no more than a count.
 */
#include "live/row_chunk.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "query/catalog_cache.h"

struct row_chunk_memory {
	struct row_chunk chunk; /* first */
	atomic_uint references;
	struct tally_ctx *ctx;
	const struct tally_batch *batch; /* NULL: rows and catalog */
	struct result_set rows;
	const struct catalog *catalog;
};

static struct row_chunk_memory *row_chunk_create(void)
{
	struct row_chunk_memory *memory = calloc(1, sizeof(*memory));
	if (memory)
		atomic_init(&memory->references, 1);
	return memory;
}

struct row_chunk *row_chunk_of_batch(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	struct row_chunk_memory *memory = row_chunk_create();
	if (!memory)
		return NULL;
	tally_batch_keep(ctx, batch);
	memory->ctx = ctx;
	memory->batch = batch;
	memory->chunk = (struct row_chunk){batch->table, batch->cells, batch->n_rows,
					   sizeof(*memory) + tally_batch_bytes(ctx, batch)};
	return &memory->chunk;
}

struct row_chunk *row_chunk_of_rows(struct result_set *rows, const struct tally_table *table,
				    const struct catalog *catalog)
{
	struct row_chunk_memory *memory = row_chunk_create();
	if (!memory) {
		result_set_done(rows);
		return NULL;
	}
	memory->rows = *rows;
	memory->catalog = catalog;
	memory->chunk = (struct row_chunk){table, memory->rows.cells, memory->rows.n_rows,
					   sizeof(*memory) + memory->rows.bytes};
	return &memory->chunk;
}

struct row_chunk *row_chunk_keep(struct row_chunk *chunk)
{
	struct row_chunk_memory *memory = (struct row_chunk_memory *)chunk;
	atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
	return chunk;
}

void row_chunk_drop(struct row_chunk *chunk)
{
	struct row_chunk_memory *memory = (struct row_chunk_memory *)chunk;
	if (!memory || atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1)
		return;
	if (memory->batch) {
		tally_batch_drop(memory->ctx, memory->batch);
	} else {
		result_set_done(&memory->rows);
		catalog_drop(memory->catalog);
	}
	free(memory);
}
