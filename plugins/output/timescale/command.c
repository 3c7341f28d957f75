/*
 * tallyd db migrate, status, confirm-clock, refresh and copy.  The core calls command_run() on the
 * main thread of a process that runs nothing else, so the store here is a bare one: the
 * configuration, a catalog and the maintenance's connection, without pool, writers or threads.
 * Output goes to stdout; what fails is returned with its reason, which the core prints before it
 * exits with an error.
 */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/progress.h"
#include "base/rfc3339.h"
#include "dry_run.h"
#include "maintenance/trusted_clock.h"
#include "maintenance/watermarks.h"
#include "schema/migration.h"
#include "schema/server_time.h"
#include "status.h"
#include "store.h"
#include "store/log_lines.h"
#include "transfer/transfer_read.h"
#include "transfer/transfer_write.h"

#define COMMAND_TIMEOUT CLOCK_MINUTE
#define COMMAND_COPY_TIMEOUT (30 * CLOCK_MINUTE) /* a chunk may have to be sorted, or deleted */

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

/* Of all that there are, also those that nothing here declares. */
static int command_repair(void *arg, const struct tally_table *table)
{
	struct command_migration *migration = arg;
	const struct stored_table *stored = catalog_find(migration->where->catalog, table->name);
	int r = schema_repair(migration->pg, migration->where, stored);
	if (r == 0)
		r = schema_views_repair(migration->pg, migration->where, stored);
	migration->views = migration->views || r > 0;
	return r < 0 ? r : 0;
}

static int command_tables(struct store *store, const struct tally_table *const *tables, int64_t now)
{
	struct pg_connection *pg = &store->maintenance.pg;
	const struct schema_where where = {.server = &store->server,
					   .views = store->config->schema,
					   .catalog = &store->catalog,
					   .make = true,
					   .doubt = true,
					   .now = now,
					   .age = store_age(store->config)};
	struct command_migration migration = {.pg = pg, .where = &where};
	int r = schema_load_catalog(pg, &store->catalog);
	for (; r == 0 && tables && *tables; tables++) {
		const struct stored_table *stored;
		r = schema_ensure(pg, &where, *tables, &stored);
		if (r == 0)
			printf("  table %s\n", (*tables)->name);
	}
	if (r == 0)
		r = catalog_each(&store->catalog, command_repair, &migration);
	if (r == 0 && migration.views)
		return tally_fail(store->ctx, EPROTO, "some views could not be created");
	return r;
}

static int command_migrate(struct store *store, const struct tally_command *command)
{
	struct progress progress;
	int64_t now = 0;
	store->progress = &progress;
	int r = store_migrate(store, &store->maintenance.pg, true);
	store->progress = NULL;
	if (r == 0)
		r = server_time_read(&store->maintenance.pg, &now);
	if (r == 0)
		r = command_tables(store, command->tables, now);
	if (r == 0)
		printf("  up to date\n");
	return r;
}

/* ---- confirm-clock -------------------------------------------------------------- */

static int command_confirm(struct store *store)
{
	struct pg_connection *pg = &store->maintenance.pg;
	char now[40];
	int missing = 0;
	int r = migration_missing(pg, migrations, &missing);
	if (r == 0 && missing)
		return tally_fail(store->ctx, EPROTO,
				  "%d migrations to apply: run tallyd db migrate", missing);
	if (r == 0)
		r = pg_query_text(pg, "select to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SSZ')", now,
				  sizeof(now));
	if (r == 0)
		r = trusted_clock_confirm(pg);
	if (r == 0)
		printf("  it is %s there; what is too old by that is deleted from now on\n", now);
	return r;
}

/* ---- refresh -------------------------------------------------------------------- */

#define COMMAND_REFRESH_MOST (400 * CLOCK_DAY)

struct command_refresh {
	struct store *store;
	int64_t from, to;
};

/* As if each minute had a late row, and the one after: counters go on there.  Minutes that are not
 * rolled up yet are in any case.  The lines of a log are counted again, and their text indexed. */
static int command_refresh_table(void *arg, const struct tally_table *table)
{
	const struct command_refresh *refresh = arg;
	struct store *store = refresh->store;
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	struct log_lines lines;
	char sql[600], minutes[24];
	bool counted = stored && log_lines_are_counted(stored);
	if (!stored || (stored->n_numbers == 0 && !counted))
		return 0;
	if (counted)
		log_lines_declare(stored, LOG_LINES_LEVELS, &lines);
	snprintf(sql, sizeof(sql),
		 "with m as (insert into tally.late select '%s', t, 'tallyd db refresh' from "
		 "generate_series(to_timestamp(%" PRId64 "), to_timestamp(%" PRId64
		 "), interval '1 minute') t where t < (select rolled_to from tally.marks where "
		 "\"table\" = '%s' and level = %d) on conflict do nothing returning 1) select "
		 "count(*)::text from m",
		 table->name, refresh->from / CLOCK_SECOND, refresh->to / CLOCK_SECOND,
		 counted ? lines.name : table->name,
		 watermarks_numbers[counted ? LEVEL_ROWS : LEVEL_MINUTE]);
	int r = pg_query_text(&store->maintenance.pg, sql, minutes, sizeof(minutes));
	if (r == 0)
		printf("  table %s: %s minutes are %s again in the next rounds of the "
		       "maintenance\n",
		       table->name, minutes, counted ? "counted and indexed" : "rolled up");
	return r;
}

static int command_time(struct tally_ctx *ctx, const char *text, int64_t *ret)
{
	if (rfc3339_parse(text, strlen(text), ret) == 0)
		return 0;
	return tally_fail(ctx, EINVAL, "\"%s\" is not a time like 2026-11-23T16:00:00Z", text);
}

static int command_range(struct tally_ctx *ctx, const struct tally_command *command,
			 struct command_refresh *ret)
{
	if (command->argc < 3)
		return tally_fail(ctx, EINVAL, "refresh needs FROM and TO");
	int r = command_time(ctx, command->argv[1], &ret->from);
	if (r == 0)
		r = command_time(ctx, command->argv[2], &ret->to);
	if (r < 0)
		return r;
	if (ret->from >= ret->to || ret->from < ret->to - COMMAND_REFRESH_MOST)
		return tally_fail(ctx, EINVAL,
				  "TO must be after FROM, and by no more than 400 days");
	ret->from = schema_floor(ret->from, CLOCK_MINUTE);
	return 0;
}

static int command_refresh(struct store *store, const struct tally_command *command)
{
	struct pg_connection *pg = &store->maintenance.pg;
	struct command_refresh refresh = {.store = store};
	int missing = 0;
	int r = command_range(store->ctx, command, &refresh);
	if (r == 0)
		r = migration_missing(pg, migrations, &missing);
	if (r == 0 && missing)
		return tally_fail(store->ctx, EPROTO,
				  "%d migrations to apply: run tallyd db migrate", missing);
	if (r == 0)
		r = schema_load_catalog(pg, &store->catalog);
	return r == 0 ? catalog_each(&store->catalog, command_refresh_table, &refresh) : r;
}

/* ---- copy ----------------------------------------------------------------------- */

/* One snapshot, whatever daemons write meanwhile. */
static int command_send(struct store *store, int fd)
{
	struct pg_connection *pg = &store->maintenance.pg;
	struct transfer_database database = {.pg = pg, .catalog = &store->catalog};
	const struct transfer_reader reader = transfer_read_database(&database);
	char source[200];
	int missing = 0;
	int r = migration_missing(pg, migrations, &missing);
	if (r == 0 && missing)
		return tally_fail(store->ctx, EPROTO,
				  "%d migrations to apply: run tallyd db migrate", missing);
	if (r == 0)
		r = pg_exec(pg, "begin isolation level repeatable read read only");
	if (r == 0)
		r = pg_query_text(pg,
				  "select 'database ' || current_database() || ', made ' || "
				  "min(applied) from tally.migrations",
				  source, sizeof(source));
	if (r == 0)
		r = schema_load_catalog(pg, &store->catalog);
	return r == 0 ? transfer_send(&reader, source, fd) : r;
}

/* The two ends of `tallyd db copy`; the other word is the socket between them. */
static int command_copy(struct store *store, const struct tally_command *command)
{
	struct pg_connection *pg = &store->maintenance.pg;
	int fd = -1;
	int r = transfer_socket(store->ctx, command, &fd);
	if (r < 0)
		return r;
	pg->timeout = COMMAND_COPY_TIMEOUT;
	r = pg_exec(pg, "set statement_timeout = 0; set "
			"idle_in_transaction_session_timeout = 0; set application_name = "
			"'tallyd db copy'");
	if (r < 0)
		return r;
	return strcmp(command->argv[0], "copy-from") == 0 ? command_send(store, fd)
							  : transfer_write_database(store, fd);
}

/* ---- All of them ---------------------------------------------------------------- */

static int command_verb(struct store *store, const struct tally_command *command)
{
	const char *verb = command->argv[0];
	if (strcmp(verb, "migrate") == 0)
		return command_migrate(store, command);
	if (strcmp(verb, "dry-run") == 0)
		return dry_run_migrate(store, command->tables);
	if (strcmp(verb, "confirm-clock") == 0)
		return command_confirm(store);
	if (strcmp(verb, "refresh") == 0)
		return command_refresh(store, command);
	return strcmp(verb, "status") == 0 ? status_run(store, command)
					   : command_copy(store, command);
}

static bool command_knows(const char *verb)
{
	return strcmp(verb, "migrate") == 0 || strcmp(verb, "dry-run") == 0 ||
	       strcmp(verb, "status") == 0 || strcmp(verb, "confirm-clock") == 0 ||
	       strcmp(verb, "refresh") == 0 || strcmp(verb, "copy-from") == 0 ||
	       strcmp(verb, "copy-to") == 0;
}

int command_run(struct tally_ctx *ctx, const void *config, const struct tally_command *command)
{
	struct store store = {
		.ctx = ctx,
		.config = config,
		.maintenance.pg = {.ctx = ctx, .timeout = COMMAND_TIMEOUT, .interrupt_fd = -1}};
	const char *verb = command->argc > 0 ? command->argv[0] : "";
	if (strcmp(verb, "check") == 0)
		return tally_fail(ctx, ENOSYS,
				  "tallyd checks no files of PostgreSQL; use pg_amcheck");
	if (strcmp(verb, "backup") == 0 || strcmp(verb, "restore") == 0)
		return tally_fail(ctx, ENOSYS,
				  "a database of PostgreSQL is saved by pg_dump (docs/backup.md)");
	if (!command_knows(verb))
		return tally_fail(ctx, EINVAL,
				  "migrate, status, check, confirm-clock or refresh, not \"%s\"",
				  verb);
	catalog_init(&store.catalog);
	int r = pg_open_secret(&store.maintenance.pg, "conninfo", store.config->conninfo,
			       "set timezone = 'UTC'; set application_name = 'tallyd db'");
	if (r == 0)
		r = command_verb(&store, command);
	pg_close(&store.maintenance.pg);
	catalog_done(&store.catalog);
	return r;
}
