/*
 * `tallyd db check` of a spool that no daemon has open: whether the file is whole, and what waits.
 * Nothing is changed.
 */
#include "spool_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "spool_file.h"
#include "sqlite_check.h"

static int check_number(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : code & 0xff;
}

/* 1: it is not as it should be. */
static int check_open(struct tally_ctx *ctx, sqlite3 *db, const char *path)
{
	struct sqlite_verdict verdict;
	int64_t rows = 0, batches = 0;
	/* The first access to the file is the one that a daemon's lock refuses. */
	int code = check_number(db, "SELECT count(*) FROM sqlite_schema", &rows);
	if (code == SQLITE_BUSY)
		return tally_fail(
			ctx, EBUSY,
			"%s: is in use; stop the daemon first, or restart it, which checks "
			"the file",
			path);
	int r = sqlite_check(ctx, db, "PRAGMA integrity_check(1)", 0, &verdict);
	if (r < 0)
		return r;
	if (!verdict.whole) {
		printf("! %s: damaged: %s; the daemon rebuilds it at its next start, from what can "
		       "be read\n",
		       path, verdict.text);
		return 1;
	}
	if (check_number(db,
			 "SELECT coalesce(sum(rows), 0) FROM entry WHERE sequence > "
			 "coalesce((SELECT min(settled) FROM reader), 0)",
			 &rows) != 0 ||
	    check_number(db,
			 "SELECT count(*) FROM entry WHERE sequence > "
			 "coalesce((SELECT min(settled) FROM reader), 0)",
			 &batches) != 0) {
		printf("! %s: is a database, but not a spool\n", path);
		return 1;
	}
	printf("  %s: whole; %" PRId64 " rows in %" PRId64 " batches wait\n", path, rows, batches);
	return 0;
}

int spool_check_run(struct tally_ctx *ctx, const char *path)
{
	sqlite3 *db = NULL;
	if (spool_file_size(path, "") < 0) {
		printf("  %s: is not there\n", path);
		return 0;
	}
	int r = 0;
	/* For writing, since SQLite cannot read a log that has no index beside it without making
	 * one (SQLite, Write-Ahead Logging, "Read-Only Databases").  query_only, and no
	 * checkpoint at the end, keep it from changing anything. */
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		r = tally_fail(ctx, EIO, "%s: %s", path, db ? sqlite3_errmsg(db) : "no memory");
	if (r == 0) {
		sqlite3_exec(db, "PRAGMA query_only = ON", NULL, NULL, NULL);
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		r = check_open(ctx, db, path);
	}
	sqlite3_close_v2(db);
	return r;
}
