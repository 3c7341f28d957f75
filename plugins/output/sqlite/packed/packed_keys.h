/*
 * Whether a row is packed already: for the writer, since a row whose key is stored is the same row.
 * Rows that come late mostly come one after another, so the last chunk looked into is kept.  On the
 * thread of the writing connection, in the store's turn.
 */
#ifndef TALLYD_SQLITE_PACKED_KEYS_H
#define TALLYD_SQLITE_PACKED_KEYS_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "packed/chunk.h"

struct packed_keys {
	sqlite3_stmt *find; /* NULL: not prepared yet */
	struct chunk chunk; /* of: */
	int64_t series, first, last;
};

void packed_keys_done(struct packed_keys *keys);
/* Chunks may have changed since. */
void packed_keys_forget(struct packed_keys *keys);
/* 1: it is there; 0: not, or where it would be is damaged. */
int packed_keys_have(struct packed_keys *keys, struct tally_ctx *ctx, sqlite3 *db,
		     const char *table, int64_t series, int64_t time);

#endif
