/*
 * The tags of one series.  All of its rows have the same, so where a query reads rows of a single
 * series they are read once, instead of joined to each.
 */
#ifndef TALLYD_SQLITE_SERIES_TAGS_H
#define TALLYD_SQLITE_SERIES_TAGS_H

#include "read/readers.h"
#include "store/result_builder.h"

struct series_tags {
	/* _series, then all tags of the table as stored->tags has them.  It stays at its row, so
	 * that texts are where they are until the reader is given back. */
	sqlite3_stmt *row;
	uint32_t n; /* those that the query selects */
	struct {
		uint16_t in_row, in_answer;
	} places[CATALOG_MAX_COLUMNS];
	struct tally_cell cells[CATALOG_MAX_COLUMNS]; /* as the batch of this number has them */
	uint32_t batch;
};

/* Of a series that was found in the same snapshot.  1: there is the series; 0: there is none. */
int series_tags_find(struct series_tags *tags, struct reader *reader,
		     const struct bound_query *bound, int64_t series);
/* Into a row of the answer. */
int series_tags_put(struct series_tags *tags, struct result *result, struct tally_cell *row);
/* Whether the query's select has a tag there. */
bool series_tags_has(const struct bound_query *bound, uint32_t select);

#endif
