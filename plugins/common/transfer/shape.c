/*
 * Names and types of the cells, one part of a table after the other.  Both ends of a transfer make
 * the same shape of the same declaration, so that nothing but cells has to be sent.
 */
#include "transfer/shape.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/log_lines.h"

static void shape_add(struct transfer_shape *shape, const struct transfer_cell *cell)
{
	if (shape->n < shape->size)
		shape->cells[shape->n++] = *cell;
}

static void shape_own(struct transfer_shape *shape, const char *name, uint16_t type)
{
	struct transfer_cell cell = {.type = type, .column = TRANSFER_OWN, .part = -1};
	snprintf(cell.name, sizeof(cell.name), "%s", name);
	shape_add(shape, &cell);
}

static void shape_column(struct transfer_shape *shape, uint32_t c)
{
	const struct tally_column *column = &shape->stored->table.columns[c];
	struct transfer_cell cell = {.type = column->type, .column = (uint16_t)c, .part = -1};
	snprintf(cell.name, sizeof(cell.name), "%s", column->name);
	shape_add(shape, &cell);
}

/* Counts and spans are integers, whatever the number is; a BOOL is rolled up as 0 and 1. */
static uint16_t shape_part_type(const struct tally_column *column, uint32_t part)
{
	bool real = column->type == TALLY_REAL && part != PART_COUNT && part != PART_SPAN;
	return real ? TALLY_REAL : TALLY_INT;
}

static void shape_number(struct transfer_shape *shape, uint32_t c)
{
	const struct tally_column *column = &shape->stored->table.columns[c];
	uint32_t n = schema_n_parts(column);
	for (uint32_t part = 0; part < n; part++) {
		struct transfer_cell cell = {.type = shape_part_type(column, part),
					     .column = (uint16_t)c,
					     .part = (int16_t)part,
					     .last = part + 1 == n};
		snprintf(cell.name, sizeof(cell.name), "%s_%s", column->name, schema_parts[part]);
		shape_add(shape, &cell);
	}
}

static void shape_rollup(struct transfer_shape *shape)
{
	shape_own(shape, "time", TALLY_TIME);
	shape_own(shape, "newest", TALLY_TIME);
	shape_own(shape, "rows", TALLY_INT);
	for (uint32_t i = 0; i < shape->stored->n_numbers; i++)
		shape_number(shape, shape->stored->numbers[i]);
}

static void shape_cells(struct transfer_shape *shape)
{
	const struct stored_table *stored = shape->stored;
	bool state = stored->table.kind == TALLY_STATE;
	if (!state)
		shape_own(shape, "_series", TALLY_INT);
	shape->time = shape->n;
	if (shape->part > LEVEL_ROWS) {
		shape_rollup(shape);
		return;
	}
	for (uint32_t i = 0; shape->part == TRANSFER_SERIES && i < stored->n_tags; i++)
		shape_column(shape, stored->tags[i]);
	for (uint32_t c = 0; shape->part == LEVEL_ROWS && c < stored->table.n_columns; c++)
		if (state || stored->table.columns[c].role != TALLY_TAG)
			shape_column(shape, c);
}

int transfer_shape_init(struct transfer_shape *shape, const struct stored_table *stored, int part)
{
	*shape = (struct transfer_shape){.stored = stored, .part = part};
	shape->size = 4 + stored->table.n_columns + stored->n_numbers * N_PARTS;
	shape->cells = calloc(shape->size, sizeof(*shape->cells));
	if (!shape->cells)
		return -ENOMEM;
	shape->timed = stored->table.kind != TALLY_STATE && part != TRANSFER_SERIES;
	snprintf(shape->relation, sizeof(shape->relation), "%s%s", stored->table.name,
		 part == TRANSFER_SERIES ? "_series" : "");
	if (part != TRANSFER_SERIES)
		snprintf(shape->relation, sizeof(shape->relation), "%s%s_rows", stored->table.name,
			 schema_levels[part].suffix);
	shape_cells(shape);
	return 0;
}

void transfer_shape_done(struct transfer_shape *shape)
{
	free(shape->cells);
	shape->cells = NULL;
}

int transfer_first_part(const struct stored_table *stored)
{
	return stored->table.kind == TALLY_STATE ? LEVEL_ROWS : TRANSFER_SERIES;
}

int transfer_last_part(const struct stored_table *stored)
{
	return stored->n_numbers ? LEVEL_DAY : LEVEL_ROWS;
}

/* Small enough for a transaction that a busy machine can afford, of some hundred containers. */
int64_t transfer_stretch(int part)
{
	switch (part) {
	case LEVEL_ROWS:
	case LEVEL_MINUTE:
		return 6 * CLOCK_HOUR;
	case LEVEL_FIVE:
		return CLOCK_DAY;
	case LEVEL_HOUR:
		return 20 * CLOCK_DAY;
	default:
		return 400 * CLOCK_DAY;
	}
}

const struct stored_table *transfer_counted_log(struct catalog *catalog,
						const struct stored_table *lines)
{
	static const char suffix[] = "_lines";
	const char *name = lines->table.name;
	char log[64];
	size_t len = strlen(name), cut = sizeof(suffix) - 1;
	if (len <= cut || len - cut >= sizeof(log) || strcmp(name + len - cut, suffix) != 0)
		return NULL;
	memcpy(log, name, len - cut);
	log[len - cut] = '\0';
	const struct stored_table *stored = catalog_find(catalog, log);
	return stored && log_lines_are_counted(stored) ? stored : NULL;
}
