/*
 * A clock that is set back would give new lines times that lie before what was accepted, so that
 * they would count as read.  It is noticed, and the positions follow it (log_resume_step_back).
 * Asked whenever bytes of a log have come, before they are looked into; on the input's thread.
 */
#ifndef TALLYD_LOGS_CLOCK_STEP_H
#define TALLYD_LOGS_CLOCK_STEP_H

#include <tallyd/host.h>

/* When the clocks were compared last. */
struct clock_step {
	int64_t wall, monotonic;
};

/* true: the clock was set back, which is logged; new lines are not older than *ret_floor. */
bool clock_step_seen(struct clock_step *step, struct tally_ctx *ctx, int64_t *ret_floor);

#endif
