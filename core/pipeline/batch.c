/*
 * Cells grow by doubling, text goes into a chain of arena blocks.  Nothing is shared between
 * batches but pins, so dropping the last reference is a walk over a few lists.
 *
 * A plugin may get it wrong: add to a batch that it has emitted, emit or drop one twice.  The
 * structs (not the rows) of the batches that went last are kept a while for that, so that a call
 * too many finds one that says it is gone, instead of memory that is somebody else's by now.
 */
#include "pipeline/batch_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "process/crash.h"
#include "process/log.h"
#include "plugin/pin.h"

enum { BATCH_FIRST_ROWS = 16, BATCH_BLOCK_SIZE = 8 * 1024, BATCH_KEPT_GONE = 1024 };

/* ---- Mistakes --------------------------------------------------------------- */

static void batch_log_misuse(const struct batch *batch, const char *what)
{
	log_message(TALLY_ERROR, batch->owner, "plugin bug: %s", what);
}

/* False: it is being built, as it should be. */
static bool batch_is_sealed(const struct batch *batch)
{
	int state = atomic_load(&batch->state);
	if (state == BATCH_BUILT)
		return false;
	batch_log_misuse(batch, state == BATCH_EMITTED ? "it changes a batch that it has emitted"
						       : "it uses a batch that was freed");
	return true;
}

/* ---- Building --------------------------------------------------------------- */

/* The owner's name outlives the instance (plugin_api_for_ever()), so a message about a batch can
 * be written long after. */
struct tally_batch *batch_create_pinned(const struct tally_table *table, struct pin *pin)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (!batch)
		return NULL;
	batch->public.table = table;
	batch->bytes = sizeof(*batch);
	batch->pin = pin_keep(pin);
	batch->owner = pin ? pin_name(pin) : "daemon";
	atomic_init(&batch->references, 1);
	return &batch->public;
}

struct tally_batch *batch_create(const struct tally_table *table)
{
	return batch_create_pinned(table, NULL);
}

/* Doubling, so that building a batch costs O(rows); the cells may move, which is why plugins get
 * a row at a time and must not keep an older one's address. */
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

/* Zeroed, because a cell that is not set is NULL, and unknown is never 0. */
struct tally_cell *batch_row(struct tally_batch *public)
{
	struct batch *batch = batch_of(public);
	if (!public || batch_is_sealed(batch))
		return NULL;
	if (public->n_rows == batch->capacity && batch_grow(batch) < 0)
		return NULL;
	uint32_t n = public->table->n_columns;
	struct tally_cell *row = batch->cells + (size_t) public->n_rows++ * n;
	memset(row, 0, n * sizeof(*row));
	return row;
}

/* Texts of a batch share blocks: one allocation for some hundred of them, and one free. */
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

/* Ends with a NUL that len does not count, for outputs that hand texts to C libraries. */
const char *batch_copy(struct tally_batch *public, const char *text, size_t len)
{
	if (!public || (!text && len) || len > UINT32_MAX || batch_is_sealed(batch_of(public)))
		return NULL;
	struct batch_block *block = batch_block(batch_of(public), len + 1);
	if (!block)
		return NULL;
	char *copy = block->bytes + block->used;
	if (len)
		memcpy(copy, text, len);
	copy[len] = '\0';
	block->used += len + 1;
	return copy;
}

/* The memory is the batch's only on success; after an error the caller still has to free it. */
int batch_adopt(struct tally_batch *public, void *memory, size_t size, void (*free_fn)(void *))
{
	if (!public || !free_fn || batch_is_sealed(batch_of(public)))
		return -EINVAL;
	struct batch *batch = batch_of(public);
	struct batch_adopted *adopted = malloc(sizeof(*adopted));
	if (!adopted)
		return -ENOMEM;
	*adopted = (struct batch_adopted){batch->adopted, memory, free_fn};
	batch->adopted = adopted;
	batch->bytes += sizeof(*adopted) + size;
	return 0;
}

/* By compare and exchange, since two threads of a plugin may emit the same batch: one of them
 * wins, the other gets an error. */
int batch_seal(struct tally_batch *public, struct pin *pin)
{
	struct batch *batch = batch_of(public);
	int built = BATCH_BUILT;
	if (!atomic_compare_exchange_strong(&batch->state, &built, BATCH_EMITTED)) {
		batch_log_misuse(batch, built == BATCH_EMITTED ? "it emits a batch twice"
							       : "it emits a batch that was freed");
		return -EINVAL;
	}
	if (pin != batch->pin)
		batch->other_pin = pin_keep(pin);
	return 0;
}

/* ---- References ------------------------------------------------------------- */

void batch_keep(const struct tally_batch *public)
{
	if (!public)
		return;
	if (atomic_load_explicit(&batch_of(public)->state, memory_order_relaxed) == BATCH_GONE) {
		batch_log_misuse(batch_of(public), "it keeps a batch that was freed");
		return;
	}
	atomic_fetch_add_explicit(&batch_of(public)->references, 1, memory_order_relaxed);
}

/* Foreign memory is freed by the plugin's own function, with its name noted: a crash in there is
 * the plugin's. */
static void batch_destroy(struct batch *batch)
{
	static _Atomic(struct batch *) gone[BATCH_KEPT_GONE];
	static atomic_uint next;
	while (batch->blocks) {
		struct batch_block *block = batch->blocks;
		batch->blocks = block->next;
		free(block);
	}
	while (batch->adopted) {
		struct batch_adopted *adopted = batch->adopted;
		batch->adopted = adopted->next;
		const char *before = crash_enter(batch->owner);
		adopted->free_fn(adopted->memory);
		crash_leave(before);
		free(adopted);
	}
	free(batch->cells);
	batch->cells = NULL;
	batch->public.cells = NULL;
	batch->public.n_rows = 0;
	pin_drop(batch->other_pin);
	batch->other_pin = NULL;
	pin_drop(batch->pin);
	batch->pin = NULL;
	/* A plugin that drops a batch twice, or uses one that it has dropped, would corrupt the
	 * heap in a place that has nothing to do with it.  The struct alone is kept for a while,
	 * so that such calls find BATCH_GONE and are logged under the plugin's name. */
	struct batch *oldest =
		atomic_exchange(&gone[atomic_fetch_add(&next, 1) % BATCH_KEPT_GONE], batch);
	free(oldest);
}

/* Acquire and release, so that whoever frees the rows sees the last read of every other thread
 * done. */
void batch_drop(const struct tally_batch *public)
{
	if (!public)
		return;
	struct batch *batch = batch_of(public);
	if (atomic_load_explicit(&batch->state, memory_order_relaxed) == BATCH_GONE) {
		batch_log_misuse(batch, "it drops a batch that was freed");
		return;
	}
	if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) != 1)
		return;
	atomic_store(&batch->state, BATCH_GONE);
	batch_destroy(batch);
}

size_t batch_bytes(const struct tally_batch *public)
{
	return public ? batch_of(public)->bytes : 0;
}
