/*
 * How often to poll: at the interval, unless polls take over half of it; then at a multiple of it,
 * so that a slow engine is not asked all the time.
 */
#ifndef TALLYD_POLL_INTERVAL_H
#define TALLYD_POLL_INTERVAL_H

#include <tallyd/host.h>

struct poll_interval {
	int64_t stretch; /* intervals from one poll to the next; at least 1 */
	bool was_slow;   /* the poll before would have stretched it */
	int64_t due;     /* monotonic ns; no poll before */
};

/* After a poll that began then and took so long; logs a change. */
void poll_interval_adapt(struct poll_interval *state, struct tally_ctx *ctx, int64_t begun,
			 int64_t took);

#endif
