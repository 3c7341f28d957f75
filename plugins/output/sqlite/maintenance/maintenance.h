/*
 * What has to be done periodically: roll up, delete, shrink, report.  A thread of its own does it
 * in many short transactions on the store's writing connection, so that writes continue in between,
 * and so that it also runs when nothing is written.  Rolling up goes by the clock, deleting by no
 * more of it than time went by (see store_clock.h).
 */
#ifndef TALLYD_SQLITE_MAINTENANCE_H
#define TALLYD_SQLITE_MAINTENANCE_H

#include "store/periodic_task.h"

struct store;

int maintenance_start(struct store *store);
void maintenance_stop(struct store *store); /* waits for the transaction it is in */

/* All that is due now, on the caller's thread.  Also called by tests. */
int maintenance_run(struct store *store);

#endif
