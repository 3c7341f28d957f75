/*
 * Brings the store's own tables and functions in a database up to date (see
 * store/migration_list.h). An advisory lock lets one daemon at a time do it; the others find it
 * done.
 */
#ifndef TALLYD_TIMESCALE_MIGRATION_H
#define TALLYD_TIMESCALE_MIGRATION_H

#include "pg/pg_connection.h"
#include "store/migration_list.h"

struct progress;

/* Applies what is missing, each in a transaction of its own with its record, so that a crash in
 * between leaves whole ones.  -EPROTO: the database belongs to a newer tallyd, or other migrations
 * were applied, or not in their order.  -EAGAIN: somebody holds the lock; the reason says who.
 * progress: where it is shown; NULL: nowhere. */
int migration_run(struct pg_connection *pg, const struct migration *list,
		  struct progress *progress);

/* The first that is missing; reads only.  -EPROTO likewise. */
int migration_find(struct pg_connection *pg, const struct migration *list,
		   const struct migration **ret);
/* How many are missing; reads only.  -EPROTO likewise. */
int migration_missing(struct pg_connection *pg, const struct migration *list, int *ret);

#endif
