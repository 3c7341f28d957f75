/* See clock_step.h: compares how far the wall clock and the monotonic clock went since the last
 * call. */
#include "logs/clock_step.h"

#include "base/clock.h"

bool clock_step_seen(struct clock_step *step, struct tally_ctx *ctx, int64_t *ret_floor)
{
	int64_t wall = tally_now(ctx), monotonic = tally_monotonic(ctx);
	int64_t passed = monotonic - step->monotonic;
	/* Less than 10 ms may be slewing, or the two clocks read one after the other. */
	bool seen = step->monotonic != 0 && wall - step->wall < passed - 10 * CLOCK_MS;
	*step = (struct clock_step){wall, monotonic};
	if (!seen)
		return false;
	tally_log(ctx, TALLY_NOTICE,
		  "the clock was set back: lines of the repeated time may be stored twice");
	/* New lines cannot be older than the clock's time at the last call, less the step. */
	*ret_floor = wall - passed - CLOCK_MS;
	return true;
}
