/*
 * One allocation holds the batch and its first rows; cells grow by doubling, text goes into a
 * chain of arena blocks.  Nothing is shared between batches, so dropping the last reference
 * is a walk over a few lists.
 */
#include "batch.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_FIRST_ROWS = 16, BATCH_BLOCK_SIZE = 8 * 1024 };

struct batch_block {
	struct batch_block *next;
	size_t used, size;
	char bytes[];
};

struct batch_adopted {
	struct batch_adopted *next;
	void *memory;
	void (*free_fn)(void *memory);
};

struct batch {
	struct tally_batch public; /* first: the pointer handed out */
	struct tally_cell *cells;
	uint32_t capacity; /* rows */
	atomic_uint references;
	size_t bytes;
	struct batch_block *blocks;
	struct batch_adopted *adopted;
};

static struct batch *batch_of(const struct tally_batch *public)
{
	return (struct batch *)(uintptr_t) public;
}

struct tally_batch *batch_create(const struct tally_table *table)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->public.table = table;
	batch->bytes = sizeof(*batch);
	atomic_init(&batch->references, 1);
	return &batch->public;
}

static int batch_grow(struct batch *batch)
{
	uint32_t rows = batch->capacity ? batch->capacity * 2 : BATCH_FIRST_ROWS;
	size_t row_size = batch->public.table->n_columns * sizeof(struct tally_cell);
	if (rows < batch->capacity)
		return -ENOMEM;
	struct tally_cell *cells = realloc(batch->cells, rows * row_size);
	if (!cells)
		return -ENOMEM;
	batch->bytes += (rows - batch->capacity) * row_size;
	batch->cells = cells;
	batch->public.cells = cells;
	batch->capacity = rows;
	return 0;
}

struct tally_cell *batch_row(struct tally_batch *public)
{
	struct batch *batch = batch_of(public);
	if (public->n_rows == batch->capacity && batch_grow(batch) < 0)
		return NULL;
	uint32_t n = public->table->n_columns;
	struct tally_cell *row = batch->cells + (size_t) public->n_rows++ * n;
	memset(row, 0, n * sizeof(*row));
	return row;
}

static struct batch_block *batch_block(struct batch *batch, size_t len)
{
	struct batch_block *block = batch->blocks;
	if (block && block->size - block->used >= len)
		return block;
	size_t size = len > BATCH_BLOCK_SIZE ? len : BATCH_BLOCK_SIZE;
	block = malloc(sizeof(*block) + size);
	if (!block)
		return NULL;
	*block = (struct batch_block){.next = batch->blocks, .size = size};
	batch->blocks = block;
	batch->bytes += sizeof(*block) + size;
	return block;
}

const char *batch_copy(struct tally_batch *public, const char *text, size_t len)
{
	struct batch_block *block = batch_block(batch_of(public), len);
	if (!block)
		return NULL;
	char *copy = block->bytes + block->used;
	memcpy(copy, text, len);
	block->used += len;
	return copy;
}

int batch_adopt(struct tally_batch *public, void *memory, size_t size, void (*free_fn)(void *))
{
	struct batch *batch = batch_of(public);
	struct batch_adopted *adopted = malloc(sizeof(*adopted));
	if (!adopted)
		return -ENOMEM;
	*adopted = (struct batch_adopted){batch->adopted, memory, free_fn};
	batch->adopted = adopted;
	batch->bytes += sizeof(*adopted) + size;
	return 0;
}

void batch_keep(const struct tally_batch *public)
{
	atomic_fetch_add_explicit(&batch_of(public)->references, 1, memory_order_relaxed);
}

static void batch_destroy(struct batch *batch)
{
	while (batch->blocks) {
		struct batch_block *block = batch->blocks;
		batch->blocks = block->next;
		free(block);
	}
	while (batch->adopted) {
		struct batch_adopted *adopted = batch->adopted;
		batch->adopted = adopted->next;
		adopted->free_fn(adopted->memory);
		free(adopted);
	}
	free(batch->cells);
	free(batch);
}

void batch_drop(const struct tally_batch *public)
{
	if (!public)
		return;
	struct batch *batch = batch_of(public);
	if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) == 1)
		batch_destroy(batch);
}

size_t batch_bytes(const struct tally_batch *public)
{
	return batch_of(public)->bytes;
}
