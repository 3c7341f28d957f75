/*
 * Level by level: how far it may be deleted → of what is cut by time, where the last partition ends
 * that is all older → in one transaction note that in tally.marks, then delete → if anything went,
 * collect series without rows.  On the maintenance's thread, by the
 * leader only. A lock that is not granted in time (55P03) is no failure: the table is tried again
 * later; anything else ends the table's round.
 *
 * The order matters.  Were rows deleted before kept_from is noted, a query or a late roll-up in
 * between would take half a bucket for a whole one.
 */
#include "maintenance/retention.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "schema/partitioning.h"
#include "maintenance/series_gc.h"

static int retention_exec(const struct retention *retention, const struct strbuf *sql)
{
	if (sql->failed)
		return tally_fail(retention->pg->ctx, ENOMEM, "no memory");
	return sql->len ? pg_exec(retention->pg, sql->data) : 0;
}

static int retention_drop(const struct retention *retention, const struct stored_table *stored,
			  enum schema_level level, int64_t before)
{
	const char *name = stored->table.name, *suffix = schema_levels[level].suffix;
	auto_strbuf struct strbuf sql = {0};
	if (schema_is_partitioned(stored, level))
		partitioning_drop(&sql, retention->server, name, level, before);
	else
		strbuf_add(&sql,
			   "select tally.delete_rollup('%s', '%s', to_timestamp(%" PRId64 "))",
			   name, suffix, before / CLOCK_SECOND);
	return retention_exec(retention, &sql);
}

/* Whole partitions or chunks go: up to the end of the last one.  INT64_MIN: there is none. */
static int retention_whole(const struct retention *retention, const struct stored_table *stored,
			   enum schema_level level, int64_t before, int64_t *ret)
{
	auto_strbuf struct strbuf sql = {0};
	strbuf_add(&sql, "select tally.whole_before('%s%s_rows', to_timestamp(%" PRId64 "))",
		   stored->table.name, schema_levels[level].suffix, before / CLOCK_SECOND);
	return pg_query_time(retention->pg, &sql, INT64_MIN, ret);
}

/* Is noted to be deleted, then is: 1. */
static int retention_delete(const struct retention *retention, const struct stored_table *stored,
			    enum schema_level level, int64_t before)
{
	struct pg_connection *pg = retention->pg;
	int r = pg_execf(pg, "begin; set local lock_timeout = %" PRId64,
			 retention->step_size->lock_timeout);
	if (r == 0)
		r = watermarks_set_kept_from(pg, stored->table.name, level, before);
	if (r == 0)
		r = retention_drop(retention, stored, level, before);
	if (r == 0)
		r = pg_exec(pg, "commit");
	if (r < 0)
		pg_rollback(pg);
	if (r < 0 && strcmp(pg->sqlstate, "55P03") == 0) {
		/* It fails no round, or another daemon would lead and try at once. */
		step_size_blocked(retention->step_size, pg->ctx,
				  "what is too old cannot be deleted");
		return 0;
	}
	if (r == 0)
		step_size_unblocked(retention->step_size);
	return r < 0 ? r : 1;
}

/* 1: something may have been deleted. */
static int retention_level(const struct retention *retention, const struct stored_table *stored,
			   const struct watermarks *watermarks, enum schema_level level)
{
	struct step_size *step_size = retention->step_size;
	int64_t before =
		retention_age_cut(retention->age, retention->clock, stored, watermarks, level);
	if (before == INT64_MIN)
		return 0;
	before = schema_floor(before, schema_levels[LEVEL_DAY].bucket); /* whole days */
	int64_t day = before;
	if (day <= watermarks->kept_from[level] || day == step_size->deleted_to[level] ||
	    !step_size_may_lock(step_size, tally_monotonic(retention->pg->ctx)))
		return 0;
	int r = 0;
	if (schema_is_partitioned(stored, level))
		r = retention_whole(retention, stored, level, day, &before);
	if (r == 0 && before != INT64_MIN)
		r = retention_delete(retention, stored, level, before);
	/* Also where nothing was: it is looked for once a day. */
	if (r >= 0 && step_size->blocked == 0)
		step_size->deleted_to[level] = day;
	return r;
}

int retention_run(const struct retention *retention, const struct stored_table *stored)
{
	struct watermarks watermarks;
	if (stored->table.kind == TALLY_STATE && !stored->gone)
		return 0;
	if (stored->table.kind == TALLY_STATE) /* things that have been gone for long */
		return pg_execf(
			retention->pg,
			"delete from tally.\"%s_rows\" where \"%s\" < to_timestamp(%" PRId64 ")",
			stored->table.name, stored->table.columns[stored->gone].name,
			store_clock_cut(retention->clock, retention->age->rollup) / CLOCK_SECOND);
	int last = stored->n_numbers ? LEVEL_DAY : LEVEL_ROWS, deleted = 0;
	int r = watermarks_load(retention->pg, stored->table.name, &watermarks);
	for (int level = LEVEL_ROWS; r >= 0 && level <= last; level++) {
		r = retention_level(retention, stored, &watermarks, (enum schema_level)level);
		deleted = deleted || r > 0;
	}
	/* A series can have lost its last row only where rows were deleted. */
	if (r >= 0 && deleted)
		r = series_gc_run(retention->pg, stored);
	return r < 0 ? r : 0;
}

int retention_partitions(const struct retention *retention, const struct stored_table *stored)
{
	auto_strbuf struct strbuf sql = {0};
	int64_t until = retention->now + 2 * schema_levels[LEVEL_DAY].bucket;
	if (!schema_is_partitioned(stored, LEVEL_ROWS))
		return 0;
	for (int level = LEVEL_ROWS; level < N_LEVELS; level++) {
		if (!schema_is_partitioned(stored, (enum schema_level)level))
			continue;
		/* First how wide, as this daemon's configuration has it: the leader's counts.
		 *
		 * A partition is made and then attached, which takes SHARE UPDATE EXCLUSIVE on the
		 * table and lets others read and write; PARTITION OF would take ACCESS EXCLUSIVE.
		 */
		strbuf_add(&sql, "begin; set local lock_timeout = '2s';");
		partitioning_width(&sql, retention->server, retention->age, stored,
				   (enum schema_level)level);
		partitioning_add(&sql, stored->table.name, (enum schema_level)level, retention->now,
				 until);
		strbuf_add(&sql, "commit;");
	}
	int r = retention_exec(retention, &sql);
	if (r < 0)
		pg_rollback(retention->pg);
	return r;
}
