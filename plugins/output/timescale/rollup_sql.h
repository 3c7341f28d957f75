/* The statements that fill rollups, appended: buckets from, to (whole ones of the level). */
#ifndef TALLYD_TIMESCALE_ROLLUP_SQL_H
#define TALLYD_TIMESCALE_ROLLUP_SQL_H

#include "rollup.h"

void rollup_sql_minutes(const struct rollup *rollup, struct pg_text *sql, int64_t from, int64_t to);
/* Of a level above the minutes, from the one below it. */
void rollup_sql_coarser(const struct rollup *rollup, enum schema_level level, struct pg_text *sql,
			int64_t from, int64_t to);

#endif
