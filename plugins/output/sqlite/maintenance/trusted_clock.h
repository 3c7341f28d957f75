/*
 * The time that deleting follows (see store_clock.h), as it is kept in tally_clock.  Callers hold
 * the turn.
 */
#ifndef TALLYD_SQLITE_TRUSTED_CLOCK_H
#define TALLYD_SQLITE_TRUSTED_CLOCK_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/catalog.h"
#include "store/store_clock.h"

/* Reads the row, or creates it: from the newest row of all tables, else from the clock. */
int trusted_clock_begin(struct tally_ctx *ctx, sqlite3 *db, struct catalog *catalog,
			struct store_clock *ret);
/* Leaves *ret as it is if there is no row. */
int trusted_clock_load(struct tally_ctx *ctx, sqlite3 *db, struct store_clock *ret);
int trusted_clock_store(struct tally_ctx *ctx, sqlite3 *db, const struct store_clock *clock);

#endif
