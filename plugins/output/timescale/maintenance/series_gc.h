/*
 * Series of which no row is left, in any level, are deleted from <table>_series.  Daemons remember
 * series; so a writer holds a shared lock to the end of its transaction and says which generation
 * it remembers.  Here the lock is taken exclusively, what seemed dead is checked once more, and the
 * generation moves on: a writer with an older one has to look its series up again.
 */
#ifndef TALLYD_TIMESCALE_SERIES_GC_H
#define TALLYD_TIMESCALE_SERIES_GC_H

#include "pg/pg_connection.h"
#include "schema/schema.h"

/* Looks at every series, so not for every round, but after a day was deleted. */
int series_gc_run(struct pg_connection *pg, const struct stored_table *stored);

#endif
