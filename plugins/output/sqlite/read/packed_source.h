/*
 * Rows of a series, some of them packed, for a query: which of the tables has all of them, and, for
 * an aggregate without filters on fields, a way past SQL into the aggregator.
 */
#ifndef TALLYD_SQLITE_PACKED_SOURCE_H
#define TALLYD_SQLITE_PACKED_SOURCE_H

#include "packed/packed_rows.h"
#include "read/readers.h"
#include "read/row_source.h"
#include "store/bound_query.h"

struct packed_source {
	struct reader *reader;
	const struct tally_table *table;
	struct packed_rows rows;
	uint16_t wanted[CATALOG_MAX_COLUMNS + 1]; /* the time, and a column of each field */
};

/* Whether some rows from then on, of the table that the reader was asked for, are packed. */
int packed_source_find(struct reader *reader, int64_t from, bool *ret);
/* What of a table has all those rows. */
const char *packed_source_suffix(bool packed);

/* columns: of the table, one for each field; none is a tag. */
int packed_source_prepare(struct packed_source *source, struct reader *reader,
			  const struct tally_table *table, const uint16_t *columns,
			  uint32_t n_columns);
/* All rows of a series with from <= time < to. */
int packed_source_read(struct packed_source *source, struct row_source *row,
		       struct aggregator *aggregator, int64_t series, int64_t from, int64_t to);

#endif
