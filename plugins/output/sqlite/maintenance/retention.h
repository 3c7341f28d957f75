/*
 * Deleting: what is older than its retention, things long gone, and, when the file grows to its
 * limit, the oldest there is.  Always in small transactions.  Callers hold the turn.
 */
#ifndef TALLYD_SQLITE_RETENTION_H
#define TALLYD_SQLITE_RETENTION_H

#include "store.h"

/* Some of what is too old in one table, by store->clock.  Returns 1: there may be more; 0: done. */
int retention_step(struct store *store, const struct stored_table *stored);
/* After that: the tag sets that nothing refers to any more. */
int retention_gc_series(struct store *store, const struct stored_table *stored);

/* How full max_size is, in percent. */
int retention_fill(struct store *store, int64_t *ret_percent);
enum { RETENTION_FULL = 95, RETENTION_ROOM = 90 }; /* percent: when to begin, and where to end */
/* Some of the oldest rows there are.  Returns how many went; 0: there are none. */
int retention_make_room(struct store *store);

/* Gives some free pages back to the file system.  Returns 1: there are more. */
int retention_shrink(struct store *store);
/* Sets SQLite's own limit and returns the size in use. */
int retention_limit(struct store *store);
int retention_size(struct store *store, int64_t *ret_bytes);

#endif
