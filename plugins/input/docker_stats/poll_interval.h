/*
 * How often to poll: at the interval, unless polls take over half of it; then at a multiple of it,
 * so that a slow engine is not busy with polls all the time.
 */
#ifndef TALLYD_POLL_INTERVAL_H
#define TALLYD_POLL_INTERVAL_H

#include <tallyd/host.h>

struct poll_interval {
	int64_t stretch; /* intervals from one poll to the next; at least 1 */
	bool was_slow;   /* the previous poll would have stretched it */
	int64_t due;     /* monotonic ns; no poll before */
};

/* After each poll: when it began and how long it took.  Logs a change. */
void poll_interval_adapt(struct poll_interval *state, struct tally_ctx *ctx, int64_t begun,
			 int64_t took);

#endif
