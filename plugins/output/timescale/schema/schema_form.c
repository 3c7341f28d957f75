/*
 * How a declared table lies in the database, as far as more than one file has to agree on it: the
 * statements that make a table, those that partition it, its views and the writer.  Every function
 * here derives its answer from the declaration alone, asks nobody and cannot fail, so it may be
 * called on any thread.  This is a leaf: it calls no other file of the schema, which is what keeps
 * partitioning.c below schema_sql.c.
 */
#include "schema/schema.h"

uint16_t schema_part_type(const struct tally_column *column, enum schema_part part)
{
	if (part == PART_COUNT)
		return TALLY_INT;
	if (part == PART_SPAN || column->type == TALLY_REAL)
		return TALLY_REAL;
	return TALLY_INT;
}

/* timestamptz counts in microseconds, an engine stamps a log line in nanoseconds; the rest has to
 * be part of the key. */
bool schema_has_nanos(const struct stored_table *stored)
{
	return stored->table.kind == TALLY_LOG;
}

/* The hourly and the daily rollup stay plain tables: a year of one series is 8,760 and 365 rows,
 * and each partition costs every query that has to plan over it. */
bool schema_is_partitioned(const struct stored_table *stored, enum schema_level level)
{
	return stored->table.kind != TALLY_STATE &&
	       (level == LEVEL_ROWS || (level == LEVEL_MINUTE && stored->n_numbers));
}

bool schema_in_rows(const struct stored_table *stored, uint32_t c)
{
	return stored->table.kind == TALLY_STATE || stored->table.columns[c].role != TALLY_TAG;
}
