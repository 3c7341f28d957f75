/*
 * Called by command.c on the main thread of a process that does nothing else.  The file is opened
 * for reading only, beside a running daemon or without one.
 */
#include "dry_run.h"

#include <stdio.h>
#include <unistd.h>

#include "database.h"
#include "schema/migration.h"
#include "store/migration_show.h"

/* Is there such a table with such columns?  A column more is one that would be added. */
static int dry_run_table(struct tally_ctx *ctx, sqlite3 *db, const struct tally_table *table)
{
	auto_statement sqlite3_stmt *row = NULL;
	uint32_t missing = 0;
	int r = database_prepare(ctx, db,
				 "SELECT (SELECT count(*) FROM tally_tables WHERE name = ?1), "
				 "(SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2)",
				 &row);
	bool known = false;
	for (uint32_t i = 0; r == 0 && i < table->n_columns; i++) {
		sqlite3_reset(row);
		sqlite3_bind_text(row, 1, table->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(row, 2, table->columns[i].name, -1, SQLITE_STATIC);
		r = database_step(ctx, row);
		if (r < 0)
			break;
		known = sqlite3_column_int(row, 0) > 0;
		missing += sqlite3_column_int(row, 1) == 0;
		r = 0;
	}
	if (r == 0 && !known)
		printf("  would create table %s\n", table->name);
	else if (r == 0 && missing)
		printf("  would add %u columns to table %s\n", missing, table->name);
	return r;
}

static int dry_run_tables(struct tally_ctx *ctx, sqlite3 *db,
			  const struct tally_table *const *tables)
{
	int r = 0;
	for (; r == 0 && tables && *tables; tables++) {
		if (db)
			r = dry_run_table(ctx, db, *tables);
		else
			printf("  would create table %s\n", (*tables)->name);
	}
	return r;
}

int dry_run_migrate(struct tally_ctx *ctx, const struct sqlite_config *config, const char *path,
		    const struct tally_table *const *tables)
{
	const struct database_settings settings = {.path = path,
						   .page_cache = config->page_cache,
						   .busy_timeout = config->busy_timeout,
						   .read_only = true};
	const struct migration *due = migrations;
	sqlite3 *db = NULL;
	if (access(path, F_OK) < 0) {
		printf("  %s: the daemon would create it at its start\n", path);
		migration_show(due);
		return dry_run_tables(ctx, NULL, tables);
	}
	int r = database_open(ctx, &settings, &db);
	if (r == 0)
		r = migration_find(ctx, db, migrations, &due);
	if (r == 0) {
		migration_show(due);
		r = dry_run_tables(ctx, due == migrations ? NULL : db, tables);
	}
	if (r == 0)
		printf("  %s: %d migration%s to apply, by the daemon at its next start\n", path,
		       migration_count(due), migration_count(due) == 1 ? "" : "s");
	database_close(db);
	return r;
}
