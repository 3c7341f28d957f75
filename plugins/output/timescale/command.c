#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "migration.h"
#include "store.h"

#define COMMAND_TIMEOUT INT64_C(60000000000)

bool command_is_schema(const char *name)
{
	return name[0] && strlen(name) < 64 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* ---- migrate ------------------------------------------------------------------ */

struct command_migration {
	struct pg_connection *pg;
	const struct schema_where *where;
	bool views; /* some could not be made */
};

static int command_views(void *arg, const struct tally_table *table)
{
	struct command_migration *migration = arg;
	int r = schema_views_mend(migration->pg, migration->where,
				  catalog_find(migration->where->catalog, table->name));
	migration->views = migration->views || r > 0;
	return r < 0 ? r : 0;
}

static int command_tables(struct store *store, const struct tally_table *const *tables)
{
	struct pg_connection *pg = &store->upkeep.pg;
	const struct schema_where where = {.server = &store->server,
					   .views = store->config->schema,
					   .catalog = &store->catalog,
					   .make = true,
					   .doubt = true,
					   .now = tally_now(store->ctx)};
	struct command_migration migration = {.pg = pg, .where = &where};
	int r = schema_load_catalog(pg, &store->catalog);
	for (; r == 0 && tables && *tables; tables++) {
		const struct stored_table *stored;
		r = schema_ensure(pg, &where, *tables, &stored);
		if (r == 0)
			printf("  table %s\n", (*tables)->name);
	}
	if (r == 0)
		r = catalog_each(&store->catalog, command_views, &migration);
	if (r == 0 && migration.views)
		return tally_fail(store->ctx, EPROTO, "not all views could be made");
	return r;
}

static int command_migrate(struct store *store, const struct tally_command *command)
{
	int r = store_migrate(store, &store->upkeep.pg, true);
	if (r == 0)
		r = command_tables(store, command->tables);
	if (r == 0)
		printf("  up to date\n");
	return r;
}

/* ---- status ------------------------------------------------------------------- */

static void command_lacks(const struct server *server)
{
	static const char *const lacks[] = {
		[SERVER_PLAIN] = "lacks: hypertables (daily partitions instead), compression",
		[SERVER_APACHE] = "lacks: compression",
		[SERVER_TSL] = "lacks: nothing",
	};
	printf("  PostgreSQL %d.%d, %s%s\n  mode %s; %s\n", server->version / 10000,
	       server->version % 10000, server->timescale[0] ? "TimescaleDB " : "no TimescaleDB",
	       server->timescale, server_modes[server->mode], lacks[server->mode]);
}

/* Rows of text columns, one a line. */
static int command_list(struct pg_connection *pg, const char *sql)
{
	auto_result PGresult *result = NULL;
	int r = pg_query(pg, sql, NULL, &result);
	for (int row = 0; r == 0 && row < PQntuples(result); row++)
		printf("  %.*s\n", PQgetlength(result, row, 0), PQgetvalue(result, row, 0));
	return r;
}

static int command_lacking(void *arg, const struct tally_table *table)
{
	struct store *store = arg;
	char told[200];
	int r = schema_lacks(&store->upkeep.pg, catalog_find(&store->catalog, table->name), told,
			     sizeof(told));
	if (r == 0 && told[0])
		printf("  somebody dropped %s: tallyd db migrate\n", told);
	return r;
}

static int command_details(struct store *store)
{
	struct pg_connection *pg = &store->upkeep.pg;
	int r = command_list(
		pg, "select 'table ' || t.name || ' (' || t.kind || ')' || coalesce(', rolled up "
		    "to ' || to_char(m.rolled_to, 'YYYY-MM-DD\"T\"HH24:MI:SSZ'), '') from "
		    "tally.tables t left join tally.marks m on m.\"table\" = t.name and m.level = "
		    "1 order by t.name");
	if (r == 0)
		r = command_list(
			pg, "select job || ' by ' || leader || coalesce(', last done ' || "
			    "to_char(succeeded, 'YYYY-MM-DD\"T\"HH24:MI:SSZ'), '') || coalesce(', "
			    "failed ' || to_char(failed, 'YYYY-MM-DD\"T\"HH24:MI:SSZ') || ': ' || "
			    "error, '') from tally.upkeep order by job");
	if (r == 0 && store->server.timescale[0])
		r = command_list(pg,
				 "select 'policy ' || j.job_id || ' of TimescaleDB itself, not "
				 "needed: ' || j.proc_name || ' of ' || j.hypertable_name || "
				 "', last run ' || coalesce(s.last_run_status, 'never') || "
				 "coalesce(', ' || s.total_failures || ' of ' || s.total_runs || "
				 "' failed', '') from timescaledb_information.jobs j left join "
				 "timescaledb_information.job_stats s using (job_id) where "
				 "j.hypertable_schema = 'tally' order by j.job_id");
	if (r == 0)
		r = schema_load_catalog(pg, &store->catalog);
	return r == 0 ? catalog_each(&store->catalog, command_lacking, store) : r;
}

static int command_status(struct store *store)
{
	struct pg_connection *pg = &store->upkeep.pg;
	int missing = 0;
	int r = server_find_out(pg, &store->server);
	if (r == 0)
		r = migration_missing(pg, migrations, &missing);
	if (r < 0)
		return r;
	command_lacks(&store->server);
	if (missing) {
		printf("  %d migrations to apply: tallyd db migrate\n", missing);
		return 0;
	}
	printf("  all migrations applied\n");
	return command_details(store);
}

/* ---- Both --------------------------------------------------------------------- */

int command_run(struct tally_ctx *ctx, const void *config, const struct tally_command *command)
{
	struct store store = {
		.ctx = ctx,
		.config = config,
		.upkeep.pg = {.ctx = ctx, .timeout = COMMAND_TIMEOUT, .interrupt_fd = -1}};
	const char *verb = command->argc > 0 ? command->argv[0] : "";
	bool migrate = strcmp(verb, "migrate") == 0;
	if (!migrate && strcmp(verb, "status") != 0)
		return tally_fail(ctx, EINVAL, "migrate or status, not \"%s\"", verb);
	catalog_init(&store.catalog);
	int r = pg_open(&store.upkeep.pg, store.config->conninfo,
			"set timezone = 'UTC'; set application_name = 'tallyd db'");
	if (r == 0)
		r = migrate ? command_migrate(&store, command) : command_status(&store);
	pg_close(&store.upkeep.pg);
	catalog_done(&store.catalog);
	return r;
}
