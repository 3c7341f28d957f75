/*
 * Per table and level of rollup: up to when it is rolled up, and since when its rows are all there.
 * Kept in tally.marks and changed in the transaction that makes them true.
 */
#ifndef TALLYD_TIMESCALE_WATERMARKS_H
#define TALLYD_TIMESCALE_WATERMARKS_H

#include "pg/pg_connection.h"
#include "schema/schema.h"

/* For pg_ask(): the statement and its one parameter; and what its answer says. */
extern const char watermarks_statement[];
struct watermarks_table {
	const char *name;
	int length;
	struct pg_params params;
};
void watermarks_of(struct watermarks_table *room, const char *table);
void watermarks_read(const PGresult *result, struct watermarks *ret);

/* Levels as tally.marks has them: one that was added later is unknown to an older tallyd. */
extern const int watermarks_numbers[N_LEVELS];

int watermarks_load(struct pg_connection *pg, const char *table, struct watermarks *ret);
int watermarks_set_rolled_to(struct pg_connection *pg, const char *table, enum schema_level level,
			     int64_t time);
/* Marks after `now` come from a clock that was wrong: the levels are rolled up again from the
 * newest minute before `closed` that is rolled up, and rows count as complete from then on. */
int watermarks_rewind(struct pg_connection *pg, const struct stored_table *stored, int64_t now,
		      int64_t closed);
/* Never goes back. */
int watermarks_set_kept_from(struct pg_connection *pg, const char *table, enum schema_level level,
			     int64_t time);

#endif
