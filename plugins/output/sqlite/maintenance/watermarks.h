/*
 * Per table and level of rollup: up to when it is rolled up, and since when its rows are all there.
 * Kept in tally_rollups and changed in the transaction that makes them true.
 */
#ifndef TALLYD_SQLITE_WATERMARKS_H
#define TALLYD_SQLITE_WATERMARKS_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "schema/schema.h"
#include "store/catalog.h"

/* The text of a statement that is read with watermarks_read(). */
void watermarks_append(sqlite3_str *sql, const char *table);
int watermarks_read(struct tally_ctx *ctx, sqlite3_stmt *row, struct watermarks *ret);
int watermarks_load(struct tally_ctx *ctx, sqlite3 *db, const char *table, struct watermarks *ret);
int watermarks_set_rolled_to(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			     enum schema_level level, int64_t time);
/* What lies after `now` was noted by a clock that was wrong: the levels are rolled up again from
 * the newest minute before `closed` that is, and from then on rows are taken to be all there.  1:
 * something did. */
int watermarks_rewind(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		      int64_t now, int64_t closed);
/* Never goes back. */
int watermarks_set_kept_from(struct tally_ctx *ctx, sqlite3 *db, const char *table,
			     enum schema_level level, int64_t time);

#endif
