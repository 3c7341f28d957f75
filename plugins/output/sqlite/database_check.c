/*
 * A damaged file is reported and still used: what is readable is answered, and a write that meets
 * the damage fails with its reason.  Only an operator knows whether there is a copy.
 */
#include "database_check.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "database.h"
#include "sqlite_check.h"

#define DATABASE_CHECK_TIME (5 * CLOCK_SECOND)

bool database_check(struct tally_ctx *ctx, sqlite3 *db, const char *path)
{
	struct sqlite_verdict verdict;
	/* One fault is enough: the rest of the file is not read for a list of them. */
	int r = sqlite_check(ctx, db, "PRAGMA quick_check(1)", DATABASE_CHECK_TIME, &verdict);
	if (r == -ETIMEDOUT)
		tally_log(ctx, TALLY_INFO, "%s is large: only a part of it was checked", path);
	if (r < 0 || verdict.whole)
		return false;
	tally_log(ctx, TALLY_ERROR,
		  "%s is damaged: %s; tallyd uses what is readable: stop the daemon and restore a "
		  "copy, or the output of sqlite3's .recover",
		  path, verdict.text);
	return true;
}

int database_check_run(struct tally_ctx *ctx, const char *path)
{
	struct sqlite_verdict verdict;
	sqlite3 *db = NULL;
	int r = 0;
	if (access(path, F_OK) < 0) {
		printf("  %s: does not exist\n", path);
		return 0;
	}
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		r = db ? database_fail(ctx, db) : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0)
		r = sqlite_check(ctx, db, "PRAGMA integrity_check(1)", 0, &verdict);
	database_close(db);
	if (r < 0)
		return r;
	if (verdict.whole)
		printf("  %s: whole\n", path);
	else
		printf("! %s: damaged: %s\n", path, verdict.text);
	return verdict.whole ? 0 : 1;
}
