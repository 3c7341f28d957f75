/* See clock_step.h: compares how far the wall clock and the monotonic clock went since the last
 * call.  Of an engine on another machine nothing is known, and nothing is done. */
#include "clock_step.h"

#include "base/clock.h"
#include "follower.h"
#include "logs.h"

void clock_step_check(struct docker_logs *logs)
{
	int64_t wall = tally_now(logs->ctx), monotonic = tally_monotonic(logs->ctx);
	int64_t passed = monotonic - logs->monotonic;
	/* New lines cannot be older than the clock's time at the last call, less the step. */
	int64_t floor = wall - passed - CLOCK_MS;
	/* Less than 10 ms may be slewing, or the two clocks read one after the other. */
	bool stepped = logs->monotonic != 0 && wall - logs->wall < passed - 10 * CLOCK_MS &&
		       logs->target.endpoint->path[0];
	logs->wall = wall;
	logs->monotonic = monotonic;
	if (!stepped)
		return;
	tally_log(logs->ctx, TALLY_NOTICE,
		  "the clock was set back: lines of the repeated time may be stored twice");
	if (logs->seconds)
		floor -= floor % CLOCK_SECOND + 1;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		log_resume_step_back(&logs->followers[i]->ingest.lines.resume, floor);
}
