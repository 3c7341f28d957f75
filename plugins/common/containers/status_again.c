/* See status_again.h.  What can fail is memory only. */
#include "containers/status_again.h"

#include <errno.h>
#include <string.h>

/* Texts are copied, since the previous row's batch may be freed first; numbers are in the cell.
 * An empty text is none. */
int status_cell_copy(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		     uint32_t column, const struct tally_cell *from)
{
	const struct tally_cell *cell = &from[column];
	uint16_t type = status_table.columns[column].type;
	if (!cell->set)
		return 0;
	if (type != TALLY_TEXT && type != TALLY_JSON) {
		row[column] = *cell;
		return 0;
	}
	if (cell->len == 0)
		return 0;
	return tally_put_text(ctx, batch, row, column, cell->text, cell->len);
}

/* From one column up to another. */
static int copy_cells(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		      const struct tally_cell *from, uint32_t begin, uint32_t end)
{
	int r = 0;
	for (uint32_t i = begin; r == 0 && i < end; i++)
		r = status_cell_copy(ctx, batch, row, i, from);
	return r;
}

int status_row_add_gone(struct tally_ctx *ctx, struct tally_batch *batch,
			const struct tally_cell *previous, int64_t time, int64_t gone)
{
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		return -ENOMEM;
	/* All that is known is kept, so that a client can still show what the container was. */
	int r = copy_cells(ctx, batch, row, previous, STATUS_HOST, STATUS_COLUMNS);
	row[STATUS_STATUS].set = row[STATUS_HEALTH].set = row[STATUS_HEALTH_OUTPUT].set = false;
	tally_put_int(row, STATUS_TIME, time);
	tally_put_int(row, STATUS_GONE_AT, gone);
	if (r == 0)
		r = tally_put_text(ctx, batch, row, STATUS_STATE, "removed", strlen("removed"));
	return r;
}

int status_row_copy(struct tally_ctx *ctx, struct tally_batch *batch, const struct tally_cell *from)
{
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		return -ENOMEM;
	tally_put_int(row, STATUS_TIME, from[STATUS_TIME].i);
	return copy_cells(ctx, batch, row, from, STATUS_HOST, STATUS_COLUMNS);
}

bool status_cell_is(const struct tally_cell *cell, const char *text)
{
	size_t len = cell->set ? cell->len : 0;
	return strlen(text) == len && (len == 0 || memcmp(cell->text, text, len) == 0);
}
