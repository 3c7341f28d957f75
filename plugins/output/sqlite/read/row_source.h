/* Rows of a statement into an aggregator: the time first, then a column per field. */
#ifndef TALLYD_SQLITE_ROW_SOURCE_H
#define TALLYD_SQLITE_ROW_SOURCE_H

#include <sqlite3.h>
#include "store/catalog.h"
#include "store/aggregator.h"

/* Room for the current row. */
struct row_source {
	struct tally_cell cells[CATALOG_MAX_COLUMNS];
	struct accumulator accumulators[CATALOG_MAX_COLUMNS];
};

/* As aggregator_row() and aggregator_add_rolled().  Of a rolled-up bucket
 * the time of its newest row and its rows follow the time, then the parts of each field (see
 * parts.h). */
int row_source_row(struct row_source *source, struct aggregator *aggregator, sqlite3_stmt *row);
int row_source_rolled(struct row_source *source, struct aggregator *aggregator, sqlite3_stmt *row);

/* Steps through the rows before a range, newest first, until each counter has its baseline. */
int row_source_baseline(struct row_source *source, struct aggregator *aggregator,
			sqlite3_stmt *before);

#endif
