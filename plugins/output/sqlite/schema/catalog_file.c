/*
 * The catalog in the file: read once when it is opened, written in the transaction that changes a
 * table. So a table and its description are there together or not at all, and a file can be read by
 * programs that know no plugin.  On the output's thread.  What can fail is the file.
 */
#include "schema/catalog_file.h"

#include <errno.h>
#include <string.h>

#include "database.h"

static const char *const catalog_kinds[] = {"", "series", "state", "log", NULL};
static const char *const catalog_types[] = {"",     "time", "int",  "real",
					    "bool", "text", "json", NULL};
static const char *const catalog_roles[] = {"field", "tag", "counter", "gone", "order", NULL};

/* CHECKs in the file let only these words in; anything else reads as the first of the list. */
static uint16_t catalog_word(sqlite3_stmt *row, int column, const char *const *words)
{
	const char *text = (const char *)sqlite3_column_text(row, column);
	for (uint16_t i = 0; text && words[i]; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	return 0;
}

static const char *catalog_text(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

/* Text columns are valid only until the next step, so a table grows copy by copy. */
static struct stored_table *catalog_with_column(struct stored_table *stored,
						const struct tally_column *column)
{
	struct tally_column columns[CATALOG_MAX_COLUMNS];
	struct tally_table table = stored->table;
	if (table.n_columns < CATALOG_MAX_COLUMNS) {
		memcpy(columns, table.columns, table.n_columns * sizeof(*columns));
		columns[table.n_columns++] = *column;
	}
	table.columns = columns;
	struct stored_table *grown = catalog_copy(&table);
	catalog_free(stored);
	return grown;
}

static int catalog_load_columns(struct tally_ctx *ctx, sqlite3 *db, struct stored_table **stored)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(ctx, db,
				 "SELECT name, type, role, unit, help FROM tally_columns WHERE "
				 "\"table\" = ?1 ORDER BY position",
				 &row);
	if (r < 0)
		return r;
	/* SQLite keeps a copy of its own, since this name is freed with each copy that grows. */
	sqlite3_bind_text(row, 1, (*stored)->table.name, -1, SQLITE_TRANSIENT);
	while ((r = database_step(ctx, row)) > 0) {
		struct tally_column column = {.name = catalog_text(row, 0),
					      .unit = catalog_text(row, 3),
					      .help = catalog_text(row, 4),
					      .type = catalog_word(row, 1, catalog_types),
					      .role = catalog_word(row, 2, catalog_roles)};
		*stored = catalog_with_column(*stored, &column);
		if (!*stored)
			return tally_fail(ctx, ENOMEM, "no memory");
	}
	return r;
}

int catalog_load(struct tally_ctx *ctx, struct catalog *catalog, sqlite3 *db)
{
	auto_statement sqlite3_stmt *row = NULL;
	int r = database_prepare(
		ctx, db, "SELECT name, kind, revision, help, flags FROM tally_tables", &row);
	if (r < 0)
		return r;
	while ((r = database_step(ctx, row)) > 0) {
		const struct tally_table table = {.name = catalog_text(row, 0),
						  .kind = catalog_word(row, 1, catalog_kinds),
						  .revision = (uint32_t)sqlite3_column_int(row, 2),
						  .help = catalog_text(row, 3),
						  .flags = (uint32_t)sqlite3_column_int(row, 4)};
		struct stored_table *stored = catalog_copy(&table);
		r = stored ? catalog_load_columns(ctx, db, &stored)
			   : tally_fail(ctx, ENOMEM, "no memory");
		if (r < 0) {
			catalog_free(stored);
			return r;
		}
		catalog_add(catalog, stored);
	}
	return r;
}

int catalog_store(struct tally_ctx *ctx, sqlite3 *db, const struct tally_table *table)
{
	/* Columns are only ever appended, so replacing row by row leaves none behind. */
	int r = database_execf(ctx, db,
			       "INSERT OR REPLACE INTO tally_tables VALUES (%Q, %Q, %u, %Q, %u)",
			       table->name, catalog_kinds[table->kind], table->revision,
			       table->help, table->flags);
	auto_statement sqlite3_stmt *insert = NULL;
	if (r == 0)
		r = database_prepare(ctx, db,
				     "INSERT OR REPLACE INTO tally_columns VALUES (?1, ?2, ?3, ?4, "
				     "?5, ?6, ?7)",
				     &insert);
	if (r < 0)
		return r;
	sqlite3_bind_text(insert, 1, table->name, -1, SQLITE_STATIC);
	for (uint32_t c = 0; r == 0 && c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		sqlite3_bind_int(insert, 2, (int)c);
		sqlite3_bind_text(insert, 3, column->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 4, catalog_types[column->type], -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 5, catalog_roles[column->role], -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 6, column->unit, -1, SQLITE_STATIC);
		sqlite3_bind_text(insert, 7, column->help, -1, SQLITE_STATIC);
		r = database_step(ctx, insert);
	}
	return r;
}
