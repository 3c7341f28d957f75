/*
 * Between a statement and the aggregator, for queries (read/aggregate.c, on a query's thread) and
 * for rolling up (maintenance/rollup.c): both must read the same columns into the same sums, or a
 * rollup would say something else than its rows.  Texts of a cell are SQLite's until the next step,
 * which is long enough for a sum; what is kept, the aggregator copies.
 */
#include "read/row_source.h"

#include "bind.h"
#include "database.h"
#include "schema/rollup_columns.h"

enum { SOURCE_FIELDS = 1, SOURCE_NEWEST = 1, SOURCE_ROWS, SOURCE_PARTS };

static void row_source_read(struct row_source *source, const struct aggregator *aggregator,
			    sqlite3_stmt *row)
{
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		source->cells[f] =
			bind_read(row, SOURCE_FIELDS + (int)f, aggregator->fields[f].type);
}

int row_source_baseline(struct row_source *source, struct aggregator *aggregator,
			sqlite3_stmt *before)
{
	int r = 0;
	bool more = true;
	while (more && (r = database_step(aggregator->ctx, before)) > 0) {
		row_source_read(source, aggregator, before);
		more = aggregator_baseline(aggregator, source->cells,
					   sqlite3_column_int64(before, 0));
	}
	/* It was mostly left at a row, and would keep its parameters from being bound again. */
	sqlite3_reset(before);
	return r < 0 ? r : 0;
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
