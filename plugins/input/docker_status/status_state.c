/*
 * The state file: the newest rows of the containers that are followed.  docker_status.c loads it in
 * start(), status_scan.c and stop() save it, all on the instance's thread.
 *
 * Without it, a container removed while the daemon was down would look as if it ran for ever: its
 * gone_at can be emitted only if its last row is known.  The file is one batch, encoded as in a
 * spool.  What can fail: reading or writing, which is logged; then the daemon starts without state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "docker_status.h"
#include "state_file.h"
#include "status_row.h"
#include "containers/status_table.h"

/* ---- Writing ---- */

/* One batch of all rows; it is never emitted, only encoded. */
static int collect_rows(struct docker_status *self, struct tally_batch *batch)
{
	const struct tally_batch *gone = self->gone;
	int r = 0;
	for (uint32_t i = 0; gone && r == 0 && i < gone->n_rows; i++)
		r = status_row_copy(self->ctx, batch, gone->cells + (size_t)i * STATUS_COLUMNS);
	for (uint32_t i = 0; r == 0 && i < self->known.n; i++)
		r = status_row_copy(self->ctx, batch, status_container_row(&self->known.items[i]));
	return r;
}

void status_state_save(struct docker_status *self)
{
	struct tally_batch *batch = tally_batch_new(self->ctx, &status_table);
	void *bytes = NULL;
	size_t len = 0;
	int r = batch ? collect_rows(self, batch) : -ENOMEM;
	if (r == 0)
		r = tally_batch_encode(self->ctx, batch, &bytes, &len);
	if (r == 0)
		r = state_file_write(self->ctx, bytes, len);
	if (r < 0)
		tally_log(self->ctx, TALLY_WARNING,
			  "cannot save the state file, so containers removed while the daemon is "
			  "down "
			  "will not be noticed: %s",
			  strerror(-r));
	if (batch)
		tally_batch_drop(self->ctx, batch);
	free(bytes);
}

/* ---- Reading ---- */

static void restore(struct docker_status *self, const struct tally_batch *batch, uint32_t row)
{
	const struct tally_cell *cells = batch->cells + (size_t)row * STATUS_COLUMNS;
	const struct tally_cell *id = &cells[STATUS_CONTAINER_ID];
	struct status_container *entry = &self->known.items[self->known.n];
	if (!id->set || id->len > DOCKER_ID_MAX)
		return;
	/* Rows with gone_at are emitted again, since they may not have reached the store. */
	if (cells[STATUS_GONE_AT].set) {
		if (!self->gone)
			self->gone = tally_batch_new(self->ctx, &status_table);
		if (self->gone)
			status_row_copy(self->ctx, self->gone, cells);
		return;
	}
	*entry = (struct status_container){.age = -1, .batch = batch, .row = row};
	memcpy(entry->id, id->text, id->len);
	tally_batch_keep(self->ctx, batch);
	self->known.n++;
}

void status_state_load(struct docker_status *self)
{
	struct tally_batch *batch;
	if (self->known.n > 0 || state_file_read(self->ctx, &status_table, &batch) < 0)
		return;
	free(self->known.items);
	self->known.items = calloc(batch->n_rows + 1, sizeof(struct status_container));
	for (uint32_t i = 0; self->known.items && i < batch->n_rows; i++)
		restore(self, batch, i);
	status_containers_sort(&self->known);
	tally_batch_drop(self->ctx, batch);
}
