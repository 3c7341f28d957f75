#include "marks.h"

#include <inttypes.h>
#include <string.h>

#include "pg_value.h"

const int marks_numbers[N_LEVELS] = {
	[LEVEL_ROWS] = 0, [LEVEL_MINUTE] = 1, [LEVEL_FIVE] = 4, [LEVEL_HOUR] = 2, [LEVEL_DAY] = 3};

static int marks_level(int number)
{
	int level = 0;
	while (level < N_LEVELS && marks_numbers[level] != number)
		level++;
	return level;
}

static int64_t marks_time(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		       ? INT64_MIN
		       : pg_time_to_ns(pg_get_64(PQgetvalue(result, row, column)));
}

const char marks_statement[] =
	"select level, rolled_to, kept_from from tally.marks where \"table\" = $1";

void marks_of(struct marks_table *room, const char *table)
{
	static const Oid type = PG_TEXT;
	room->name = table;
	room->length = (int)strlen(table);
	room->params = (struct pg_params){1, &type, &room->name, &room->length};
}

void marks_read(const PGresult *result, struct marks *ret)
{
	for (int level = 0; level < N_LEVELS; level++)
		ret->rolled_to[level] = ret->kept_from[level] = INT64_MIN;
	for (int row = 0; row < PQntuples(result); row++) {
		int level = marks_level((int)pg_get_32(PQgetvalue(result, row, 0)));
		if (level == N_LEVELS)
			continue;
		ret->rolled_to[level] = marks_time(result, row, 1);
		ret->kept_from[level] = marks_time(result, row, 2);
	}
}

int marks_load(struct pg_connection *pg, const char *table, struct marks *ret)
{
	struct marks_table of;
	auto_result PGresult *result = NULL;
	marks_of(&of, table);
	int r = pg_query(pg, marks_statement, &of.params, &result);
	if (r == 0)
		marks_read(result, ret);
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
			table, marks_numbers[level], time / 1000000000);
}

int marks_set_kept_from(struct pg_connection *pg, const char *table, enum schema_level level,
			int64_t time)
{
	return pg_execf(pg,
			"insert into tally.marks as m (\"table\", level, kept_from) values ('%s', "
			"%d, to_timestamp(%" PRId64 ")) on conflict (\"table\", level) do update "
			"set kept_from = greatest(m.kept_from, excluded.kept_from)",
			table, marks_numbers[level], time / 1000000000);
}
