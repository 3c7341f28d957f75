/*
 * Reads what is recorded, compares, applies the rest one by one, each in its own transaction.  At
 * start, before a repair and by tallyd db migrate, on the caller's thread.  The lock is held by a
 * session, not a transaction, over all of them, so that two daemons never take turns.
 */
#include "schema/migration.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/progress.h"
#include "pg/pg_value.h"

/* "tall" as a number: the first key of all our advisory locks. */
#define MIGRATION_LOCK "1952541804, 0"

int migration_find(struct pg_connection *pg, const struct migration *list,
		   const struct migration **ret)
{
	char there[8];
	auto_result PGresult *applied = NULL;
	struct migration_check check = {.ctx = pg->ctx, .record = "tally.migrations", .due = list};
	int r = pg_query_text(pg, "select to_regclass('tally.migrations')::text", there,
			      sizeof(there));
	if (r == 0 && there[0])
		r = pg_query(pg, "select version, checksum from tally.migrations order by version",
			     NULL, &applied);
	for (int row = 0; r == 0 && applied && row < PQntuples(applied); row++)
		r = migration_check(&check, pg_get_32(PQgetvalue(applied, row, 0)),
				    PQgetvalue(applied, row, 1));
	*ret = check.due;
	return r;
}

int migration_missing(struct pg_connection *pg, const struct migration *list, int *ret)
{
	const struct migration *due;
	int r = migration_find(pg, list, &due);
	if (r == 0)
		*ret = migration_count(due);
	return r;
}

static int migration_apply(struct pg_connection *pg, const struct migration *migration)
{
	int r = pg_exec(pg, "begin");
	if (r == 0)
		r = pg_exec(pg, migration->sql);
	if (r == 0)
		r = pg_execf(pg, "insert into tally.migrations values (%d, '%s', '%s', now())",
			     migration->version, migration->name, migration->checksum);
	if (r == 0)
		r = pg_exec(pg, "commit");
	if (r < 0)
		pg_rollback(pg);
	return r;
}

static int migration_run_locked(struct pg_connection *pg, const struct migration *list,
				struct progress *progress)
{
	const struct migration *due;
	int r = migration_find(pg, list, &due);
	if (r == 0 && due == list)
		r = pg_exec(pg, "begin;"
				"create schema if not exists tally;"
				"create table if not exists tally.migrations (version int primary "
				"key, name text not null, checksum text not null, applied "
				"timestamptz not null);"
				"commit");
	if (progress)
		progress_begin(progress, "applying migrations", "migrations", migration_count(due));
	for (int64_t done = 0; r == 0 && due->version; due++) {
		r = migration_apply(pg, due);
		if (progress)
			progress_set(progress, r == 0 ? ++done : done);
	}
	if (progress)
		progress_end(progress);
	return r;
}

/* ---- The lock ----------------------------------------------------------------- */

/* Says who has it, in words; pg_locks has its two keys apart. */
static int migration_locked_out(struct pg_connection *pg)
{
	char holder[300];
	pg_rollback(pg);
	int r = pg_query_text(
		pg,
		"select 'process ' || l.pid || coalesce(' (' || nullif(a.application_name, '') || "
		"coalesce(', user ' || a.usename, '') || coalesce(', at ' || host(a.client_addr), "
		"'') || ')', '') from pg_locks l left join pg_stat_activity a on a.pid = l.pid "
		"where l.locktype = 'advisory' and (l.classid, l.objid) = (" MIGRATION_LOCK
		") and l.objsubid = 2 and l.granted and l.database = (select oid from pg_database "
		"where datname = current_database()) limit 1",
		holder, sizeof(holder));
	if (r < 0)
		return r;
	pg->fault = PG_FAULT_RETRY;
	return tally_fail(pg->ctx, EAGAIN,
			  "the migration lock is held by %s on the server: let it finish, or end "
			  "it with pg_terminate_backend()",
			  holder[0] ? holder : "somebody");
}

/* Of the session, and so longer than this transaction; somebody else's migrations may take a while,
 * but the server has to answer before we take it for dead. */
static int migration_lock(struct pg_connection *pg)
{
	int r = pg_execf(pg,
			 "begin; set local lock_timeout = %" PRId64
			 "; select pg_advisory_lock(" MIGRATION_LOCK "); commit",
			 pg->timeout / 1000000 * 3 / 4);
	if (r < 0 && strcmp(pg->sqlstate, "55P03") == 0)
		return migration_locked_out(pg);
	if (r < 0)
		pg_rollback(pg);
	return r;
}

int migration_run(struct pg_connection *pg, const struct migration *list, struct progress *progress)
{
	int missing = 0;
	int r = migration_missing(pg, list, &missing);
	/* First without the lock: usually nothing is missing, and a start should wait for nobody.
	 */
	if (r < 0 || missing == 0)
		return r;
	r = migration_lock(pg);
	if (r < 0)
		return r;
	r = migration_run_locked(pg, list, progress);
	if (pg->conn) {
		pg_rollback(pg);
		if (pg_exec(pg, "select pg_advisory_unlock(" MIGRATION_LOCK ")") < 0)
			pg_close(pg); /* the server releases it then */
	}
	return r;
}
