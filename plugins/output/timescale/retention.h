/*
 * Deleting what is older than its retention, by whole days where the table is cut by time.  Rows of
 * a series are kept at least until they are rolled up.  What is deleted is noted first, so that
 * nothing is computed from what is left of a bucket.
 */
#ifndef TALLYD_TIMESCALE_RETENTION_H
#define TALLYD_TIMESCALE_RETENTION_H

#include "marks.h"

struct retention {
	struct pg_connection *pg;
	const struct server *server;
	int64_t now;
	int64_t raw, rollup, daily; /* ns */
};

int retention_run(const struct retention *retention, const struct stored_table *stored);
/* Partitions of today and the days after, of a table that has such. */
int retention_partitions(const struct retention *retention, const struct stored_table *stored);

#endif
