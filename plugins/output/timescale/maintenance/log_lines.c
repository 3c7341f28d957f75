/*
 * The lines of a stretch of time are counted on the server by one statement, and where the counting
 * has come to is noted in the same transaction, as level 0 of the counts' own marks.  Minutes to
 * which lines came late are marked by the writers, as those of a rolled-up table are, and counted
 * again; the rollups of what changed are marked in turn.  Counts by pattern go with those by level,
 * under the same mark.  maintenance.c calls log_lines_step() on
 * its thread, by the leader only; what fails is rolled back and done again by the next round.
 *
 * Behind the writers and not in them: a line costs a COPY nothing, lines that were there before
 * tallyd counted them are counted like any others, and a line that is offered twice counts once.
 */
#include "maintenance/log_lines.h"

#include <errno.h>
#include <inttypes.h>

#include "base/clock.h"
#include "maintenance/text_index.h"
#include "pg/pg_value.h"
#include "schema/partitioning.h"
#include "store/log_lines.h"

enum { LOG_LINES_LATE_AT_ONCE = 100 };

static const char *log_lines_time(const struct log_counting *counting)
{
	return counting->logs->table.columns[0].name;
}

/* ---- One stretch --------------------------------------------------------------- */

static void log_lines_append_tags(const struct log_counting *counting, struct strbuf *sql,
				  const char *before)
{
	for (uint32_t i = 0; i < counting->logs->n_tags; i++)
		strbuf_add(sql, ", %s\"%s\"", before,
			   counting->logs->table.columns[counting->logs->tags[i]].name);
}

/* Lines per series, level and minute, as `found`.  The key of a count's series is that of the log's
 * with the level behind it: nobody else writes this table. */
static void log_lines_append_found(const struct log_counting *counting, enum log_lines_kind kind,
				   struct strbuf *sql, int64_t from, int64_t to)
{
	const char *by = log_lines_by(kind);
	const char *name = counting->logs->table.name, *time = log_lines_time(counting);
	strbuf_add(sql,
		   "with found as (select s._key || convert_to(coalesce('=' || r.%s, ''), "
		   "'UTF8') as _key, date_trunc('minute', r.\"%s\", 'UTC') as minute, r.%s, "
		   "count(*) as n",
		   by, time, by);
	log_lines_append_tags(counting, sql, "s.");
	strbuf_add(sql,
		   " from tally.\"%s_series\" s join tally.\"%s_rows\" r on r._series = s._series "
		   "where r.\"%s\" >= to_timestamp(%" PRId64
		   ") and r.\"%s\" < to_timestamp(%" PRId64 ")%s group by s._series, r.%s, 2), ",
		   name, name, time, from / CLOCK_SECOND, time, to / CLOCK_SECOND,
		   kind == LOG_LINES_PATTERNS ? " and r.pattern is not null" : "", by);
}

/* The series that are new come back from their INSERT, since a statement does not see its own rows;
 * the others by their key. */
static void log_lines_append_count(const struct log_counting *counting, enum log_lines_kind kind,
				   struct strbuf *sql, int64_t from, int64_t to)
{
	const char *name = counting->lines[kind]->table.name, *time = log_lines_time(counting);
	const char *by = log_lines_by(kind);
	log_lines_append_found(counting, kind, sql, from, to);
	strbuf_add(sql, "made as (insert into tally.\"%s_series\" (_key, %s", name, by);
	log_lines_append_tags(counting, sql, "");
	strbuf_add(sql, ") select distinct on (f._key) f._key, f.%s", by);
	log_lines_append_tags(counting, sql, "f.");
	strbuf_add(sql,
		   " from found f where not exists (select from tally.\"%s_series\" d where d._key "
		   "= f._key) on conflict do nothing returning _series, _key) insert into "
		   "tally.\"%s_rows\" as r (_series, \"%s\", lines) select d._series, f.minute, "
		   "f.n from found f join (select _series, _key from made union all select "
		   "_series, _key from tally.\"%s_series\") d on d._key = f._key on conflict "
		   "(_series, \"%s\") do update set lines = excluded.lines where r.lines is "
		   "distinct from excluded.lines;",
		   name, name, time, name, time);
}

/* The minutes of the counts that are rolled up already. */
static void log_lines_append_marks(const struct stored_table *lines, struct strbuf *sql,
				   const struct watermarks *watermarks, int64_t from, int64_t to)
{
	int64_t rolled_to = watermarks->rolled_to[LEVEL_MINUTE];
	if (from >= rolled_to)
		return;
	strbuf_add(sql,
		   "insert into tally.late select '%s', m, 'maintenance' from "
		   "generate_series(to_timestamp(%" PRId64 "), to_timestamp(%" PRId64
		   ") - interval '1 minute', interval '1 minute') m on conflict do nothing;",
		   lines->table.name, from / CLOCK_SECOND,
		   (to < rolled_to ? to : rolled_to) / CLOCK_SECOND);
}

static int log_lines_stretch(const struct log_counting *counting,
			     const struct watermarks *watermarks, int64_t from, int64_t to)
{
	auto_strbuf struct strbuf sql = {0};
	for (int kind = 0; kind < LOG_LINES_KINDS; kind++) {
		const struct stored_table *lines = counting->lines[kind];
		if (!lines)
			continue;
		partitioning_add(&sql, lines->table.name, LEVEL_ROWS, from, to);
		log_lines_append_count(counting, kind, &sql, from, to);
		log_lines_append_marks(lines, &sql, &watermarks[kind], from, to);
	}
	if (sql.failed)
		return tally_fail(counting->pg->ctx, ENOMEM, "no memory");
	return pg_exec(counting->pg, sql.data);
}

/* ---- What came late, and what closed --------------------------------------------- */

static int64_t log_lines_result_time(const PGresult *result, int row)
{
	return pg_time_to_ns(pg_get_64(PQgetvalue(result, row, 0)));
}

/* How many minutes were counted again.  The marks are deleted here, and committed with what is
 * counted: whoever adds one meanwhile is seen next time. */
static int log_lines_late(const struct log_counting *counting, const struct watermarks *watermarks,
			  int64_t kept_from)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *minutes = NULL;
	const char *name = counting->logs->table.name;
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket;
	strbuf_add(&sql,
		   "with gone as (delete from tally.late where \"table\" = '%s' and bucket <= "
		   "(select max(bucket) from (select distinct bucket from tally.late where "
		   "\"table\" = '%s' order by bucket limit %d) first) returning bucket) select "
		   "distinct bucket from gone order by bucket",
		   name, name, LOG_LINES_LATE_AT_ONCE);
	int r = sql.failed ? tally_fail(counting->pg->ctx, ENOMEM, "no memory")
			   : pg_query(counting->pg, sql.data, NULL, &minutes);
	for (int row = 0; r == 0 && row < PQntuples(minutes); row++) {
		int64_t from = log_lines_result_time(minutes, row);
		if (from >= kept_from && from < watermarks[LOG_LINES_LEVELS].rolled_to[LEVEL_ROWS])
			r = log_lines_stretch(counting, watermarks, from, from + minute);
		/* With the mark goes what tells a search that the index does not know the line. */
		if (r == 0)
			r = text_index_forget(counting->pg, counting->whole, name, from,
					      from + minute);
	}
	return r < 0 ? r : PQntuples(minutes);
}

/* The first minute that has a line, from a time on.  INT64_MAX: none. */
static int log_lines_first(const struct log_counting *counting, int64_t from, int64_t *ret)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	const char *name = counting->logs->table.name, *time = log_lines_time(counting);
	strbuf_add(&sql,
		   "select min(l.t) from tally.\"%s_series\" s cross join lateral (select "
		   "r.\"%s\" as t from tally.\"%s_rows\" r where r._series = s._series",
		   name, time, name);
	if (from != INT64_MIN)
		strbuf_add(&sql, " and r.\"%s\" >= to_timestamp(%" PRId64 ")", time,
			   from / CLOCK_SECOND);
	strbuf_add(&sql, " order by r.\"%s\" limit 1) l", time);
	int r = sql.failed ? tally_fail(counting->pg->ctx, ENOMEM, "no memory")
			   : pg_query(counting->pg, sql.data, NULL, &result);
	if (r < 0)
		return r;
	*ret = PQgetisnull(result, 0, 0) ? INT64_MAX
					 : schema_floor(log_lines_result_time(result, 0),
							schema_levels[LEVEL_MINUTE].bucket);
	return 0;
}

static int log_lines_ahead(struct log_counting *counting, const struct watermarks *watermarks)
{
	int64_t minute = schema_levels[LEVEL_MINUTE].bucket, first = 0;
	int64_t from = watermarks[LOG_LINES_LEVELS].rolled_to[LEVEL_ROWS];
	int64_t target = schema_floor(counting->now - ROLLUP_GRACE, minute);
	if (from >= target)
		return 0;
	int r = log_lines_first(counting, from, &first);
	if (r < 0)
		return r;
	/* A gap is passed at once. */
	if (first < target) {
		int64_t stretch =
			counting->span < minute ? minute : schema_floor(counting->span, minute);
		counting->full = target - first >= stretch;
		if (counting->full)
			target = first + stretch;
		r = log_lines_stretch(counting, watermarks, first, target);
	}
	if (r == 0)
		r = watermarks_set_rolled_to(counting->pg,
					     counting->lines[LOG_LINES_LEVELS]->table.name,
					     LEVEL_ROWS, target);
	return r < 0 ? r : 1;
}

int log_lines_step(struct log_counting *counting)
{
	struct watermarks of_logs, watermarks[LOG_LINES_KINDS];
	bool least = counting->span <= schema_levels[LEVEL_MINUTE].bucket;
	int more = 0;
	counting->full = false;
	int r = pg_exec(counting->pg,
			least ? "begin" : "begin; set local statement_timeout = '1min'");
	if (r == 0 && counting->server->mode == SERVER_TSL)
		r = pg_exec(counting->pg,
			    "set local "
			    "timescaledb.max_tuples_decompressed_per_dml_transaction = 0");
	if (r == 0)
		r = watermarks_load(counting->pg, counting->logs->table.name, &of_logs);
	for (int kind = 0; kind < LOG_LINES_KINDS && r == 0; kind++)
		if (counting->lines[kind])
			r = watermarks_load(counting->pg, counting->lines[kind]->table.name,
					    &watermarks[kind]);
	if (r == 0)
		r = more = log_lines_late(counting, watermarks, of_logs.kept_from[LEVEL_ROWS]);
	if (r == 0)
		r = more = log_lines_ahead(counting, watermarks);
	if (r >= 0)
		r = pg_exec(counting->pg, "commit");
	if (r < 0)
		pg_rollback(counting->pg);
	return r < 0 ? r : more > 0;
}
