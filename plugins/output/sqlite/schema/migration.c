/*
 * Compares the records in the file with the list, then runs what is left of it with its records,
 * all in one transaction: in SQLite that holds for changes of the schema, too, so a crash leaves
 * either the old catalog or the new one.  store_life.c calls it whenever it opens the file.
 */
#include "schema/migration.h"

#include <errno.h>

#include "database.h"

int migration_is_foreign(struct tally_ctx *ctx, sqlite3 *db, bool *ret)
{
	int64_t foreign = 0;
	int r = database_int(ctx, db,
			     "SELECT count(*) > 0 AND count(*) FILTER (WHERE name = "
			     "'tally_migrations') = 0 FROM sqlite_master WHERE type = 'table'",
			     &foreign);
	*ret = foreign;
	return r;
}

/* Only an empty file, or one that is ours: a path that was mistyped must not put tables into the
 * database of another program. */
static int migration_bootstrap(struct tally_ctx *ctx, sqlite3 *db)
{
	bool foreign = false;
	int r = migration_is_foreign(ctx, db, &foreign);
	if (r < 0)
		return r;
	if (foreign)
		return tally_fail(ctx, EPROTO, "%s is the SQLite database of another program",
				  database_path(db));
	return database_exec(ctx, db,
			     "CREATE TABLE IF NOT EXISTS tally_migrations (version INTEGER PRIMARY "
			     "KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT "
			     "NULL)");
}

/* *ret: the first one that is not recorded yet. */
static int migration_find_due(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list,
			      const struct migration **ret)
{
	auto_statement sqlite3_stmt *record = NULL;
	struct migration_check check = {.ctx = ctx, .record = database_path(db), .due = list};
	int r = database_prepare(ctx, db,
				 "SELECT version, checksum FROM tally_migrations ORDER BY version",
				 &record);
	while (r == 0 && (r = database_step(ctx, record)) > 0) {
		const char *checksum = (const char *)sqlite3_column_text(record, 1);
		r = migration_check(&check, sqlite3_column_int(record, 0),
				    checksum ? checksum : "");
	}
	*ret = check.due;
	return r;
}

int migration_find(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list,
		   const struct migration **ret)
{
	int64_t known = 0;
	bool foreign = false;
	int r = migration_is_foreign(ctx, db, &foreign);
	if (r == 0 && foreign)
		return tally_fail(ctx, EPROTO, "%s is the SQLite database of another program",
				  database_path(db));
	if (r == 0)
		r = database_int(ctx, db,
				 "SELECT count(*) FROM sqlite_master WHERE name = "
				 "'tally_migrations'",
				 &known);
	if (r == 0 && known)
		return migration_find_due(ctx, db, list, ret);
	*ret = list;
	return r;
}

static int migration_record(struct tally_ctx *ctx, sqlite3 *db, const struct migration *migration)
{
	auto_statement sqlite3_stmt *statement = NULL;
	int r = database_prepare(ctx, db,
				 "INSERT INTO tally_migrations VALUES (?1, ?2, ?3, "
				 "strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))",
				 &statement);
	if (r < 0)
		return r;
	sqlite3_bind_int(statement, 1, migration->version);
	sqlite3_bind_text(statement, 2, migration->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, migration->checksum, -1, SQLITE_STATIC);
	r = database_step(ctx, statement);
	return r < 0 ? r : 0;
}

int migration_run(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list)
{
	int r = database_begin(ctx, db);
	if (r < 0)
		return r;
	r = migration_bootstrap(ctx, db);
	if (r == 0)
		r = migration_find_due(ctx, db, list, &list);
	for (; r == 0 && list->version; list++) {
		r = database_exec(ctx, db, list->sql);
		if (r == 0)
			r = migration_record(ctx, db, list);
	}
	return database_end(ctx, db, r);
}
