/*
 * Minutes from rows, hours from minutes, days from hours.  A bucket is rolled up once, some time
 * after it closed; a row that comes later marks its minute in tally_late, and that minute is
 * rolled up again, with those in which its counters go on, but only while all that they are made of
 * is still there.
 */
#ifndef TALLYD_SQLITE_ROLLUP_H
#define TALLYD_SQLITE_ROLLUP_H

#include <sqlite3.h>
#include <tallyd/host.h>

#include "base/clock.h"
#include "maintenance/watermarks.h"
#include "store/catalog.h"

/* How long a minute stays open for rows that are still on their way. */
#define ROLLUP_GRACE CLOCK_MINUTE

/*
 * One step on the way to closed (ns): a stretch of at most span ns of one level, or some late
 * buckets, in one transaction.  Returns 1: there is more to do; 0: all is rolled up.
 */
int rollup_step(struct tally_ctx *ctx, sqlite3 *db, const struct stored_table *stored,
		int64_t closed, int64_t span);

#endif
