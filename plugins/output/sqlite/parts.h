/*
 * A rolled-up number in the file.  Of an integer, _sum, _min and _last are stored as distances from
 * _max: these are small or nothing where a value hardly changes, and SQLite stores small numbers
 * in few bytes.  A distance may wrap around, and back.  The views show the plain values.
 */
#ifndef TALLYD_SQLITE_PARTS_H
#define TALLYD_SQLITE_PARTS_H

#include "schema.h"
#include "store/aggregator.h"

/* What must be read for a field's parts. */
uint8_t parts_needed(const struct sheet_field *field);
void parts_append_columns(sqlite3_str *sql, const struct tally_column *column, uint8_t parts);
/* From columns on that parts_needed() names; returns the one after them. */
int parts_read(sqlite3_stmt *row, int first, const struct sheet_field *field,
	       struct sheet_measure *ret);
/* Into parameters from at on: as many as schema_n_parts(). */
void parts_bind(sqlite3_stmt *put, int at, const struct sheet_field *field,
		const struct sheet_measure *measure);

/* The plain value of a part as an expression over the stored columns of r. */
void parts_append_plain(sqlite3_str *sql, const struct tally_column *column, enum schema_part part);

#endif
