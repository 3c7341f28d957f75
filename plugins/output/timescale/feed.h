/* Rows of a stream into a sheet: after series and time a column per field of the sheet. */
#ifndef TALLYD_TIMESCALE_FEED_H
#define TALLYD_TIMESCALE_FEED_H

#include "store/catalog.h"
#include "store/aggregator.h"
#include "stream.h"

/* Room for the row at hand. */
struct feed {
	struct tally_cell cells[CATALOG_MAX_COLUMNS];
	struct sheet_measure measures[CATALOG_MAX_COLUMNS];
};

/* As sheet_look_back(), sheet_row() and sheet_add_rolled().  Of a rolled-up bucket the parts of
 * each field follow the time, in their order, and then, if it matters, the time of its newest row.
 */
bool feed_look_back(struct feed *feed, struct sheet *sheet, const struct stream *stream);
int feed_row(struct feed *feed, struct sheet *sheet, const struct stream *stream);
int feed_rolled(struct feed *feed, struct sheet *sheet, const struct stream *stream);

#endif
