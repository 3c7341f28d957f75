/*
 * Asks SQLite whether a database file is whole, within a time limit.  On the thread that uses the
 * connection.  Whoever calls it links SQLite.
 */
#ifndef TALLYD_PLUGINS_COMMON_SQLITE_CHECK_H
#define TALLYD_PLUGINS_COMMON_SQLITE_CHECK_H

#include <sqlite3.h>
#include <tallyd/host.h>

struct sqlite_verdict {
	bool whole;
	char text[200]; /* what is wrong */
};

/* pragma: quick_check or integrity_check.  ns 0: as long as it takes.  -ETIMEDOUT: nothing was
 * found until then. */
int sqlite_check(struct tally_ctx *ctx, sqlite3 *db, const char *pragma, int64_t ns,
		 struct sqlite_verdict *ret);

#endif
