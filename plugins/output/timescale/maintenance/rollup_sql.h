/* The statements that fill rollups, appended: buckets from, to (whole ones of the level). */
#ifndef TALLYD_TIMESCALE_ROLLUP_SQL_H
#define TALLYD_TIMESCALE_ROLLUP_SQL_H

#include "maintenance/rollup.h"

/* Of whatever rows there are; see rollup_usual.h for those that there mostly are. */
void rollup_sql_minutes(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to);
/* Of a level above the minutes, from the one below it.  usual: it fails where a sum is too large
 * for its type, and costs less. */
void rollup_sql_coarser(const struct rollup *rollup, enum schema_level level, bool usual,
			struct strbuf *sql, int64_t from, int64_t to);
/* What a continuous aggregate that is to be X_5min_cagg and so on selects, from the one below it.
 */
void rollup_sql_aggregate(const struct stored_table *stored, enum schema_level level,
			  struct strbuf *sql);
/* Asks for the minutes, up to a time, in which series go on that have a late row in from … to;
 * their counters' increases are from that row now. */
void rollup_sql_followers(const struct rollup *rollup, struct strbuf *sql, int64_t from, int64_t to,
			  int64_t until);

/* What these statements are made of. */
const struct tally_column *rollup_sql_column(const struct rollup *rollup, uint32_t i);
bool rollup_sql_is_counter(const struct rollup *rollup, uint32_t i);
/* The beginning and the end of an INSERT: into which columns, and what if the bucket is there. */
void rollup_sql_head(const struct rollup *rollup, enum schema_level level, struct strbuf *sql);
void rollup_sql_tail(const struct rollup *rollup, enum schema_level level, struct strbuf *sql);
/* "select r._series, r.time as t, …": number i of a row under the name ni; a BOOL as 0 or 1. */
void rollup_sql_row_columns(const struct rollup *rollup, struct strbuf *sql);
/* "from …": the rows of a range, as r. */
void rollup_sql_in_range(const struct rollup *rollup, enum schema_level level, struct strbuf *sql,
			 int64_t from, int64_t to);

#endif
