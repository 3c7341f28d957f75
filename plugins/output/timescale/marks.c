#include "marks.h"

#include <inttypes.h>
#include <string.h>

#include "pg_value.h"

static int64_t marks_time(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		       ? INT64_MIN
		       : pg_time_to_ns(pg_get_64(PQgetvalue(result, row, column)));
}

int marks_load(struct pg_connection *pg, const char *table, struct marks *ret)
{
	const Oid types[] = {PG_TEXT};
	const char *values[] = {table};
	const int lengths[] = {(int)strlen(table)};
	const struct pg_params params = {1, types, values, lengths};
	auto_result PGresult *result = NULL;
	for (int level = 0; level < N_LEVELS; level++)
		ret->rolled_to[level] = ret->kept_from[level] = INT64_MIN;
	int r = pg_query(pg,
			 "select level, rolled_to, kept_from from tally.marks where \"table\" = $1",
			 &params, &result);
	for (int row = 0; r == 0 && row < PQntuples(result); row++) {
		int level = pg_get_32(PQgetvalue(result, row, 0));
		if (level < 0 || level >= N_LEVELS)
			continue;
		ret->rolled_to[level] = marks_time(result, row, 1);
		ret->kept_from[level] = marks_time(result, row, 2);
	}
	return r;
}

/* Marks lie on whole seconds. */
int marks_set_rolled_to(struct pg_connection *pg, const char *table, enum schema_level level,
			int64_t time)
{
	return pg_execf(pg,
			"insert into tally.marks (\"table\", level, rolled_to) values ('%s', %d, "
			"to_timestamp(%" PRId64 ")) on conflict (\"table\", level) do update set "
			"rolled_to = excluded.rolled_to",
			table, level, time / 1000000000);
}

int marks_set_kept_from(struct pg_connection *pg, const char *table, enum schema_level level,
			int64_t time)
{
	return pg_execf(pg,
			"insert into tally.marks as m (\"table\", level, kept_from) values ('%s', "
			"%d, to_timestamp(%" PRId64 ")) on conflict (\"table\", level) do update "
			"set kept_from = greatest(m.kept_from, excluded.kept_from)",
			table, level, time / 1000000000);
}
