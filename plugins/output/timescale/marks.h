/*
 * Per table and level of rollup: up to when it is rolled up, and since when its rows are all there.
 * Kept in tally.marks and changed in the transaction that makes them true.
 */
#ifndef TALLYD_TIMESCALE_MARKS_H
#define TALLYD_TIMESCALE_MARKS_H

#include "pg/pg_connection.h"
#include "schema.h"

/* For pg_ask(): the statement and its one parameter; and what its answer says. */
extern const char marks_statement[];
struct marks_table {
	const char *name;
	int length;
	struct pg_params params;
};
void marks_of(struct marks_table *room, const char *table);
void marks_read(const PGresult *result, struct marks *ret);

/* Levels as tally.marks has them: one that was added later is unknown to an older tallyd. */
extern const int marks_numbers[N_LEVELS];

int marks_load(struct pg_connection *pg, const char *table, struct marks *ret);
int marks_set_rolled_to(struct pg_connection *pg, const char *table, enum schema_level level,
			int64_t time);
/* What lies after `now` was noted by a clock that was wrong: the levels are rolled up again from
 * the newest minute before `closed` that is, and from then on rows are taken to be all there. */
int marks_draw_back(struct pg_connection *pg, const struct stored_table *stored, int64_t now,
		    int64_t closed);
/* Never goes back. */
int marks_set_kept_from(struct pg_connection *pg, const char *table, enum schema_level level,
			int64_t time);

#endif
