/* Keeps the index of a log's text (store/log_text.h), in the store's turn. */
#ifndef TALLYD_SQLITE_TEXT_INDEX_H
#define TALLYD_SQLITE_TEXT_INDEX_H

#include <stdint.h>

#include "store/catalog.h"

struct store;

/* One step: forgets blocks whose lines are gone, or makes the newest that are missing.  In one
 * transaction.  1: there is more to do; 0: all is as it should be. */
int text_index_step(struct store *store, const struct stored_table *logs);

/* Blocks that reach into [from, to) are no longer; in the transaction that is open. */
int text_index_forget(struct store *store, const char *table, int64_t from, int64_t to);

#endif
