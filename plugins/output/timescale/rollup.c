/*
 * A step takes late marks if there are any (deleting them first, so that whoever adds one meanwhile
 * is seen next time), else the lowest level that is behind.  What it computes and the watermark are
 * one transaction, so a crash in between loses or doubles nothing.
 */
#include "rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "cut.h"
#include "pg_value.h"

enum { ROLLUP_LATE_AT_ONCE = 1000, ROLLUP_LOOK_BACK = 16 };
/* Rows this close to deleted ones may lack the sample that their counters go on from. */
#define ROLLUP_MARGIN INT64_C(3600000000000)
#define ROLLUP_SECOND INT64_C(1000000000)

static const char *rollup_name(const struct rollup *rollup)
{
	return rollup->stored->table.name;
}

static const struct tally_column *rollup_column(const struct rollup *rollup, uint32_t i)
{
	return &rollup->stored->table.columns[rollup->stored->numbers[i]];
}

static bool rollup_is_counter(const struct rollup *rollup, uint32_t i)
{
	return rollup_column(rollup, i)->role == TALLY_COUNTER;
}

/* ---- Statements --------------------------------------------------------------- */

/* Of integers, what bigint can hold; greatest() would make a number of no value at all. */
static void rollup_sum(struct pg_text *sql, const struct tally_column *column, const char *what)
{
	if (column->type == TALLY_REAL)
		pg_text_add(sql, ", sum(%s)", what);
	else
		pg_text_add(sql,
			    ", case when count(%s) > 0 then least(greatest(sum(%s), "
			    "-9223372036854775808), 9223372036854775807)::bigint end",
			    what, what);
}

static void rollup_head(const struct rollup *rollup, enum schema_level level, struct pg_text *sql)
{
	pg_text_add(sql, "insert into tally.\"%s%s_rows\" (_series, time, newest, rows",
		    rollup_name(rollup), schema_levels[level].suffix);
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		for (uint32_t part = 0; part < schema_n_parts(rollup_column(rollup, i)); part++)
			pg_text_add(sql, ", \"%s_%s\"", rollup_column(rollup, i)->name,
				    schema_parts[part]);
	pg_text_add(sql, ") ");
}

/* Never to fewer rows than there were: somebody else has deleted some since. */
static void rollup_tail(const struct rollup *rollup, enum schema_level level, struct pg_text *sql)
{
	pg_text_add(sql, " on conflict (_series, time) do update set newest = excluded.newest, "
			 "rows = excluded.rows");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		for (uint32_t part = 0; part < schema_n_parts(rollup_column(rollup, i)); part++)
			pg_text_add(sql, ", \"%s_%s\" = excluded.\"%s_%s\"",
				    rollup_column(rollup, i)->name, schema_parts[part],
				    rollup_column(rollup, i)->name, schema_parts[part]);
	pg_text_add(sql, " where excluded.rows >= \"%s%s_rows\".rows", rollup_name(rollup),
		    schema_levels[level].suffix);
}

/* Number i of a row under the name ni; a BOOL as 0 or 1. */
static void rollup_row_columns(const struct rollup *rollup, struct pg_text *sql)
{
	pg_text_add(sql, "select r._series, r.\"%s\" as t", rollup->stored->table.columns[0].name);
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		pg_text_add(sql, ", r.\"%s\"%s as n%u", rollup_column(rollup, i)->name,
			    rollup_column(rollup, i)->type == TALLY_BOOL ? "::int::bigint" : "", i);
}

/* The rows of the range, and before them those that counters go on from. */
static void rollup_rows(const struct rollup *rollup, struct pg_text *sql, int64_t from, int64_t to)
{
	const char *name = rollup_name(rollup), *time = rollup->stored->table.columns[0].name;
	pg_text_add(sql, "with inside as (");
	rollup_row_columns(rollup, sql);
	pg_text_add(sql,
		    " from tally.\"%s_rows\" r where r.\"%s\" >= to_timestamp(%" PRId64
		    ") and r.\"%s\" < to_timestamp(%" PRId64
		    ")), both_ as (select * from inside union all select l.* from (select distinct "
		    "_series from inside) s cross join lateral (",
		    name, time, from / ROLLUP_SECOND, time, to / ROLLUP_SECOND);
	rollup_row_columns(rollup, sql);
	pg_text_add(sql,
		    " from tally.\"%s_rows\" r where r._series = s._series and r.\"%s\" < "
		    "to_timestamp(%" PRId64 ") order by r.\"%s\" desc limit %d) l)",
		    name, time, from / ROLLUP_SECOND, time, ROLLUP_LOOK_BACK);
}

/* A window over the rows where the counter is not NULL gives its sample before; where it fell
 * neither the increase nor the time counts. */
static void rollup_increase(const struct rollup *rollup, struct pg_text *sql, uint32_t i)
{
	pg_text_add(sql, ", case when n%u >= lag(n%u) over w%u then ", i, i, i);
	if (rollup_column(rollup, i)->type == TALLY_REAL)
		pg_text_add(sql, "n%u - lag(n%u) over w%u", i, i, i);
	else
		pg_text_add(sql,
			    "case when lag(n%u) over w%u >= 0 or n%u <= 9223372036854775807 + "
			    "lag(n%u) over w%u then n%u - lag(n%u) over w%u else 0 end",
			    i, i, i, i, i, i, i, i);
	pg_text_add(sql,
		    " end as i%u, case when n%u >= lag(n%u) over w%u then date_part('epoch', t - "
		    "lag(t) over w%u) end as s%u",
		    i, i, i, i, i, i);
}

static void rollup_windows(const struct rollup *rollup, struct pg_text *sql)
{
	pg_text_add(sql, ", w as (select *, date_bin('1 minute', t, 'epoch') as b, lead(t) over "
			 "(partition by _series, date_bin('1 minute', t, 'epoch') order by t) is "
			 "null as newest_");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		if (rollup_is_counter(rollup, i))
			rollup_increase(rollup, sql, i);
	pg_text_add(sql, " from both_");
	bool first = true;
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++) {
		if (!rollup_is_counter(rollup, i))
			continue;
		pg_text_add(sql, "%s w%u as (partition by _series, n%u is null order by t)",
			    first ? " window" : ",", i, i);
		first = false;
	}
	pg_text_add(sql, ") ");
}

static void rollup_minute_parts(const struct rollup *rollup, struct pg_text *sql, uint32_t i)
{
	const struct tally_column *column = rollup_column(rollup, i);
	char what[32];
	snprintf(what, sizeof(what), "n%u", i);
	pg_text_add(sql, ", count(n%u)", i);
	rollup_sum(sql, column, what);
	pg_text_add(sql, ", min(n%u), max(n%u), max(n%u) filter (where newest_)", i, i, i);
	if (column->role != TALLY_COUNTER)
		return;
	snprintf(what, sizeof(what), "i%u", i);
	rollup_sum(sql, column, what);
	pg_text_add(sql, ", sum(s%u)", i);
}

static void rollup_minutes(const struct rollup *rollup, struct pg_text *sql, int64_t from,
			   int64_t to)
{
	rollup_head(rollup, LEVEL_MINUTE, sql);
	rollup_rows(rollup, sql, from, to);
	rollup_windows(rollup, sql);
	pg_text_add(sql, "select _series, b, max(t), count(*)");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		rollup_minute_parts(rollup, sql, i);
	pg_text_add(sql, " from w where t >= to_timestamp(%" PRId64 ") group by _series, b",
		    from / ROLLUP_SECOND);
	rollup_tail(rollup, LEVEL_MINUTE, sql);
}

static void rollup_coarser_parts(const struct rollup *rollup, struct pg_text *sql, uint32_t i)
{
	const struct tally_column *column = rollup_column(rollup, i);
	const char *name = column->name;
	char what[64];
	pg_text_add(sql, ", sum(\"%s_count\")::bigint", name);
	snprintf(what, sizeof(what), "\"%s_sum\"", name);
	rollup_sum(sql, column, what);
	pg_text_add(sql,
		    ", min(\"%s_min\"), max(\"%s_max\"), max(\"%s_last\") filter (where "
		    "newest_)",
		    name, name, name);
	if (column->role != TALLY_COUNTER)
		return;
	snprintf(what, sizeof(what), "\"%s_increase\"", name);
	rollup_sum(sql, column, what);
	pg_text_add(sql, ", sum(\"%s_span\")", name);
}

static void rollup_coarser(const struct rollup *rollup, enum schema_level level,
			   struct pg_text *sql, int64_t from, int64_t to)
{
	const char *width = schema_levels[level].width;
	rollup_head(rollup, level, sql);
	pg_text_add(sql, "select _series, b, max(newest), sum(rows)::bigint");
	for (uint32_t i = 0; i < rollup->stored->n_numbers; i++)
		rollup_coarser_parts(rollup, sql, i);
	pg_text_add(sql,
		    " from (select *, date_bin('%s', time, 'epoch') as b, lead(time) over "
		    "(partition by _series, date_bin('%s', time, 'epoch') order by time) is null "
		    "as newest_ from tally.\"%s%s_rows\" where time >= to_timestamp(%" PRId64
		    ") and time < to_timestamp(%" PRId64 ")) w group by _series, b",
		    width, width, rollup_name(rollup), schema_levels[level - 1].suffix,
		    from / ROLLUP_SECOND, to / ROLLUP_SECOND);
	rollup_tail(rollup, level, sql);
}

/* Whole buckets of a level, in the transaction that is open. */
static int rollup_range(const struct rollup *rollup, enum schema_level level, int64_t from,
			int64_t to)
{
	auto_pg_text struct pg_text sql = {0};
	if (from >= to)
		return 0;
	if (schema_is_cut(rollup->stored, level))
		cut_make(&sql, rollup_name(rollup), level, from, to);
	if (level == LEVEL_MINUTE)
		rollup_minutes(rollup, &sql, from, to);
	else
		rollup_coarser(rollup, level, &sql, from, to);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	return pg_exec(rollup->pg, sql.data);
}

/* ---- Late rows ---------------------------------------------------------------- */

static int64_t rollup_ceil(int64_t time, int64_t bucket)
{
	return schema_floor(time - 1, bucket) + bucket;
}

static int64_t rollup_max(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* What of a late run lies in what this level has rolled up, and can still be computed. */
static int rollup_late_level(const struct rollup *rollup, const struct marks *marks,
			     enum schema_level level, int64_t from, int64_t to)
{
	int64_t bucket = schema_levels[level].bucket;
	int64_t kept = marks->kept_from[level - 1];
	if (kept != INT64_MIN)
		from = rollup_max(
			from,
			rollup_ceil(level == LEVEL_MINUTE ? kept + ROLLUP_MARGIN : kept, bucket));
	from = schema_floor(from, bucket);
	to = rollup_ceil(to, bucket);
	return rollup_range(rollup, level, from,
			    to < marks->rolled_to[level] ? to : marks->rolled_to[level]);
}

static int rollup_late_run(const struct rollup *rollup, const struct marks *marks, int64_t from,
			   int64_t to)
{
	int r = 0;
	for (int level = LEVEL_MINUTE; r == 0 && level < N_LEVELS; level++)
		r = rollup_late_level(rollup, marks, (enum schema_level)level, from, to);
	return r;
}

static int64_t rollup_result_time(const PGresult *result, int row)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(result, row, 0)));
}

/* Minutes that follow each other go together. */
static int rollup_late_runs(const struct rollup *rollup, const struct marks *marks,
			    const PGresult *minutes)
{
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	int r = 0;
	for (int row = 0; r == 0 && row < PQntuples(minutes);) {
		int64_t from = rollup_result_time(minutes, row), to = from + minute;
		for (row++; row < PQntuples(minutes) && rollup_result_time(minutes, row) <= to;
		     row++)
			to = rollup_result_time(minutes, row) + minute;
		r = rollup_late_run(rollup, marks, from, to);
	}
	return r;
}

static int rollup_late(const struct rollup *rollup, const struct marks *marks)
{
	auto_pg_text struct pg_text sql = {0};
	auto_result PGresult *minutes = NULL;
	pg_text_add(
		&sql,
		"with gone as (delete from tally.late where ctid = any (array(select ctid from "
		"tally.late where \"table\" = '%s' order by bucket limit %d)) returning bucket) "
		"select distinct bucket from gone order by bucket",
		rollup_name(rollup), ROLLUP_LATE_AT_ONCE);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	int r = pg_query(rollup->pg, sql.data, NULL, &minutes);
	if (r < 0 || PQntuples(minutes) == 0)
		return r;
	r = rollup_late_runs(rollup, marks, minutes);
	return r < 0 ? r : 1;
}

/* ---- Going ahead -------------------------------------------------------------- */

/* Where a level that has nothing yet begins.  INT64_MIN: there is nothing to roll up. */
static int rollup_first(const struct rollup *rollup, enum schema_level level, int64_t *ret)
{
	const char *name = rollup_name(rollup);
	const char *time = level == LEVEL_MINUTE ? rollup->stored->table.columns[0].name : "time";
	auto_pg_text struct pg_text sql = {0};
	auto_result PGresult *result = NULL;
	pg_text_add(
		&sql,
		"select min(l.t) from tally.\"%s_series\" s cross join lateral (select r.\"%s\" "
		"as t from tally.\"%s%s_rows\" r where r._series = s._series order by r.\"%s\" "
		"limit 1) l",
		name, time, name, schema_levels[level - 1].suffix, time);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	int r = pg_query(rollup->pg, sql.data, NULL, &result);
	if (r < 0)
		return r;
	*ret = PQgetisnull(result, 0, 0)
		       ? INT64_MIN
		       : schema_floor(rollup_result_time(result, 0), schema_levels[level].bucket);
	return 0;
}

/* A bucket is closed when all that it is made of is there. */
static int64_t rollup_closed(const struct rollup *rollup, const struct marks *marks,
			     enum schema_level level)
{
	int64_t closed =
		level == LEVEL_MINUTE ? rollup->now - ROLLUP_GRACE : marks->rolled_to[level - 1];
	return closed == INT64_MIN ? closed : schema_floor(closed, schema_levels[level].bucket);
}

static int rollup_ahead(const struct rollup *rollup, const struct marks *marks,
			enum schema_level level)
{
	int64_t bucket = schema_levels[level].bucket, from = marks->rolled_to[level];
	int64_t closed = rollup_closed(rollup, marks, level);
	if (closed == INT64_MIN || from >= closed)
		return 0;
	int r = from == INT64_MIN ? rollup_first(rollup, level, &from) : 0;
	if (r < 0 || from == INT64_MIN || from >= closed)
		return r;
	int64_t to = from + rollup_ceil(rollup->span, bucket);
	to = to < closed ? to : closed;
	r = rollup_range(rollup, level, from, to);
	if (r == 0)
		r = marks_set_rolled_to(rollup->pg, rollup_name(rollup), level, to);
	return r < 0 ? r : 1;
}

static int rollup_in_transaction(const struct rollup *rollup)
{
	struct marks marks;
	int r = marks_load(rollup->pg, rollup_name(rollup), &marks);
	if (r == 0 && schema_is_caught_up(&marks))
		r = rollup_late(rollup, &marks);
	for (int level = LEVEL_MINUTE; r == 0 && level < N_LEVELS; level++)
		r = rollup_ahead(rollup, &marks, (enum schema_level)level);
	return r;
}

int rollup_step(const struct rollup *rollup)
{
	if (rollup->stored->n_numbers == 0)
		return 0;
	/* What is compressed has to be unpacked to be rolled up again, however much it is. */
	int r = pg_exec(rollup->pg,
			rollup->server->mode == SERVER_TSL
				? "begin; set local "
				  "timescaledb.max_tuples_decompressed_per_dml_transaction = 0"
				: "begin");
	int more = r == 0 ? rollup_in_transaction(rollup) : r;
	r = more < 0 ? more : pg_exec(rollup->pg, "commit");
	if (r < 0)
		pg_rollback(rollup->pg);
	return r < 0 ? r : more;
}
