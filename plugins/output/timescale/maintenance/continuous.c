/*
 * What there is is asked of the catalog each time, since another daemon, or somebody, may have
 * changed it.  The statements that take several steps are functions of the migrations; here they
 * are called, on the maintenance's thread, by the leader only.
 *
 * refresh_continuous_aggregate() commits by itself, so a level's watermark is moved after it: a
 * crash in between refreshes once more what is up to date already.  What late rows changed is noted
 * in tally.marks in their transaction, and refreshed after it.
 */
#include "maintenance/continuous.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "maintenance/rollup_sql.h"
#include "pg/pg_value.h"

/* Per level, of what is copied in one transaction, and of a chunk.  An hour's and a day's chunk are
 * longer: rows of one series are compressed together as far as they are in one chunk. */
static const struct {
	int copied, chunk; /* days */
} continuous_days[N_LEVELS] = {
	[LEVEL_FIVE] = {1, 1}, [LEVEL_HOUR] = {10, 10}, [LEVEL_DAY] = {400, 100}};

/* ---- What there is ------------------------------------------------------------ */

static void continuous_ask(struct strbuf *sql, const char *table)
{
	strbuf_add(sql,
		   "select exists (select from timescaledb_information.hypertables where "
		   "hypertable_schema = 'tally' and hypertable_name = '%s_1min_rows')::int",
		   table);
	static const char *const kinds[] = {"cagg", "next"};
	for (int kind = 0; kind < 2; kind++)
		strbuf_add(sql,
			   ", exists (select from pg_attribute m where m.attrelid = to_regclass("
			   "'tally.%s_1min_rows') and m.attnum > 0 and not m.attisdropped and not "
			   "exists (select from pg_attribute a where a.attname = m.attname and "
			   "a.attrelid = to_regclass('tally.%s_1d_%s')))::int",
			   table, table, kinds[kind]);
	strbuf_add(sql, ", (to_regclass('tally.%s_5min_next') is not null)::int", table);
	for (int level = LEVEL_FIVE; level < N_LEVELS; level++)
		strbuf_add(sql,
			   ", (tally.aggregate_rows('%s%s_cagg') is not null and exists (select "
			   "from pg_class where oid = to_regclass('tally.%s%s_rows') and relkind "
			   "= 'v'))::int",
			   table, schema_levels[level].suffix, table, schema_levels[level].suffix);
	strbuf_add(sql,
		   ", m.stale_from, m.stale_to from (values (1)) one left join tally.marks m on "
		   "m.\"table\" = '%s' and m.level = %d",
		   table, watermarks_numbers[LEVEL_MINUTE]);
}

enum { LOOK_HYPERTABLE, LOOK_LACKS, LOOK_NEXT_LACKS, LOOK_NEXT, LOOK_IS, LOOK_STALE = LOOK_IS + 3 };

static bool continuous_says(const PGresult *result, int column)
{
	return pg_get_32(PQgetvalue(result, 0, column)) != 0;
}

static void continuous_read(const PGresult *result, struct continuous *ret)
{
	bool all = true;
	for (int level = LEVEL_FIVE; level < N_LEVELS; level++) {
		ret->is[level] = continuous_says(result, LOOK_IS + level - LEVEL_FIVE);
		all = all && ret->is[level];
	}
	bool lacks = all && continuous_says(result, LOOK_LACKS);
	ret->due = continuous_says(result, LOOK_HYPERTABLE) && (!all || lacks);
	ret->begun =
		continuous_says(result, LOOK_NEXT) && !continuous_says(result, LOOK_NEXT_LACKS);
	ret->moving = ret->due && (lacks || ret->begun);
	ret->stale = !PQgetisnull(result, 0, LOOK_STALE);
	if (!ret->stale)
		return;
	ret->stale_from = pg_time_to_ns(pg_get_64(PQgetvalue(result, 0, LOOK_STALE)));
	ret->stale_to = pg_time_to_ns(pg_get_64(PQgetvalue(result, 0, LOOK_STALE + 1)));
}

int continuous_look(struct pg_connection *pg, const struct server *server,
		    const struct stored_table *stored, struct continuous *ret)
{
	auto_strbuf struct strbuf sql = {0};
	auto_result PGresult *result = NULL;
	*ret = (struct continuous){0};
	if (server->mode != SERVER_TSL || !server_merges_chunks(server) || !stored->n_numbers)
		return 0;
	continuous_ask(&sql, stored->table.name);
	int r = sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
			   : pg_query(pg, sql.data, NULL, &result);
	if (r == 0)
		continuous_read(result, ret);
	return r;
}

/* ---- Moving ------------------------------------------------------------------- */

static void continuous_create_level(struct strbuf *sql, const struct stored_table *stored,
				    enum schema_level level)
{
	const char *name = stored->table.name, *suffix = schema_levels[level].suffix;
	strbuf_add(sql,
		   "create materialized view tally.\"%s%s_next\" with (timescaledb.continuous, "
		   "timescaledb.materialized_only = true) as ",
		   name, suffix);
	rollup_sql_aggregate(stored, level, sql);
	strbuf_add(sql,
		   " with no data;"
		   "select set_chunk_time_interval(tally.aggregate_rows('%s%s_next')::regclass, "
		   "interval '%d days');"
		   "alter materialized view tally.\"%s%s_next\" set (timescaledb.compress, "
		   "timescaledb.compress_segmentby = '_series', timescaledb.compress_orderby = "
		   "'time desc');",
		   name, suffix, continuous_days[level].chunk, name, suffix);
}

/* Also over what an earlier attempt has left that lacks columns by now. */
static int continuous_begin(struct pg_connection *pg, const struct stored_table *stored)
{
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql, "begin;");
	for (int level = LEVEL_DAY; level >= LEVEL_FIVE; level--)
		strbuf_add(&sql, "drop materialized view if exists tally.\"%s%s_next\";",
			   stored->table.name, schema_levels[level].suffix);
	for (int level = LEVEL_FIVE; level < N_LEVELS; level++)
		continuous_create_level(&sql, stored, (enum schema_level)level);
	strbuf_add(&sql, "commit");
	return sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory") : pg_exec(pg, sql.data);
}

/* 1: something of this level was copied. */
static int continuous_copy(struct pg_connection *pg, const struct stored_table *stored,
			   enum schema_level level)
{
	auto_strbuf struct strbuf sql = {0};
	char copied[24];
	strbuf_add(&sql, "select coalesce(tally.copy_rollup('%s', '%s', %d)::text, '')",
		   stored->table.name, schema_levels[level].suffix, continuous_days[level].copied);
	int r = sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory")
			   : pg_query_text(pg, sql.data, copied, sizeof(copied));
	return r < 0 ? r : copied[0] != '\0';
}

/* What minutes have had in the meantime, a new column perhaps, is in none that was copied. */
static int continuous_replace(struct pg_connection *pg, const struct stored_table *stored,
			      bool again, int64_t lock_timeout)
{
	const char *table = stored->table.name;
	int r = pg_execf(pg,
			 "begin; set local lock_timeout = %" PRId64
			 "; select pg_advisory_xact_lock(1952541804, hashtext('%s')); select "
			 "tally.replace_rollups('%s')",
			 lock_timeout, table, table);
	if (r == 0 && again)
		r = pg_execf(
			pg,
			"update tally.marks m set stale_from = least(m.stale_from, f.rolled_to "
			"- interval '1 day'), stale_to = greatest(m.stale_to, f.rolled_to) from "
			"tally.marks f where m.\"table\" = '%s' and f.\"table\" = '%s' and "
			"m.level = %d and f.level = %d and f.rolled_to is not null",
			table, table, watermarks_numbers[LEVEL_MINUTE],
			watermarks_numbers[LEVEL_FIVE]);
	if (r == 0)
		r = pg_exec(pg, "commit");
	if (r == 0)
		tally_log(pg->ctx, TALLY_INFO,
			  "table %s: its rollups by five minutes, hour and day are continuous "
			  "aggregates now",
			  table);
	return r;
}

int continuous_move(struct pg_connection *pg, const struct server *server,
		    const struct stored_table *stored, int64_t lock_timeout)
{
	struct continuous continuous;
	int r = continuous_look(pg, server, stored, &continuous);
	if (r < 0 || !continuous.due)
		return r;
	if (!continuous.begun) {
		r = continuous_begin(pg, stored);
		if (r < 0)
			pg_rollback(pg);
		return r < 0 ? r : 1;
	}
	for (int level = LEVEL_FIVE; r == 0 && level < N_LEVELS; level++)
		r = continuous_copy(pg, stored, (enum schema_level)level);
	if (r != 0)
		return r;
	r = continuous_replace(pg, stored, continuous.is[LEVEL_FIVE], lock_timeout);
	if (r < 0)
		pg_rollback(pg);
	return r < 0 ? r : 1;
}

/* ---- Refreshing ---------------------------------------------------------------- */

/* Since when there is anything below a level, by its chunks; INT64_MAX: nothing.  Chunks that
 * somebody has dropped, by hand or by a policy, are in no watermark. */
static int continuous_oldest(struct pg_connection *pg, const struct stored_table *stored,
			     enum schema_level level, int64_t *ret)
{
	const char *table = stored->table.name, *finer = schema_levels[level - 1].suffix;
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql,
		   "select min(range_start) from timescaledb_information.chunks where "
		   "format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = coalesce("
		   "tally.aggregate_rows('%s%s_cagg'), 'tally.%s%s_rows')::regclass",
		   table, finer, table, finer);
	return pg_query_time(pg, &sql, INT64_MAX, ret);
}

static int64_t continuous_ceil(int64_t time, int64_t bucket)
{
	return schema_floor(time - 1, bucket) + bucket;
}

int continuous_refresh(struct pg_connection *pg, const struct stored_table *stored,
		       const struct watermarks *watermarks, enum schema_level level, int64_t from,
		       int64_t to)
{
	int64_t bucket = schema_levels[level].bucket, oldest = INT64_MAX;
	int64_t complete = watermarks_complete_from(watermarks, level);
	int r = continuous_oldest(pg, stored, level, &oldest);
	if (r < 0 || oldest >= to)
		return r;
	from = from > oldest ? from : oldest;
	from = from > complete ? from : complete;
	from = continuous_ceil(from, bucket);
	if (from >= to)
		return 0;
	/* What is compressed has to be unpacked to be refreshed, however much it is. */
	r = pg_exec(pg, "set timescaledb.max_tuples_decompressed_per_dml_transaction = 0");
	if (r < 0)
		return r;
	return pg_execf(pg,
			"call refresh_continuous_aggregate('tally.%s%s_cagg', to_timestamp(%" PRId64
			"), to_timestamp(%" PRId64 "))",
			stored->table.name, schema_levels[level].suffix, from / CLOCK_SECOND,
			to / CLOCK_SECOND);
}

/* Of buckets that have more rows than what is below them, the newest: somebody has deleted some
 * there, and they are not made anew to less, nor any before.  INT64_MIN: there are none. */
static int continuous_spared(struct pg_connection *pg, const struct stored_table *stored,
			     enum schema_level level, int64_t from, int64_t to, int64_t *ret)
{
	const char *table = stored->table.name, *suffix = schema_levels[level].suffix;
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql,
		   "with w as (select to_timestamp(%" PRId64 ") as a, to_timestamp(%" PRId64
		   ") as z) select max(c.time) from w, tally.\"%s%s_cagg\" c left join (select "
		   "_series, date_bin('%s', time, 'epoch') as b, sum(rows) as n from "
		   "tally.\"%s%s_rows\", w where time >= w.a and time < w.z group by 1, 2) f on "
		   "f._series = c._series and f.b = c.time where c.time >= w.a and c.time < w.z "
		   "and c.rows > coalesce(f.n, 0)",
		   from / CLOCK_SECOND, to / CLOCK_SECOND, table, suffix,
		   schema_levels[level].width, table, schema_levels[level - 1].suffix);
	return pg_query_time(pg, &sql, INT64_MIN, ret);
}

/* Of one level, as far as it is rolled up. */
static int continuous_refresh_again(struct pg_connection *pg, const struct stored_table *stored,
				    const struct watermarks *watermarks, enum schema_level level,
				    int64_t from, int64_t to)
{
	int64_t bucket = schema_levels[level].bucket, spared = INT64_MIN;
	to = continuous_ceil(to, bucket);
	to = to < watermarks->rolled_to[level] ? to : watermarks->rolled_to[level];
	from = schema_floor(from, bucket);
	if (from >= to)
		return 0;
	int r = continuous_spared(pg, stored, level, from, to, &spared);
	if (spared != INT64_MIN)
		from = spared + bucket;
	return r == 0 ? continuous_refresh(pg, stored, watermarks, level, from, to) : r;
}

int continuous_note_stale(struct pg_connection *pg, const struct stored_table *stored, int64_t from,
			  int64_t to)
{
	return pg_execf(pg,
			"update tally.marks set stale_from = least(stale_from, to_timestamp("
			"%" PRId64 ")), stale_to = greatest(stale_to, to_timestamp(%" PRId64
			")) where \"table\" = '%s' and level = %d",
			from / CLOCK_SECOND, to / CLOCK_SECOND, stored->table.name,
			watermarks_numbers[LEVEL_MINUTE]);
}

int continuous_refresh_stale(struct pg_connection *pg, const struct stored_table *stored,
			     const struct watermarks *watermarks,
			     const struct continuous *continuous)
{
	int r = 0;
	for (enum schema_level level = LEVEL_FIVE; r == 0 && level < N_LEVELS; level++)
		if (continuous->is[level])
			r = continuous_refresh_again(pg, stored, watermarks, level,
						     continuous->stale_from, continuous->stale_to);
	if (r < 0)
		return r;
	return pg_execf(pg,
			"update tally.marks set stale_from = null, stale_to = null where "
			"\"table\" = '%s' and level = %d",
			stored->table.name, watermarks_numbers[LEVEL_MINUTE]);
}
