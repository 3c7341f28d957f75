/*
 * Server → migrations → tables, as they are declared, as the catalog has them and as they are there
 * → views → maintenance.  What needs somebody to do something begins with an exclamation mark, and
 * makes the exit code.  tallyd db status calls status_run() in a process of its own; it only reads,
 * so it may run while daemons do, and with a role that may only read.
 */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "maintenance/trusted_clock.h"
#include "schema/migration.h"
#include "maintenance/server_clock.h"
#include "store.h"

#define STATUS_TIME "'YYYY-MM-DD\"T\"HH24:MI:SSZ'"
enum { STATUS_LATE_SECONDS = 300 };

struct status {
	struct store *store;
	struct pg_connection *pg;
	bool wrong;
};

__attribute__((format(printf, 2, 3))) static void status_wrong(struct status *status,
							       const char *fmt, ...)
{
	va_list args;
	status->wrong = true;
	va_start(args, fmt);
	printf("! ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
}

/* Rows of two text columns, one a line: whether it is wrong ("!" or ""), and what to say. */
static int status_list(struct status *status, const char *sql)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(status->pg, sql, NULL, &result);
	for (int row = 0; r == 0 && row < PQntuples(result); row++) {
		if (PQgetvalue(result, row, 0)[0])
			status_wrong(status, "%s", PQgetvalue(result, row, 1));
		else
			printf("  %s\n", PQgetvalue(result, row, 1));
	}
	return r;
}

/* ---- The server --------------------------------------------------------------- */

static int status_server(struct status *status)
{
	static const char *const lacks[] = {
		[SERVER_PLAIN] = "lacks: hypertables (daily partitions instead), compression",
		[SERVER_APACHE] = "lacks: compression",
		[SERVER_TSL] = "lacks: nothing",
	};
	const struct server *server = &status->store->server;
	struct server_remarks remarks;
	bool offers = false;
	int r = server_offers_extension(status->pg, &offers);
	if (r == 0)
		r = server_remark(status->pg, server, &remarks);
	if (r < 0)
		return r;
	printf("  PostgreSQL %d.%d, %s%s\n", server->version / 10000, server->version % 10000,
	       server->timescale[0] ? "TimescaleDB " : "no TimescaleDB", server->timescale);
	if (offers)
		printf("  the server has TimescaleDB: tallyd db migrate creates its extension, if "
		       "it is allowed to\n");
	else
		printf("  mode %s; %s\n", server_modes[server->mode],
		       remarks.partitions[0] ? "but not of all tables" : lacks[server->mode]);
	if (remarks.partitions[0])
		printf("  %s\n", remarks.partitions);
	if (remarks.compressed[0])
		status_wrong(status, "%s", remarks.compressed);
	return 0;
}

/* ---- Tables ------------------------------------------------------------------- */

static int status_tables(struct status *status)
{
	return status_list(
		status,
		"select '', 'table ' || t.name || ' (' || t.kind || ')' || coalesce(', rolled up "
		"to ' || to_char(min(rolled_to) filter (where level = 1), " STATUS_TIME
		") || '; seconds behind: ' || string_agg(case level when 1 then '1min' when 4 then "
		"'5min' when 2 then '1h' else '1d' end || ' ' || round(greatest(0, "
		"date_part('epoch', "
		"now() - rolled_to))), ', ' order by case level when 4 then 1.5 else level end), "
		"'') from "
		"tally.tables t left join tally.marks m on m.\"table\" = t.name and m.level > 0 "
		"and m.rolled_to is not null group by t.name, t.kind order by t.name");
}

static void status_declared(struct status *status, const struct tally_table *table)
{
	const struct stored_table *stored = catalog_find(&status->store->catalog, table->name);
	char columns[200] = "";
	size_t len = 0;
	if (!stored) {
		status_wrong(status, "table %s is declared but missing: run tallyd db migrate",
			     table->name);
		return;
	}
	for (uint32_t c = 0; c < table->n_columns && len < sizeof(columns); c++)
		if (catalog_column(&stored->table, table->columns[c].name) < 0)
			len += (size_t)snprintf(columns + len, sizeof(columns) - len, "%s%s",
						len ? ", " : "", table->columns[c].name);
	if (columns[0])
		status_wrong(status, "table %s lacks declared columns: %s: run tallyd db migrate",
			     table->name, columns);
}

static int status_stored(void *arg, const struct tally_table *table)
{
	struct status *status = arg;
	char dropped[200];
	const struct stored_table *stored = catalog_find(&status->store->catalog, table->name);
	const struct schema_where where = {.views = status->store->config->schema};
	int r = schema_missing(status->pg, stored, dropped, sizeof(dropped));
	if (r == 0 && dropped[0])
		status_wrong(status, "somebody dropped %s: run tallyd db migrate", dropped);
	if (r == 0)
		r = schema_views_repair(status->pg, &where, stored);
	if (r > 0)
		status_wrong(status,
			     "table %s: views in the schema %s are missing or lack columns: run "
			     "tallyd db migrate",
			     table->name, where.views);
	return r < 0 ? r : 0;
}

/* ---- Maintenance -------------------------------------------------------------- */

/* Who holds the lock maintains, whatever was noted last. */
static int status_leader(struct status *status)
{
	return status_list(
		status,
		"select '', 'it is ' || to_char(now(), " STATUS_TIME
		") || ' there; maintenance is done by ' || coalesce((select 'the daemon of process "
		"' || l.pid || coalesce(' at ' || host(a.client_addr), '') from pg_locks l left "
		"join pg_stat_activity a on a.pid = l.pid where l.locktype = 'advisory' and "
		"l.classid = 1952541804 and l.objid = 2 and l.objsubid = 2 and l.granted and "
		"l.database = (select oid from pg_database where datname = current_database()) "
		"limit 1), 'nobody at the moment')");
}

static int status_jobs(struct status *status)
{
	char sql[1000];
	snprintf(sql, sizeof(sql),
		 "select case when error is not null or succeeded < now() - interval '%d s' then "
		 "'!' else '' end, job || ' by ' || leader || coalesce(', last done ' || "
		 "to_char(succeeded, %s) || ', ' || round(date_part('epoch', now() - succeeded)) "
		 "|| ' s ago', ', never done') || coalesce(', failed ' || to_char(failed, %s) || "
		 "': ' || error, '') from tally.upkeep order by job",
		 STATUS_LATE_SECONDS, STATUS_TIME, STATUS_TIME);
	return status_list(status, sql);
}

static int status_policies(struct status *status)
{
	if (!status->store->server.timescale[0])
		return 0;
	return status_list(status,
			   "select '', 'policy ' || j.job_id || ' of TimescaleDB itself, not "
			   "needed: ' || j.proc_name || ' of ' || j.hypertable_name || ', last run "
			   "' || coalesce(s.last_run_status, 'never') || coalesce(', ' || "
			   "s.total_failures || ' of ' || s.total_runs || ' failed', '') from "
			   "timescaledb_information.jobs j left join "
			   "timescaledb_information.job_stats s using (job_id) where "
			   "j.hypertable_schema = 'tally' order by j.job_id");
}

/* ---- The clock ---------------------------------------------------------------- */

static int status_clock(struct status *status)
{
	struct server_clock clock = {.monotonic = 0};
	struct store_clock kept;
	int r = server_clock_read(&clock, status->pg);
	if (r == 0)
		r = trusted_clock_load(status->pg, &kept);
	if (r < 0)
		return r;
	int64_t offset = server_clock_offset(&clock);
	if (llabs(offset) > STORE_CLOCK_BOUND)
		status_wrong(status,
			     "this host's clock is %lld s %s the database's: a daemon on this host "
			     "does no maintenance",
			     llabs(offset) / 1000000000, offset > 0 ? "ahead of" : "behind");
	int64_t held = kept.trusted == INT64_MIN
			       ? 0
			       : store_clock_held(&kept, status->store->config->retention_raw);
	if (held >= STORE_CLOCK_BOUND)
		status_wrong(status,
			     "what is too old is deleted %" PRId64
			     " s later than it should be, since the clock there went ahead of the "
			     "time that went by: if it is right, tallyd db confirm-clock",
			     held / CLOCK_SECOND);
	return status_list(status,
			   "select '!', 'table ' || \"table\" || ' is rolled up, or deleted, to a "
			   "time that is still to come: the next maintenance puts that right' from "
			   "tally.marks where rolled_to > now() or kept_from > now() group by "
			   "\"table\" order by \"table\"");
}

/* ---- All of it ---------------------------------------------------------------- */

static int status_details(struct status *status, const struct tally_table *const *tables)
{
	struct store *store = status->store;
	int r = status_tables(status);
	if (r == 0)
		r = schema_load_catalog(status->pg, &store->catalog);
	for (; r == 0 && tables && *tables; tables++)
		status_declared(status, *tables);
	if (r == 0)
		r = catalog_each(&store->catalog, status_stored, status);
	if (r == 0)
		r = status_leader(status);
	if (r == 0)
		r = status_jobs(status);
	if (r == 0)
		r = status_clock(status);
	return r == 0 ? status_policies(status) : r;
}

int status_run(struct store *store, const struct tally_table *const *tables)
{
	struct status status = {.store = store, .pg = &store->maintenance.pg};
	int missing = 0;
	int r = server_find_out(status.pg, &store->server);
	if (r == 0)
		r = status_server(&status);
	if (r == 0)
		r = migration_missing(status.pg, migrations, &missing);
	if (r == 0 && missing)
		status_wrong(&status, "%d migrations to apply: run tallyd db migrate", missing);
	if (r == 0 && !missing) {
		printf("  all migrations applied\n");
		r = status_details(&status, tables);
	}
	return r < 0 ? r : status.wrong;
}
