/*
 * Which column of a batch is which column of the stored table.  A batch may be of an older or a
 * newer declaration than what is stored, so they are matched by name.  Used by the thread that
 * writes.
 */
#ifndef TALLYD_PLUGINS_COMMON_BATCH_MAP_H
#define TALLYD_PLUGINS_COMMON_BATCH_MAP_H

#include <tallyd/host.h>

#include "store/catalog.h"

struct batch_map {
	const struct tally_batch *batch;
	int16_t at[CATALOG_MAX_COLUMNS]; /* of a stored column in the batch; -1: nowhere */
};

void batch_map_init(struct batch_map *map, const struct stored_table *stored,
		    const struct tally_batch *batch);

static inline const struct tally_cell *batch_map_row(const struct batch_map *map, uint32_t row)
{
	return &map->batch->cells[(size_t)row * map->batch->table->n_columns];
}

/* Of a row, so that who reads many of its cells finds it once. */
static inline const struct tally_cell *
batch_map_cell_of(const struct batch_map *map, const struct tally_cell *row, uint32_t column)
{
	static const struct tally_cell null;
	int16_t at = map->at[column];
	return at < 0 ? &null : &row[at];
}

static inline const struct tally_cell *batch_map_cell(const struct batch_map *map, uint32_t row,
						      uint32_t column)
{
	return batch_map_cell_of(map, batch_map_row(map, row), column);
}

/* Why a row cannot be stored whatever the database says; NULL: it can. */
const char *batch_map_fault(const struct batch_map *map, const struct stored_table *stored,
			    uint32_t row);

#endif
