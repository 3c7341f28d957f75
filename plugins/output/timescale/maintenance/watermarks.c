/*
 * Reading and moving the rows of tally.marks.  Queries read them in the same REPEATABLE READ
 * transaction as their data (aggregate.c, on the thread that asks), so a roll-up that commits in
 * between changes neither; only the maintenance's thread and a repair move them, inside the
 * transaction that makes them true.  Whatever fails rolls that transaction back.
 */
#include "maintenance/watermarks.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "pg/pg_value.h"
#include "store/log_lines.h"

/* Five minutes came after the others: numbers in the database are never reused. */
const int watermarks_numbers[N_LEVELS] = {
	[LEVEL_ROWS] = 0, [LEVEL_MINUTE] = 1, [LEVEL_FIVE] = 4, [LEVEL_HOUR] = 2, [LEVEL_DAY] = 3};

static int64_t watermarks_time(const PGresult *result, int row, int column)
{
	return PQgetisnull(result, row, column)
		       ? INT64_MIN
		       : pg_time_to_ns(pg_get_64(PQgetvalue(result, row, column)));
}

const char watermarks_statement[] =
	"select level, rolled_to, kept_from from tally.marks where \"table\" = $1";

void watermarks_of(struct watermarks_table *room, const char *table)
{
	static const Oid type = PG_TEXT;
	room->name = table;
	room->length = (int)strlen(table);
	room->params = (struct pg_params){1, &type, &room->name, &room->length};
}

void watermarks_read(const PGresult *result, struct watermarks *ret)
{
	for (int level = 0; level < N_LEVELS; level++)
		ret->rolled_to[level] = ret->kept_from[level] = INT64_MIN;
	for (int row = 0; row < PQntuples(result); row++) {
		int level = 0, number = (int)pg_get_32(PQgetvalue(result, row, 0));
		while (level < N_LEVELS && watermarks_numbers[level] != number)
			level++;
		if (level == N_LEVELS)
			continue;
		ret->rolled_to[level] = watermarks_time(result, row, 1);
		ret->kept_from[level] = watermarks_time(result, row, 2);
	}
}

int watermarks_load(struct pg_connection *pg, const char *table, struct watermarks *ret)
{
	struct watermarks_table of;
	auto_result PGresult *result = NULL;
	watermarks_of(&of, table);
	int r = pg_query(pg, watermarks_statement, &of.params, &result);
	if (r == 0)
		watermarks_read(result, ret);
	return r;
}

/* Marks lie on whole seconds. */
int watermarks_set_rolled_to(struct pg_connection *pg, const char *table, enum schema_level level,
			     int64_t time)
{
	return pg_execf(pg,
			"insert into tally.marks (\"table\", level, rolled_to) values ('%s', %d, "
			"to_timestamp(%" PRId64 ")) on conflict (\"table\", level) do update set "
			"rolled_to = excluded.rolled_to",
			table, watermarks_numbers[level], time / CLOCK_SECOND);
}

int watermarks_set_kept_from(struct pg_connection *pg, const char *table, enum schema_level level,
			     int64_t time)
{
	return pg_execf(pg,
			"insert into tally.marks as m (\"table\", level, kept_from) values ('%s', "
			"%d, to_timestamp(%" PRId64 ")) on conflict (\"table\", level) do update "
			"set kept_from = greatest(m.kept_from, excluded.kept_from)",
			table, watermarks_numbers[level], time / CLOCK_SECOND);
}

/* ---- Back to the present -------------------------------------------------------- */

/* The newest minute that is rolled up and can be, which may not be whole; INT64_MIN: none. */
static int watermarks_newest_minute(struct pg_connection *pg, const struct stored_table *stored,
				    int64_t closed, int64_t *ret)
{
	const char *table = stored->table.name, *suffix = schema_levels[LEVEL_MINUTE].suffix;
	auto_result PGresult *result = NULL;
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql,
		   "select max(l.time) from tally.\"%s_series\" s cross join lateral (select "
		   "r.time from tally.\"%s%s_rows\" r where r._series = s._series and r.time < "
		   "to_timestamp(%" PRId64 ") order by r.time desc limit 1) l",
		   table, table, suffix, closed / CLOCK_SECOND);
	if (sql.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_query(pg, sql.data, NULL, &result);
	if (r == 0)
		*ret = watermarks_time(result, 0, 0);
	return r;
}

/* Without a minute a level starts over, with the first rows there are. */
static int watermarks_rewind_level(struct pg_connection *pg, const char *table,
				   enum schema_level level, int64_t from, int64_t now)
{
	int64_t bucket = level == LEVEL_ROWS ? CLOCK_SECOND : schema_levels[level].bucket;
	int64_t to = schema_floor(from == INT64_MIN ? now : from, bucket) / CLOCK_SECOND;
	return pg_execf(pg,
			"update tally.marks set rolled_to = case when %s then least(rolled_to, "
			"to_timestamp(%" PRId64 ")) end, kept_from = case when kept_from > "
			"to_timestamp(%" PRId64 ") then to_timestamp(%" PRId64
			") else kept_from end where \"table\" = '%s' and level = %d",
			from == INT64_MIN ? "false" : "true", to, now / CLOCK_SECOND, to, table,
			watermarks_numbers[level]);
}

/* Lines of a time that is not counted are not marked as late, so no block may stand for it: those
 * of the log whose counts these are. */
static int watermarks_rewind_text(struct pg_connection *pg, const char *table)
{
	return pg_execf(pg,
			"delete from tally.text where \"table\" || '" LOG_LINES_SUFFIX
			"' = '%s' and \"to\" > coalesce((select rolled_to from tally.marks where "
			"\"table\" = '%s' and level = %d), '-infinity')",
			table, table, watermarks_numbers[LEVEL_ROWS]);
}

/* Levels at once: none may be rolled up further than the one it is made of. */
int watermarks_rewind(struct pg_connection *pg, const struct stored_table *stored, int64_t now,
		      int64_t closed)
{
	struct watermarks watermarks;
	int r = watermarks_load(pg, stored->table.name, &watermarks);
	if (r < 0 || !watermarks_lie_ahead(&watermarks, now))
		return r;
	tally_log(pg->ctx, TALLY_WARNING,
		  "table %s is rolled up, or deleted, to a time that is still to come by the "
		  "database's clock: it is rolled up again from where that is right",
		  stored->table.name);
	int64_t from = now;
	r = stored->n_numbers ? watermarks_newest_minute(pg, stored, closed, &from) : 0;
	if (r == 0)
		r = pg_exec(pg, "begin");
	for (int level = LEVEL_ROWS; r == 0 && level < N_LEVELS; level++)
		r = watermarks_rewind_level(pg, stored->table.name, (enum schema_level)level, from,
					    now);
	if (r == 0)
		r = watermarks_rewind_text(pg, stored->table.name);
	if (r == 0)
		r = pg_exec(pg, "commit");
	if (r < 0)
		pg_rollback(pg);
	return r;
}
