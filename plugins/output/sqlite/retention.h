/*
 * Deleting: what is older than its retention, things long gone, and, when the file grows to its
 * limit, the oldest there is.  Always in small transactions.  Callers hold the turn.
 */
#ifndef TALLYD_SQLITE_RETENTION_H
#define TALLYD_SQLITE_RETENTION_H

#include "store.h"

/* One transaction's worth of what is too old in one table.  Returns 1: there is more; 0: done. */
int retention_step(struct store *store, const struct stored_table *stored, int64_t now);

/* Whether the file is so full that room should be made before it is quite full. */
int retention_is_full(struct store *store, bool *ret);
/* Deletes the oldest until a tenth is free again. */
int retention_make_room(struct store *store);

/* Gives some free pages back to the file system.  Returns 1: there are more. */
int retention_shrink(struct store *store);
/* Sets SQLite's own limit and returns the size in use. */
int retention_limit(struct store *store);
int retention_size(struct store *store, int64_t *ret_bytes);

#endif
