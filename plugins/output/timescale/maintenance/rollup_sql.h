/* The statements that fill rollups, appended: buckets from, to (whole ones of the level). */
#ifndef TALLYD_TIMESCALE_ROLLUP_SQL_H
#define TALLYD_TIMESCALE_ROLLUP_SQL_H

#include "maintenance/rollup.h"

void rollup_sql_minutes(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to);
/* Of a level above the minutes, from the one below it. */
void rollup_sql_coarser(const struct rollup *rollup, enum schema_level level, struct strbuf *sql,
			int64_t from, int64_t to);
/* What a continuous aggregate that is to be X_5min_cagg and so on selects, from the one below it.
 */
void rollup_sql_aggregate(const struct stored_table *stored, enum schema_level level,
			  struct strbuf *sql);
/* Asks for the minutes, up to a time, in which series go on that have a late row in from … to;
 * their counters' increases are from that row now. */
void rollup_sql_followers(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to,
			  int64_t until);

#endif
