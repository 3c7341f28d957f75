/*
 * Both writers make a map per batch and read every cell through it.  Nearly always the declarations
 * are the same, so the column at the same place is tried before a search by name.
 */
#include "store/batch_map.h"

#include <string.h>

void batch_map_init(struct batch_map *map, const struct stored_table *stored,
		    const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	map->batch = batch;
	for (uint32_t c = 0; c < stored->table.n_columns; c++) {
		const char *name = stored->table.columns[c].name;
		bool here = c < table->n_columns && strcmp(table->columns[c].name, name) == 0;
		map->at[c] = here ? (int16_t)c : (int16_t)catalog_column(table, name);
	}
}

/* Time and order are part of a row's key, and a key is never NULL. */
const char *batch_map_fault(const struct batch_map *map, const struct stored_table *stored,
			    uint32_t row)
{
	if (!batch_map_cell(map, row, 0)->set)
		return "its time is NULL";
	if (stored->order && !batch_map_cell(map, row, stored->order)->set)
		return "its order is NULL";
	return NULL;
}
