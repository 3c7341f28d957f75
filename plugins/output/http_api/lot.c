#include "lot.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "tables.h"

struct lot_memory {
	struct lot lot; /* first */
	atomic_uint references;
	struct tally_ctx *ctx;
	const struct tally_batch *batch; /* NULL: rows and catalog */
	struct rowset rows;
	const struct catalog *catalog;
};

static struct lot_memory *lot_create(void)
{
	struct lot_memory *memory = calloc(1, sizeof(*memory));
	if (memory)
		atomic_init(&memory->references, 1);
	return memory;
}

struct lot *lot_of_batch(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	struct lot_memory *memory = lot_create();
	if (!memory)
		return NULL;
	tally_batch_keep(ctx, batch);
	memory->ctx = ctx;
	memory->batch = batch;
	memory->lot = (struct lot){batch->table, batch->cells, batch->n_rows,
				   sizeof(*memory) + tally_batch_bytes(ctx, batch)};
	return &memory->lot;
}

struct lot *lot_of_rows(struct rowset *rows, const struct tally_table *table,
			const struct catalog *catalog)
{
	struct lot_memory *memory = lot_create();
	if (!memory) {
		rowset_done(rows);
		return NULL;
	}
	memory->rows = *rows;
	memory->catalog = catalog;
	memory->lot = (struct lot){table, memory->rows.cells, memory->rows.n_rows,
				   sizeof(*memory) + memory->rows.bytes};
	return &memory->lot;
}

struct lot *lot_keep(struct lot *lot)
{
	struct lot_memory *memory = (struct lot_memory *)lot;
	atomic_fetch_add_explicit(&memory->references, 1, memory_order_relaxed);
	return lot;
}

void lot_drop(struct lot *lot)
{
	struct lot_memory *memory = (struct lot_memory *)lot;
	if (!memory || atomic_fetch_sub_explicit(&memory->references, 1, memory_order_acq_rel) != 1)
		return;
	if (memory->batch) {
		tally_batch_drop(memory->ctx, memory->batch);
	} else {
		rowset_done(&memory->rows);
		catalog_drop(memory->catalog);
	}
	free(memory);
}
