/*
 * Between a statement and the aggregator, for queries (read/aggregate.c, on a query's thread) and
 * for rolling up (maintenance/rollup.c): both must read the same columns into the same sums, or a
 * rollup would say something else than its rows.  Texts of a cell are SQLite's until the next step,
 * which is long enough for a sum; what is kept, the aggregator copies.
 */
#include "read/row_source.h"

#include "bind.h"
#include "schema/rollup_columns.h"

enum { SOURCE_FIELDS = 1, SOURCE_NEWEST = 1, SOURCE_ROWS, SOURCE_PARTS };

static void row_source_read(struct row_source *source, const struct aggregator *aggregator,
			    sqlite3_stmt *row)
{
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		source->cells[f] =
			bind_read(row, SOURCE_FIELDS + (int)f, aggregator->fields[f].type);
}

bool row_source_baseline(struct row_source *source, struct aggregator *aggregator,
			 sqlite3_stmt *row)
{
	row_source_read(source, aggregator, row);
	return aggregator_baseline(aggregator, source->cells, sqlite3_column_int64(row, 0));
}

int row_source_row(struct row_source *source, struct aggregator *aggregator, sqlite3_stmt *row)
{
	row_source_read(source, aggregator, row);
	return aggregator_row(aggregator, source->cells, sqlite3_column_int64(row, 0));
}

int row_source_rolled(struct row_source *source, struct aggregator *aggregator, sqlite3_stmt *row)
{
	const struct aggregator_rolled rolled = {.time = sqlite3_column_int64(row, 0),
						 .newest = sqlite3_column_int64(row, SOURCE_NEWEST),
						 .rows = sqlite3_column_int64(row, SOURCE_ROWS),
						 .accumulators = source->accumulators};
	int at = SOURCE_PARTS;
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		at = rollup_columns_read(row, at, &aggregator->fields[f], &source->accumulators[f]);
	return aggregator_add_rolled(aggregator, &rolled);
}
