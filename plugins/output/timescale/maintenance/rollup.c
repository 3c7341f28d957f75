/*
 * Going ahead, a step takes the lowest level that is behind.  What it computes and the watermark
 * are one transaction, so a crash in between loses or doubles nothing.  A late step takes marks
 * (deleting them first, so that whoever adds one meanwhile is seen next time) and computes anew, of
 * each level, what it has reached.  maintenance.c calls both on its thread, by the leader only;
 * what fails is rolled back and done again by the next round.
 *
 * Minutes are a table of ours in every mode: the growth of counters goes on from row to row, which
 * no continuous aggregate can say.  What is made of minutes is a plain sum, and one where it can
 * be.
 */
#include "maintenance/rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "schema/partitioning.h"
#include "pg/pg_value.h"
#include "maintenance/rollup_sql.h"
#include "maintenance/rollup_usual.h"

static const char *rollup_name(const struct rollup *rollup)
{
	return rollup->stored->table.name;
}

/* ---- A range ------------------------------------------------------------------ */

/* Whole buckets of a level. */
struct rollup_range {
	enum schema_level level;
	int64_t from, to;
	bool again; /* some may have been rolled up */
};

static int rollup_any(const struct rollup *rollup, const struct rollup_range *range)
{
	auto_strbuf struct strbuf sql = {0};
	if (range->level == LEVEL_MINUTE)
		rollup_sql_minutes(rollup, &sql, range->from, range->to);
	else
		rollup_sql_coarser(rollup, range->level, false, &sql, range->from, range->to);
	return sql.failed ? tally_fail(rollup->pg->ctx, ENOMEM, "no memory")
			  : pg_exec(rollup->pg, sql.data);
}

/* 1: it is not as it usually is, and nothing was done. */
static int rollup_usual(const struct rollup *rollup, const struct rollup_range *range)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *odd = NULL;
	if (range->level == LEVEL_MINUTE)
		rollup_usual_minutes(rollup, &sql, range->from, range->to, range->again);
	else
		rollup_sql_coarser(rollup, range->level, true, &sql, range->from, range->to);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	int r = pg_query(rollup->pg, sql.data, NULL, &odd);
	return r == 0 && PQntuples(odd) ? (int)pg_get_32(PQgetvalue(odd, 0, 0)) : r;
}

/* In the transaction that is open. */
static int rollup_range(const struct rollup *rollup, const struct rollup_range *range)
{
	auto_strbuf struct strbuf sql = {0};
	if (range->from >= range->to)
		return 0;
	int r = 0;
	if (schema_is_partitioned(rollup->stored, range->level)) {
		partitioning_add(&sql, rollup_name(rollup), range->level, range->from, range->to);
		r = sql.failed ? tally_fail(rollup->pg->ctx, ENOMEM, "no memory")
			       : pg_exec(rollup->pg, sql.data);
	}
	if (r == 0)
		r = rollup->unusual ? 1 : rollup_usual(rollup, range);
	return r > 0 ? rollup_any(rollup, range) : r;
}

/* ---- Late rows ---------------------------------------------------------------- */

static int64_t rollup_ceil(int64_t time, int64_t bucket)
{
	return schema_floor(time - 1, bucket) + bucket;
}

/* Of each level the part of a late run that it has rolled up and can still compute. */
static int rollup_late_run(const struct rollup *rollup, const struct watermarks *watermarks,
			   int64_t from, int64_t to)
{
	int r = 0;
	for (enum schema_level level = LEVEL_MINUTE; r == 0 && level < N_LEVELS; level++) {
		if (rollup->continuous.is[level])
			continue;
		int64_t bucket = schema_levels[level].bucket, begin = from;
		int64_t end = rollup_ceil(to, bucket), rolled_to = watermarks->rolled_to[level];
		int64_t complete = watermarks_complete_from(watermarks, level);
		if (complete != INT64_MIN && begin < rollup_ceil(complete, bucket))
			begin = rollup_ceil(complete, bucket);
		const struct rollup_range range = {.level = level,
						   .from = schema_floor(begin, bucket),
						   .to = end < rolled_to ? end : rolled_to,
						   .again = true};
		r = rollup_range(rollup, &range);
	}
	if (r == 0 && rollup->continuous.is[LEVEL_FIVE])
		r = continuous_note_stale(rollup->pg, rollup->stored, from, to);
	return r;
}

static int64_t rollup_result_time(const PGresult *result, int row)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(result, row, 0)));
}

/* Minutes that follow each other go together. */
static int rollup_each_run(const struct rollup *rollup, const struct watermarks *watermarks,
			   const PGresult *minutes,
			   int (*run)(const struct rollup *, const struct watermarks *,
				      int64_t from, int64_t to))
{
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	int r = 0;
	for (int row = 0; r == 0 && row < PQntuples(minutes);) {
		int64_t from = rollup_result_time(minutes, row), to = from + minute;
		for (row++; row < PQntuples(minutes) && rollup_result_time(minutes, row) <= to;
		     row++)
			to = rollup_result_time(minutes, row) + minute;
		r = run(rollup, watermarks, from, to);
	}
	return r;
}

static bool rollup_has_counters(const struct rollup *rollup)
{
	const struct stored_table *stored = rollup->stored;
	uint32_t i = 0;
	while (i < stored->n_numbers &&
	       stored->table.columns[stored->numbers[i]].role != TALLY_COUNTER)
		i++;
	return i < stored->n_numbers;
}

/* A run, and the minutes in which its counters go on. */
static int rollup_late_and_after(const struct rollup *rollup, const struct watermarks *watermarks,
				 int64_t from, int64_t to)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *minutes = NULL;
	int r = rollup_late_run(rollup, watermarks, from, to);
	if (r < 0 || watermarks->rolled_to[LEVEL_MINUTE] <= to || !rollup_has_counters(rollup))
		return r;
	rollup_sql_followers(rollup, &sql, from, to, watermarks->rolled_to[LEVEL_MINUTE]);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	r = pg_query(rollup->pg, sql.data, NULL, &minutes);
	return r == 0 ? rollup_each_run(rollup, watermarks, minutes, rollup_late_run) : r;
}

/* 1: as many as are taken at once, so there may be more. */
static int rollup_late_marks(struct rollup *rollup, const struct watermarks *watermarks)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *minutes = NULL;
	int most = (int)(rollup->span / schema_levels[LEVEL_MINUTE].bucket);
	strbuf_add(&sql,
		   /* Deleted here, and committed with what is rolled up from them: after a crash
		    * they are there again. */
		   "with gone as (delete from tally.late where \"table\" = '%s' and bucket <= "
		   "(select max(bucket) from (select distinct bucket from tally.late where "
		   "\"table\" = '%s' order by bucket limit %d) first) returning bucket) select "
		   "distinct bucket from gone order by bucket",
		   rollup_name(rollup), rollup_name(rollup), most);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	int r = pg_query(rollup->pg, sql.data, NULL, &minutes);
	if (r == 0)
		r = rollup_each_run(rollup, watermarks, minutes, rollup_late_and_after);
	if (r < 0)
		return r;
	rollup->full = PQntuples(minutes) >= most;
	return rollup->full;
}

/* ---- Going ahead -------------------------------------------------------------- */

/* The first bucket that has anything, from a time on.  INT64_MIN: there is nothing to roll up. */
static int rollup_first(const struct rollup *rollup, enum schema_level level, int64_t from,
			int64_t *ret)
{
	const char *name = rollup_name(rollup);
	const char *time = level == LEVEL_MINUTE ? rollup->stored->table.columns[0].name : "time";
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	strbuf_add(&sql,
		   "select min(l.t) from tally.\"%s_series\" s cross join lateral (select "
		   "r.\"%s\" as t from tally.\"%s%s_rows\" r where r._series = s._series",
		   name, time, name, schema_levels[level - 1].suffix);
	if (from != INT64_MIN)
		strbuf_add(&sql, " and r.\"%s\" >= to_timestamp(%" PRId64 ")", time,
			   from / CLOCK_SECOND);
	strbuf_add(&sql, " order by r.\"%s\" limit 1) l", time);
	if (sql.failed)
		return tally_fail(rollup->pg->ctx, ENOMEM, "no memory");
	int r = pg_query(rollup->pg, sql.data, NULL, &result);
	if (r < 0)
		return r;
	/* min() of no row at all. */
	*ret = PQgetisnull(result, 0, 0)
		       ? INT64_MIN
		       : schema_floor(rollup_result_time(result, 0), schema_levels[level].bucket);
	return 0;
}

/* Over days without a row it goes at once: a clock that was wrong may have left years of them.
 * closed: there is nothing up to there.  INT64_MIN: there never was. */
static int rollup_begins(const struct rollup *rollup, enum schema_level level, int64_t closed,
			 int64_t *from)
{
	int64_t first = INT64_MIN;
	if (*from != INT64_MIN && closed - *from <= schema_levels[LEVEL_DAY].bucket)
		return 0;
	int r = rollup_first(rollup, level, *from, &first);
	if (r < 0)
		return r;
	bool none = first == INT64_MIN || first > closed;
	if (*from != INT64_MIN)
		*from = none ? closed : first;
	else if (!none)
		*from = first;
	return 0;
}

static int rollup_ahead_level(struct rollup *rollup, const struct watermarks *watermarks,
			      enum schema_level level)
{
	int64_t bucket = schema_levels[level].bucket, from = watermarks->rolled_to[level];
	/* A bucket is closed when all that it is made of is there. */
	int64_t closed = level == LEVEL_MINUTE ? rollup->now - ROLLUP_GRACE
					       : watermarks->rolled_to[level - 1];
	if (closed == INT64_MIN)
		return 0;
	closed = schema_floor(closed, bucket);
	if (from >= closed)
		return 0;
	int r = rollup_begins(rollup, level, closed, &from);
	if (r < 0 || from == INT64_MIN)
		return r;
	int64_t to = from + rollup_ceil(rollup->span, bucket);
	to = to < closed ? to : closed;
	const struct rollup_range range = {.level = level, .from = from, .to = to};
	if (rollup->continuous.is[level])
		r = continuous_refresh(rollup->pg, rollup->stored, watermarks, level, from, to);
	else
		r = rollup_range(rollup, &range);
	if (r == 0)
		r = watermarks_set_rolled_to(rollup->pg, rollup_name(rollup), level, to);
	rollup->full = level == LEVEL_MINUTE && to - from >= rollup->span;
	return r < 0 ? r : 1;
}

/* ---- Steps -------------------------------------------------------------------- */

static int rollup_begin(const struct rollup *rollup)
{
	/* One that could be smaller is ended when it takes twenty times as long as it should, and
	 * becomes smaller: writers may wait for the marks that it took.  The least may take as long
	 * as the connection lets it. */
	bool least = rollup->span <= schema_levels[LEVEL_MINUTE].bucket;
	int r = pg_exec(rollup->pg, least ? "begin" : "begin; set local statement_timeout = '10s'");
	/* What is compressed has to be unpacked to be rolled up again, however much it is. */
	if (r == 0 && rollup->server->mode == SERVER_TSL)
		r = pg_exec(rollup->pg,
			    "set local "
			    "timescaledb.max_tuples_decompressed_per_dml_transaction = 0");
	return r;
}

/* While they are being moved, levels above the minutes wait. */
static bool rollup_has_level(const struct rollup *rollup, enum schema_level level, bool continuous)
{
	return rollup->continuous.is[level] == continuous &&
	       (level == LEVEL_MINUTE || !rollup->continuous.moving);
}

/* What is in tables of ours, in one transaction. */
static int rollup_tables(struct rollup *rollup, struct watermarks *watermarks, bool late)
{
	int more = 0, r = rollup_begin(rollup);
	if (r == 0)
		r = watermarks_load(rollup->pg, rollup_name(rollup), watermarks);
	if (r == 0 && late && !rollup->continuous.moving && schema_is_caught_up(watermarks))
		r = more = rollup_late_marks(rollup, watermarks);
	for (enum schema_level level = LEVEL_MINUTE; r == 0 && !late && level < N_LEVELS; level++)
		if (rollup_has_level(rollup, level, false))
			r = more = rollup_ahead_level(rollup, watermarks, level);
	if (r >= 0)
		r = pg_exec(rollup->pg, "commit");
	if (r < 0)
		pg_rollback(rollup->pg);
	return r < 0 ? r : more;
}

/* A sum that is too large, or a minute that is there, which statements for what is usual do not
 * expect: in this round there may be more of them. */
static bool rollup_is_unusual(const struct rollup *rollup)
{
	const char *state = rollup->pg->sqlstate;
	return !rollup->unusual && (strcmp(state, "22003") == 0 || strcmp(state, "23505") == 0);
}

static int rollup_aggregates(struct rollup *rollup, const struct watermarks *watermarks)
{
	int r = 0;
	for (enum schema_level level = LEVEL_FIVE; r == 0 && level < N_LEVELS; level++)
		if (rollup_has_level(rollup, level, true))
			r = rollup_ahead_level(rollup, watermarks, level);
	return r;
}

static int rollup_stale(struct rollup *rollup)
{
	struct watermarks watermarks;
	int r = watermarks_load(rollup->pg, rollup_name(rollup), &watermarks);
	return r == 0 ? continuous_refresh_stale(rollup->pg, rollup->stored, &watermarks,
						 &rollup->continuous)
		      : r;
}

static int rollup_step(struct rollup *rollup, bool late)
{
	struct watermarks watermarks;
	rollup->full = false;
	if (rollup->stored->n_numbers == 0)
		return 0;
	int r = continuous_look(rollup->pg, rollup->server, rollup->stored, &rollup->continuous);
	if (r == 0 && rollup->continuous.stale && !rollup->continuous.moving)
		r = rollup_stale(rollup);
	if (r == 0)
		r = rollup_tables(rollup, &watermarks, late);
	if (r < 0 && rollup_is_unusual(rollup)) {
		rollup->unusual = true;
		r = rollup_tables(rollup, &watermarks, late);
	}
	if (r == 0 && !late)
		r = rollup_aggregates(rollup, &watermarks);
	/* What late rows changed, as soon as there are no more of them. */
	if (r == 0 && late && rollup->continuous.is[LEVEL_FIVE]) {
		r = continuous_look(rollup->pg, rollup->server, rollup->stored,
				    &rollup->continuous);
		if (r == 0 && rollup->continuous.stale && !rollup->continuous.moving)
			r = rollup_stale(rollup);
	}
	return r;
}

int rollup_ahead(struct rollup *rollup)
{
	return rollup_step(rollup, false);
}

int rollup_late(struct rollup *rollup)
{
	return rollup_step(rollup, true);
}
