/*
 * Whether the file is whole: at the start, by the thread that starts the store, and for `tallyd db
 * check`, beside a daemon or without one.
 */
#ifndef TALLYD_SQLITE_DATABASE_CHECK_H
#define TALLYD_SQLITE_DATABASE_CHECK_H

#include <sqlite3.h>
#include <tallyd/host.h>

/* For some seconds at most.  true: it is damaged, and that was logged. */
bool database_check(struct tally_ctx *ctx, sqlite3 *db, const char *path);
/* tallyd db check.  1: it is damaged. */
int database_check_run(struct tally_ctx *ctx, const char *path);

#endif
