/*
 * Applies migrations: for each, in order, either its checksum is the recorded one or it is new and
 * runs together with its record.
 */
#include "schema/migration.h"

#include <errno.h>
#include <string.h>

#include "database.h"

static int migration_bootstrap(struct tally_ctx *ctx, sqlite3 *db)
{
	int64_t foreign = 0;
	int r = database_int(ctx, db,
			     "SELECT count(*) > 0 AND count(*) FILTER (WHERE name = "
			     "'tally_migrations') = 0 FROM sqlite_master WHERE type = 'table'",
			     &foreign);
	if (r < 0)
		return r;
	if (foreign)
		return tally_fail(ctx, EPROTO, "%s is a SQLite database of something else",
				  database_path(db));
	return database_exec(ctx, db,
			     "CREATE TABLE IF NOT EXISTS tally_migrations (version INTEGER PRIMARY "
			     "KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TEXT NOT "
			     "NULL)");
}

/* 1: applied already; 0: not; -errno. */
static int migration_applied(struct tally_ctx *ctx, sqlite3 *db, const struct migration *migration)
{
	auto_statement sqlite3_stmt *statement = NULL;
	int r = database_prepare(
		ctx, db, "SELECT checksum FROM tally_migrations WHERE version = ?1", &statement);
	if (r < 0)
		return r;
	sqlite3_bind_int(statement, 1, migration->version);
	r = database_step(ctx, statement);
	if (r <= 0)
		return r;
	const char *checksum = (const char *)sqlite3_column_text(statement, 0);
	if (!checksum || strcmp(checksum, migration->checksum) != 0)
		return tally_fail(ctx, EPROTO, "%s: migration %s differs from the one applied",
				  database_path(db), migration->name);
	return 1;
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

static int migration_apply(struct tally_ctx *ctx, sqlite3 *db, const struct migration *migration)
{
	int r = migration_applied(ctx, db, migration);
	if (r != 0)
		return r < 0 ? r : 0;
	r = database_exec(ctx, db, migration->sql);
	if (r == 0)
		r = migration_record(ctx, db, migration);
	return r;
}

static int migration_run_all(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list)
{
	int64_t newest = 0;
	int known = 0;
	int r = migration_bootstrap(ctx, db);
	for (; r == 0 && list->version; list++) {
		r = migration_apply(ctx, db, list);
		known = list->version;
	}
	if (r == 0)
		r = database_int(ctx, db, "SELECT max(version) FROM tally_migrations", &newest);
	if (r == 0 && newest > known)
		return tally_fail(ctx, EPROTO,
				  "%s was written by a newer tallyd (its catalog is version %d, "
				  "ours %d): update tallyd",
				  database_path(db), (int)newest, known);
	return r;
}

int migration_run(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list)
{
	int r = database_begin(ctx, db);
	if (r < 0)
		return r;
	return database_end(ctx, db, migration_run_all(ctx, db, list));
}
