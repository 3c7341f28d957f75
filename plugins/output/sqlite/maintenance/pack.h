/*
 * Packing: rows of a series that are older than pack_after, and are rolled up, become chunks of an
 * hour at most (packed/chunk.h), and the rows go, in one transaction.  Callers hold the turn.
 */
#ifndef TALLYD_SQLITE_PACK_H
#define TALLYD_SQLITE_PACK_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "store/catalog.h"

/* Where a round is in a table; zeroed at its begin. */
struct pack {
	int64_t series; /* the one it is at; 0: before the first */
	int64_t from;   /* its rows from then on */
	int error;      /* a stretch that could not be packed was passed over: why */
};

/* Up to when rows may be packed. */
int64_t pack_until(int64_t now, int64_t pack_after, int64_t rolled_to);

/* Some of a table's rows before `until`.  Returns 1: there may be more; 0: done. */
int pack_step(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored, int64_t until,
	      struct pack *pack);

/* Of a table of which nothing is packed any more: what packing has added goes, so that every
 * program can read the view again.  Returns 1: it did. */
int pack_forget(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored);

#endif
