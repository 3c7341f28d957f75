/*
 * Server → migrations → tables, as they are declared, as the catalog has them and as they are there
 * → views → maintenance.  What needs somebody to do something begins with an exclamation mark, and
 * makes the exit code.  tallyd db status calls status_run() in a process of its own; it only reads,
 * so it may run while daemons do, and with a role that may only read.
 */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "maintenance/policies.h"
#include "maintenance/trusted_clock.h"
#include "schema/migration.h"
#include "maintenance/server_clock.h"
#include "report.h"
#include "store.h"

#define STATUS_TIME "'YYYY-MM-DD\"T\"HH24:MI:SSZ'"
enum { STATUS_LATE_SECONDS = 300 };

struct status {
	struct store *store;
	struct pg_connection *pg;
	struct report report;
};

/* Rows of text, one a line: whether it is wrong ("!" or ""), what to say, and, if there is a third
 * column, an object with the numbers of it. */
static int status_list(struct status *status, const char *sql)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(status->pg, sql, NULL, &result);
	for (int row = 0; r == 0 && row < PQntuples(result); row++) {
		report_begin(&status->report, PQgetvalue(result, row, 0)[0], "%s",
			     PQgetvalue(result, row, 1));
		if (PQnfields(result) > 2)
			report_members(&status->report, PQgetvalue(result, row, 2));
		report_end(&status->report);
	}
	return r;
}

/* ---- The server --------------------------------------------------------------- */

static int status_server(struct status *status)
{
	static const char *const lacks[] = {
		[SERVER_PLAIN] = "lacks: hypertables (native partitions instead), compression",
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
	struct report *report = &status->report;
	report_begin(report, false, "PostgreSQL %d.%d, %s%s", server->version / 10000,
		     server->version % 10000,
		     server->timescale[0] ? "TimescaleDB " : "no TimescaleDB", server->timescale);
	report_int(report, "server_version", server->version);
	report_string(report, "timescaledb", server->timescale[0] ? server->timescale : NULL);
	report_end(report);
	if (offers)
		report_line(report, false,
			    "the server has TimescaleDB: tallyd db migrate creates its extension, "
			    "if it is allowed to");
	else
		report_line(report, false, "mode %s; %s", server_modes[server->mode],
			    remarks.partitions[0] ? "but not of all tables" : lacks[server->mode]);
	if (remarks.partitions[0])
		report_line(report, false, "%s", remarks.partitions);
	if (remarks.compressed[0])
		report_line(&status->report, true, "%s", remarks.compressed);
	return 0;
}

/* ---- Tables ------------------------------------------------------------------- */

/* The rows themselves, without rollups: the table and what is below it, chunks or partitions. */
#define STATUS_RELATIONS                                                                           \
	"(select rel as oid union all select inhrelid from pg_inherits where inhparent = rel)"
/* As ANALYZE left it, since counting reads them all; null before the first one. */
static const char status_size_plain[] =
	"(select sum(pg_total_relation_size(oid)) from " STATUS_RELATIONS
	" p)::bigint as bytes, (select case when min(reltuples) >= 0 then sum(reltuples) end from "
	"pg_class where relkind = 'r' and oid in (select oid from " STATUS_RELATIONS
	" p))::bigint as rows";
static const char status_size_timescale[] =
	"coalesce(hypertable_size(rel), pg_total_relation_size(rel)) as bytes, "
	"nullif(approximate_row_count(rel), 0) as rows";

static int status_tables(struct status *status)
{
	const char *size =
		status->store->server.timescale[0] ? status_size_timescale : status_size_plain;
	char sql[3000];
	snprintf(
		sql, sizeof(sql),
		"select '', 'table ' || name || ' (' || kind || ')' || coalesce(', rolled up "
		"to ' || to_char(rolled_to, " STATUS_TIME
		") || '; seconds behind: ' || lag, ''), json_build_object('table', name, 'kind', "
		"kind, 'rolled_up_to', to_char(rolled_to, " STATUS_TIME
		"), 'behind_seconds', behind, 'bytes', bytes, 'rows_estimated', rows)::text from "
		"(select t.*, coalesce(to_regclass(format('tally.%%I', name || '_rows')), "
		"to_regclass(format('tally.%%I', name))) as rel, m.* from tally.tables t cross "
		"join "
		"lateral (select min(rolled_to) filter (where level = 1) as rolled_to, "
		"string_agg(label || ' ' || s, ', ' order by step) as lag, json_object_agg(label, "
		"s) filter (where label is not null) as behind from (select rolled_to, level, case "
		"level when 4 then 1.5 else level end as step, case level when 1 then '1min' when "
		"4 then '5min' when 2 then '1h' else '1d' end as label, "
		"round(greatest(0, date_part('epoch', now() - rolled_to)))::bigint as s from "
		"tally.marks where \"table\" = t.name and level > 0 and rolled_to is not null) l) "
		"m) t cross join lateral (select %s) z order by name",
		size);
	return status_list(status, sql);
}

/* As readers.c looks. */
static int status_partitions(struct status *status)
{
	return status_list(
		status,
		"select '', string_agg(relname || ' (' || n || ')', ', ' order by relname) || "
		"': more than " READERS_PARTITIONS
		" partitions or chunks, so each question of them is planned anew "
		"(docs/performance.md, Plans that are kept)' from (select c.relname, count(*) as n "
		"from pg_inherits i join pg_class c on c.oid = i.inhparent where c.relkind <> 'I' "
		"and c.relnamespace = 'tally'::regnamespace group by c.oid, c.relname having "
		"count(*) > " READERS_PARTITIONS ") p having count(*) > 0");
}

/* The whole database, with what others keep in it. */
static int status_size(struct status *status)
{
	return status_list(status, "select '', 'database ' || current_database() || ': ' || "
				   "pg_database_size(current_database()) || ' bytes', "
				   "json_build_object('database', current_database(), 'bytes', "
				   "pg_database_size(current_database()))::text");
}

static void status_declared(struct status *status, const struct tally_table *table)
{
	const struct stored_table *stored = catalog_find(&status->store->catalog, table->name);
	char columns[200] = "";
	size_t len = 0;
	if (!stored) {
		report_line(&status->report, true,
			    "table %s is declared but missing: run tallyd db migrate", table->name);
		return;
	}
	for (uint32_t c = 0; c < table->n_columns && len < sizeof(columns); c++)
		if (catalog_column(&stored->table, table->columns[c].name) < 0)
			len += (size_t)snprintf(columns + len, sizeof(columns) - len, "%s%s",
						len ? ", " : "", table->columns[c].name);
	if (columns[0])
		report_line(&status->report, true,
			    "table %s lacks declared columns: %s: run tallyd db migrate",
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
		report_line(&status->report, true, "somebody dropped %s: run tallyd db migrate",
			    dropped);
	if (r == 0)
		r = schema_views_repair(status->pg, &where, stored);
	if (r > 0)
		report_line(&status->report, true,
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
	char sql[1600];
	snprintf(sql, sizeof(sql),
		 "select case when error is not null or succeeded < now() - interval '%d s' then "
		 "'!' else '' end, job || ' by ' || leader || coalesce(', last done ' || "
		 "to_char(succeeded, %s) || ', ' || round(date_part('epoch', now() - succeeded)) "
		 "|| ' s ago', ', never done') || coalesce(', failed ' || to_char(failed, %s) || "
		 "': ' || error, ''), json_build_object('job', job, 'leader', leader, "
		 "'done_seconds_ago', round(date_part('epoch', now() - succeeded)), "
		 "'failed_seconds_ago', round(date_part('epoch', now() - failed)), 'error', "
		 "error)::text from tally.upkeep order by job",
		 STATUS_LATE_SECONDS, STATUS_TIME, STATUS_TIME);
	return status_list(status, sql);
}

static int status_policies(struct status *status)
{
	auto_strbuf struct strbuf sql = {0};
	if (!status->store->server.timescale[0])
		return 0;
	strbuf_add(&sql, "select case when failed then '!' else '' end, said from (");
	policies_append(&sql, &status->store->server);
	strbuf_add(&sql, ") p");
	return sql.failed ? tally_fail(status->pg->ctx, ENOMEM, "no memory")
			  : status_list(status, sql.data);
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
	if (llabs(offset) > STORE_CLOCK_BOUND) {
		report_begin(&status->report, true,
			     "this host's clock is %lld s %s the database's: a daemon on this host "
			     "does no maintenance",
			     llabs(offset) / 1000000000, offset > 0 ? "ahead of" : "behind");
		report_int(&status->report, "clock_offset_seconds", offset / CLOCK_SECOND);
		report_end(&status->report);
	}
	int64_t held = kept.trusted == INT64_MIN
			       ? 0
			       : store_clock_held(&kept, status->store->config->retention_raw);
	if (held >= STORE_CLOCK_BOUND) {
		report_begin(&status->report, true,
			     "what is too old is deleted %" PRId64
			     " s later than it should be, since the clock there went ahead of the "
			     "time that went by: if it is right, tallyd db confirm-clock",
			     held / CLOCK_SECOND);
		report_int(&status->report, "retention_held_seconds", held / CLOCK_SECOND);
		report_end(&status->report);
	}
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
	int r = status_size(status);
	if (r == 0)
		r = status_tables(status);
	if (r == 0)
		r = status_partitions(status);
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

int status_run(struct store *store, const struct tally_command *command)
{
	struct status status = {
		.store = store, .pg = &store->maintenance.pg, .report = report_of(command)};
	int missing = 0;
	int r = server_find_out(status.pg, &store->server);
	if (r == 0)
		r = status_server(&status);
	if (r == 0)
		r = migration_missing(status.pg, migrations, &missing);
	if (r == 0 && missing)
		report_line(&status.report, true, "%d migrations to apply: run tallyd db migrate",
			    missing);
	if (r == 0 && !missing) {
		report_line(&status.report, false, "all migrations applied");
		r = status_details(&status, command->tables);
	}
	return r < 0 ? r : status.report.wrong;
}
