/*
 * A rolled-up number in the file.  Of an integer, _sum, _min and _last are stored as distances from
 * _max: these are small or nothing where a value hardly changes, and SQLite stores small numbers
 * in few bytes.  A distance may wrap around, and back.  The views show the plain values.
 */
#ifndef TALLYD_SQLITE_ROLLUP_COLUMNS_H
#define TALLYD_SQLITE_ROLLUP_COLUMNS_H

#include "schema/schema.h"
#include "store/aggregator.h"

/* What must be read for a field's parts. */
uint8_t rollup_columns_needed(const struct aggregator_field *field);
void rollup_columns_append_columns(sqlite3_str *sql, const struct tally_column *column,
				   uint8_t parts);
/* From columns on that rollup_columns_needed() names; returns the one after them. */
int rollup_columns_read(sqlite3_stmt *row, int first, const struct aggregator_field *field,
			struct accumulator *ret);
/* Into parameters from at on: as many as schema_n_parts(). */
void rollup_columns_bind(sqlite3_stmt *put, int at, const struct aggregator_field *field,
			 const struct accumulator *measure);

/* The plain value of a part as an expression over the stored columns of r. */
void rollup_columns_append_plain(sqlite3_str *sql, const struct tally_column *column,
				 enum schema_part part);

#endif
