#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "status.h"
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

/* Of all that there are, also those that nothing here declares. */
static int command_mend(void *arg, const struct tally_table *table)
{
	struct command_migration *migration = arg;
	const struct stored_table *stored = catalog_find(migration->where->catalog, table->name);
	int r = schema_mend(migration->pg, migration->where, stored);
	if (r == 0)
		r = schema_views_mend(migration->pg, migration->where, stored);
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
		r = catalog_each(&store->catalog, command_mend, &migration);
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
	int r = pg_open_secret(&store.upkeep.pg, "conninfo", store.config->conninfo,
			       "set timezone = 'UTC'; set application_name = 'tallyd db'");
	if (r == 0)
		r = migrate ? command_migrate(&store, command)
			    : status_run(&store, command->tables);
	pg_close(&store.upkeep.pg);
	catalog_done(&store.catalog);
	return r;
}
