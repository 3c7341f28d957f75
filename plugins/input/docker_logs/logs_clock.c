/* See logs_clock.h.  Called by follower.c and session.c before they read. */
#include "logs_clock.h"

#include "base/clock.h"
#include "follower.h"
#include "logs.h"

void logs_clock_check(struct docker_logs *logs)
{
	int64_t floor;
	/* Of an engine on another machine nothing is known. */
	if (!logs->target.endpoint->path[0] || !clock_step_seen(&logs->clock, logs->ctx, &floor))
		return;
	if (logs->common.seconds)
		floor -= floor % CLOCK_SECOND + 1;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		log_resume_step_back(&logs->followers[i]->ingest.lines.resume, floor);
}
