/*
 * Tags of which no row is left, in any level, are deleted from <table>_series.  Daemons remember
 * series; so whoever writes holds a shared lock to the end of its transaction and says which
 * generation it remembers, and here the lock is taken alone, what is dead is looked at once more,
 * and the generation moves on: who comes later with an older one asks anew.
 */
#ifndef TALLYD_TIMESCALE_SERIES_GC_H
#define TALLYD_TIMESCALE_SERIES_GC_H

#include "pg/pg_connection.h"
#include "schema/schema.h"

/* Looks at every series: for after a day was deleted, not for every round. */
int series_gc_run(struct pg_connection *pg, const struct stored_table *stored);

#endif
