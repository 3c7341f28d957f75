/*
 * Deleting what is older than its retention, by whole partitions where the table is cut by time.
 * Rows of a series are kept at least until they are rolled up.  What is deleted is noted first, so
 * that nothing is computed from what is left of a bucket.  store_clock.h says how old a row is.
 *
 * Dropping one takes a lock that waits for the table's readers, and all who come later wait
 * behind it: so it waits only briefly, and if that was in vain it is tried again after a while.
 */
#ifndef TALLYD_TIMESCALE_RETENTION_H
#define TALLYD_TIMESCALE_RETENTION_H

#include "maintenance/watermarks.h"
#include "maintenance/step_size.h"
#include "store/retention_age.h"

struct retention {
	struct pg_connection *pg;
	const struct server *server;
	struct step_size *step_size; /* of the table */
	int64_t now;                 /* the database's clock */
	const struct store_clock *clock;
	const struct retention_age *age;
};

int retention_run(const struct retention *retention, const struct stored_table *stored);
/* How wide partitions are to be, and those for today and the days after, if the table has
 * partitions. */
int retention_partitions(const struct retention *retention, const struct stored_table *stored);

#endif
