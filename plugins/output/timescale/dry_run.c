/*
 * Called by command.c on the main thread of a process that does nothing else, with a bare store.
 * The session is read-only, so that a mistake here is an error and not a change.
 */
#include "dry_run.h"

#include <stdio.h>

#include "schema/migration.h"
#include "schema/schema.h"
#include "schema/server.h"
#include "store/migration_show.h"

static void dry_run_table(struct store *store, const struct tally_table *table)
{
	const struct stored_table *stored = catalog_find(&store->catalog, table->name);
	if (!stored)
		printf("  would create table %s\n", table->name);
	else if (!catalog_has_all(&stored->table, table))
		printf("  would add %u columns to table %s\n",
		       table->n_columns - stored->table.n_columns, table->name);
}

/* An older catalog cannot be read by this program: what is missing in it shows after the
 * migrations. */
static int dry_run_tables(struct store *store, const struct migration *due,
			  const struct tally_table *const *tables)
{
	int r = due->version ? 0 : schema_load_catalog(&store->maintenance.pg, &store->catalog);
	if (due->version && due != migrations) {
		printf("  then it would look for missing tables and columns\n");
		return 0;
	}
	for (; r == 0 && tables && *tables; tables++)
		dry_run_table(store, *tables);
	return r;
}

static int dry_run_connected(struct store *store, const struct tally_table *const *tables)
{
	struct pg_connection *pg = &store->maintenance.pg;
	const struct migration *due = migrations;
	bool extension = false;
	int r = server_offers_extension(pg, &extension);
	if (r == 0 && extension)
		printf("  would create the extension timescaledb, if this role may\n");
	if (r == 0)
		r = server_find_out(pg, &store->server);
	if (r == 0)
		r = migration_find(pg, migrations, &due);
	if (r < 0)
		return r;
	migration_show(due);
	r = dry_run_tables(store, due, tables);
	if (r == 0)
		printf("  %d migration%s to apply\n", migration_count(due),
		       migration_count(due) == 1 ? "" : "s");
	return r;
}

int dry_run_migrate(struct store *store, const struct tally_table *const *tables)
{
	int r = pg_exec(&store->maintenance.pg, "set default_transaction_read_only = on");
	return r == 0 ? dry_run_connected(store, tables) : r;
}
