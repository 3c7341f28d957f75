/*
 * A few result sets in a ring, so that old rows leave a part at a time.  Called by the subscriber,
 * which adds, and by the poller, which takes all.
 */
#include "live/held_rows.h"

#include <string.h>

static struct result_set *held_rows_part(struct held_rows *held, uint32_t i)
{
	return &held->parts[(held->oldest + i) % HELD_ROWS_PARTS];
}

void held_rows_done(struct held_rows *held)
{
	for (uint32_t i = 0; i < held->n; i++)
		result_set_done(held_rows_part(held, i));
	held->oldest = held->n = 0;
	held->dropped = false;
}

static void held_rows_drop_oldest(struct held_rows *held)
{
	result_set_done(held_rows_part(held, 0));
	held->oldest = (held->oldest + 1) % HELD_ROWS_PARTS;
	held->n--;
	held->dropped = true;
}

void held_rows_add(struct held_rows *held, const struct tally_batch *row, size_t max)
{
	struct result_set *part = held->n ? held_rows_part(held, held->n - 1) : NULL;
	if (part && part->n_columns != row->table->n_columns) {
		held_rows_done(held);
		held->dropped = true;
		part = NULL;
	}
	if (!part || part->bytes >= max / HELD_ROWS_PARTS) {
		if (held->n == HELD_ROWS_PARTS)
			held_rows_drop_oldest(held);
		part = held_rows_part(held, held->n++);
		result_set_init(part, row->table->n_columns);
	}
	if (result_set_add(part, row) < 0)
		held->dropped = true;
}

const struct tally_cell *held_rows_first(const struct held_rows *held)
{
	for (uint32_t i = 0; i < held->n; i++) {
		const struct result_set *part = &held->parts[(held->oldest + i) % HELD_ROWS_PARTS];
		if (part->n_rows)
			return result_set_row(part, 0);
	}
	return NULL;
}
