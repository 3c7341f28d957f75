/*
 * Brings the store's own tables in a file up to date (see store/migration_list.h).
 */
#ifndef TALLYD_SQLITE_MIGRATION_H
#define TALLYD_SQLITE_MIGRATION_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/migration_list.h"

/* Whether there are tables, but not ours. */
int migration_is_foreign(struct tally_ctx *ctx, sqlite3 *db, bool *ret);

/* Applies what is missing, all or nothing.  -EPROTO: the file belongs to another program, to a
 * newer tallyd, or to one with other migrations. */
/* The first that is not applied, and changes nothing.  -EPROTO likewise. */
int migration_find(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list,
		   const struct migration **ret);
int migration_run(struct tally_ctx *ctx, sqlite3 *db, const struct migration *list);

#endif
