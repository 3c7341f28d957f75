/*
 * A look costs a round trip, so a writer takes one a minute.  How far this host's clock is off is
 * measured from the middle of it, as NTP does: the answer was made somewhere in between, and half
 * the round trip bounds the error.  Called on the thread of whoever owns the connection.  Where
 * asking fails the clock stays as it was, and the caller returns the error.
 */
#include "maintenance/server_clock.h"

#include <stdlib.h>

#include "base/clock.h"
#include "schema/server_time.h"
#include "store.h"
#include "store/store_clock.h"

#define CLOCK_ASK CLOCK_MINUTE                /* again after */
#define CLOCK_WARN_EVERY (300 * CLOCK_SECOND) /* again after */

int64_t server_clock_offset(const struct server_clock *clock)
{
	return clock->here - clock->server;
}

static void clock_report(struct server_clock *clock, struct tally_ctx *ctx)
{
	int64_t offset = server_clock_offset(clock);
	tally_gauge(ctx, METRIC_CLOCK_OFFSET, offset);
	if (llabs(offset) <= STORE_CLOCK_BOUND) {
		if (clock->logged)
			tally_log(ctx, TALLY_NOTICE,
				  "this host's clock agrees with the database's again");
		clock->logged = 0;
		return;
	}
	if (clock->logged && clock->monotonic - clock->logged < CLOCK_WARN_EVERY)
		return;
	clock->logged = clock->monotonic;
	tally_log(ctx, TALLY_WARNING,
		  "this host's clock is %lld s %s the database's, so this daemon does no "
		  "maintenance there; its rows carry this host's time: set the clock that is wrong",
		  llabs(offset) / CLOCK_SECOND, offset > 0 ? "ahead of" : "behind");
}

int server_clock_read(struct server_clock *clock, struct pg_connection *pg)
{
	int64_t monotonic = tally_monotonic(pg->ctx), here = tally_now(pg->ctx);
	int r = server_time_read(pg, &clock->server);
	if (r < 0)
		return r;
	int64_t half = (tally_monotonic(pg->ctx) - monotonic) / 2;
	clock->monotonic = monotonic + half;
	clock->here = here + half;
	clock_report(clock, pg->ctx);
	return 0;
}

/* Also when this host's clock was set, or its monotonic one is not to be believed either. */
static bool clock_is_due(const struct server_clock *clock, struct tally_ctx *ctx)
{
	int64_t passed = tally_monotonic(ctx) - clock->monotonic;
	int64_t here = tally_now(ctx) - clock->here;
	/* CLOCK_MONOTONIC stands still while a virtual machine is paused; the other then runs away
	 * from it by more than a second. */
	return clock->monotonic == 0 || passed < 0 || passed > CLOCK_ASK ||
	       llabs(here - passed) > CLOCK_SECOND;
}

int64_t server_clock_estimate(const struct server_clock *clock, struct tally_ctx *ctx)
{
	return clock->server + (tally_monotonic(ctx) - clock->monotonic);
}

int server_clock_now(struct server_clock *clock, struct pg_connection *pg, int64_t *ret)
{
	int r = clock_is_due(clock, pg->ctx) ? server_clock_read(clock, pg) : 0;
	if (r == 0)
		*ret = server_clock_estimate(clock, pg->ctx);
	return r;
}
