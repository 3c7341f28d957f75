/* Keeps the counts of a log's lines (store/log_lines.h), in the store's turn. */
#ifndef TALLYD_SQLITE_LOG_LINES_H
#define TALLYD_SQLITE_LOG_LINES_H

#include "store/catalog.h"

struct store;

/* One step on the way to closed (ns): at most span ns, or some late minutes, in one transaction.
 * Returns 1: there is more to do; 0: all is counted. */
int log_lines_step(struct store *store, const struct stored_table *logs, int64_t closed,
		   int64_t span);

/* Whether a table is one of counts, whose rows are written here and may be written again. */
bool log_lines_are_of(struct catalog *catalog, const struct stored_table *counts);

#endif
