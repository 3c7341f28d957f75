/*
 * How often to sweep: at the interval, unless sweeps take over half of it; then at a multiple of
 * it, so that an engine that is slow is not asked all the time.
 */
#ifndef TALLYD_POLL_INTERVAL_H
#define TALLYD_POLL_INTERVAL_H

#include <tallyd/host.h>

struct poll_interval {
	int64_t stretch; /* intervals from one sweep to the next; at least 1 */
	bool was_slow;   /* the sweep before would have stretched it */
	int64_t due;     /* monotonic ns; no sweep before */
};

/* After a sweep that began then and took so long; says when the pace changes. */
void poll_interval_adapt(struct poll_interval *state, struct tally_ctx *ctx, int64_t begun,
			 int64_t took);

#endif
