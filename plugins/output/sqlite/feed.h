/* Rows of a statement into a sheet: the time first, then a column per field of the sheet. */
#ifndef TALLYD_SQLITE_FEED_H
#define TALLYD_SQLITE_FEED_H

#include <sqlite3.h>
#include "store/catalog.h"
#include "store/aggregator.h"

/* Room for the row at hand. */
struct feed {
	struct tally_cell cells[CATALOG_MAX_COLUMNS];
	struct sheet_measure measures[CATALOG_MAX_COLUMNS];
};

/* As sheet_look_back(), sheet_row() and sheet_add_rolled().  Of a rolled-up bucket the time of its
 * newest row and its rows follow the time, then the parts of each field (see parts.h). */
bool feed_look_back(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row);
int feed_row(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row);
int feed_rolled(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row);

#endif
