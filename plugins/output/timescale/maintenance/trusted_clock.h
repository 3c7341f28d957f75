/*
 * The time that deleting follows (see store_clock.h), as tally.clock has it.  One row for all
 * daemons: whoever leads carries it on.
 */
#ifndef TALLYD_TIMESCALE_TRUSTED_CLOCK_H
#define TALLYD_TIMESCALE_TRUSTED_CLOCK_H

#include "pg/pg_connection.h"
#include "store/store_clock.h"

/* Creates the row if there is none: up to where the store was maintained, else by the database's
 * clock.  If this role may not, it is left to one that may. */
int trusted_clock_begin(struct pg_connection *pg);
/* trusted is INT64_MIN if there is no row. */
int trusted_clock_load(struct pg_connection *pg, struct store_clock *ret);
int trusted_clock_store(struct pg_connection *pg, const struct store_clock *clock);
/* The operator says that the database's clock is right. */
int trusted_clock_confirm(struct pg_connection *pg);

#endif
