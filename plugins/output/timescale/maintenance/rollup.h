/*
 * Minutes from rows, hours from minutes, days from hours, each by one INSERT … SELECT on the
 * server, or above the minutes by the refresh of a continuous aggregate.  A bucket is rolled up
 * once, some time after it closed; a row that comes later marks its minute in tally.late, and that
 * minute, the one after and those of the series' next rows that go on counting from it are rolled
 * up again, with the hours and days they are in; but only while all that they are made of is still
 * there.
 *
 * A writer marks every row that is older than 30 s when it is written, by the database's clock, and
 * every one that lies before the watermark.  A minute is rolled up 120 s after its end, by the same
 * clock.  So no row falls between as long as a transaction takes less than 90 s.
 */
#ifndef TALLYD_TIMESCALE_ROLLUP_H
#define TALLYD_TIMESCALE_ROLLUP_H

#include "base/clock.h"
#include "maintenance/continuous.h"
#include "maintenance/watermarks.h"

#define ROLLUP_GRACE (2 * CLOCK_MINUTE)

struct rollup {
	struct pg_connection *pg;
	const struct server *server;
	const struct stored_table *stored;
	int64_t now;  /* the database's clock, as writers have it, too */
	int64_t span; /* ns to roll up at most in one transaction, from a minute on */
	bool full;    /* the last step had so much to do */
	bool unusual; /* a step failed at what rollup_usual.h says, so they are all done without */
	struct continuous continuous; /* as each step finds it */
};

/* One transaction's worth of one level.  1: there is more; 0: all that has closed is done. */
int rollup_ahead(struct rollup *rollup);
/* One transaction's worth of minutes with late rows, the oldest first.  It may come after any step
 * ahead: the coarser levels are recomputed with the minutes.  1: there is more; 0: none is left,
 * but for those that were marked meanwhile. */
int rollup_late(struct rollup *rollup);

#endif
