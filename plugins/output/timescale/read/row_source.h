/* Rows of a stream into an aggregator: after series and time a column per field. */
#ifndef TALLYD_TIMESCALE_ROW_SOURCE_H
#define TALLYD_TIMESCALE_ROW_SOURCE_H

#include "store/catalog.h"
#include "store/aggregator.h"
#include "read/row_stream.h"

/* Room for the row at hand. */
struct row_source {
	struct tally_cell cells[CATALOG_MAX_COLUMNS];
	struct accumulator accumulators[CATALOG_MAX_COLUMNS];
};

/* As aggregator_baseline(), aggregator_row() and aggregator_add_rolled().  Of a rolled-up bucket
 * the parts of each field follow the time, in their order, and then, if it matters, the time of its
 * newest row.
 */
bool row_source_baseline(struct row_source *source, struct aggregator *aggregator,
			 const struct row_stream *stream);
int row_source_row(struct row_source *source, struct aggregator *aggregator,
		   const struct row_stream *stream);
int row_source_rolled(struct row_source *source, struct aggregator *aggregator,
		      const struct row_stream *stream);

#endif
