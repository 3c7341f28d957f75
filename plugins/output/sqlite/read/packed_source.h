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

/* columns: of the table, one for each field; none is a tag.  source->rows.newest_first is set
 * before, all else is 0. */
int packed_source_prepare(struct packed_source *source, struct reader *reader,
			  const struct tally_table *table, const uint16_t *columns,
			  uint32_t n_columns);
/* Rows of a series with from <= time < to, one after the other.  1: there is one, whose time and
 * values can be had; 0: there is none. */
int packed_source_begin(struct packed_source *source, int64_t series, int64_t from, int64_t to);
int packed_source_next(struct packed_source *source);
int64_t packed_source_time(const struct packed_source *source);
/* Of a field; a text is valid until the next row. */
int packed_source_value(struct packed_source *source, uint32_t field, uint16_t type,
			struct tally_cell *ret);
void packed_source_end(struct packed_source *source);
/* All of them. */
int packed_source_read(struct packed_source *source, struct row_source *row,
		       struct aggregator *aggregator, int64_t series, int64_t from, int64_t to);

#endif
