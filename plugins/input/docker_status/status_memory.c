#include <stdlib.h>
#include <string.h>

#include "docker_status.h"
#include "row_memory.h"
#include "status_row.h"
#include "status_table.h"

/* ---- Taking down ---- */

static void forget(struct docker_status *self)
{
	free(self->memory);
	self->memory = NULL;
	self->memory_len = 0;
}

/* One batch of all their rows; it is never emitted. */
static struct tally_batch *gather_rows(struct docker_status *self)
{
	struct tally_batch *batch = tally_batch_new(self->ctx, &status_table);
	int r = 0;
	for (uint32_t i = 0; batch && r == 0 && i < self->known.n; i++)
		if (self->known.items[i].batch)
			r = status_row_copy(self->ctx, batch, subject_row(&self->known.items[i]));
	if (r == 0)
		return batch;
	tally_batch_drop(self->ctx, batch);
	return NULL;
}

static void take_down(struct docker_status *self)
{
	forget(self);
	struct tally_batch *batch = gather_rows(self);
	if (!batch)
		return;
	if (tally_batch_encode(self->ctx, batch, &self->memory, &self->memory_len) < 0)
		self->memory = NULL;
	tally_batch_drop(self->ctx, batch);
}

static void write_down(struct docker_status *self)
{
	if (self->memory && row_memory_write(self->ctx, self->memory, self->memory_len) < 0)
		tally_log(self->ctx, TALLY_WARNING, "who is followed cannot be kept: %s",
			  tally_reason(self->ctx));
}

void status_memory_renew(struct docker_status *self)
{
	write_down(self);
	take_down(self);
}

void status_memory_save(struct docker_status *self)
{
	take_down(self);
	write_down(self);
	forget(self);
}

/* ---- Remembering ---- */

static bool remember(struct docker_status *self, const struct tally_batch *batch, uint32_t row)
{
	const struct tally_cell *cells = batch->cells + (size_t)row * STATUS_COLUMNS;
	const struct tally_cell *id = &cells[STATUS_CONTAINER_ID];
	struct subject *subject = &self->known.items[self->known.n];
	if (!id->set || id->len > DOCKER_ID_MAX || cells[STATUS_GONE_AT].set)
		return false;
	*subject = (struct subject){.age = -1, .batch = batch, .row = row};
	memcpy(subject->id, id->text, id->len);
	self->known.n++;
	return true;
}

void status_memory_load(struct docker_status *self)
{
	struct tally_batch *batch;
	if (self->known.n > 0 || row_memory_read(self->ctx, &status_table, &batch) < 0)
		return;
	free(self->known.items);
	self->known.items = calloc(batch->n_rows + 1, sizeof(struct subject));
	for (uint32_t i = 0; self->known.items && i < batch->n_rows; i++)
		if (remember(self, batch, i))
			tally_batch_keep(self->ctx, batch);
	subjects_sort(&self->known);
	tally_batch_drop(self->ctx, batch);
}
