/*
 * Find them without a lock → with it, delete those that are still dead → a new generation.  If the
 * lock is not to be had soon nothing is lost: they are found again on the next day.  retention.c
 * calls it after it has deleted something, on the maintenance's thread.
 *
 * In two steps because every writer waits for that lock: looking at 100,000 series takes long,
 * looking again at the few that seemed dead does not.
 */
#include "maintenance/series_gc.h"

#include <errno.h>

/* That no level has a row of s._series.  OFFSET makes it one look into the index for each series,
 * where an anti-join would read all rows. */
static void series_gc_condition(struct strbuf *sql, const struct stored_table *stored)
{
	int levels = stored->n_numbers ? N_LEVELS : LEVEL_MINUTE;
	for (int level = LEVEL_ROWS; level < levels; level++)
		strbuf_add(sql,
			   " and not exists (select from tally.\"%s%s_rows\" r where r._series = "
			   "s._series offset 0)",
			   stored->table.name, schema_levels[level].suffix);
}

int series_gc_run(struct pg_connection *pg, const struct stored_table *stored)
{
	auto_strbuf struct strbuf find = {0}, take = {0};
	strbuf_add(&find,
		   "create temporary table tally_dead as select s._series from "
		   "tally.\"%s_series\" s where true",
		   stored->table.name);
	series_gc_condition(&find, stored);
	strbuf_add(&take,
		   "begin; set local lock_timeout = '2s'; select pg_advisory_xact_lock("
		   "1952541804, 3); with gone as (delete from tally.\"%s_series\" s using "
		   "tally_dead d where d._series = s._series",
		   stored->table.name);
	series_gc_condition(&take, stored);
	strbuf_add(&take, " returning 1) update tally.generation set series = series + 1 where "
			  "exists (select from gone); commit");
	if (find.failed || take.failed)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	int r = pg_exec(pg, "drop table if exists pg_temp.tally_dead");
	if (r == 0)
		r = pg_exec(pg, find.data);
	if (r == 0)
		r = pg_exec(pg, take.data);
	if (r < 0)
		pg_rollback(pg);
	return r;
}
