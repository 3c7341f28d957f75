/*
 * How often to sweep: at the interval, unless sweeps take over half of it; then at a multiple of
 * it, so that an engine that is slow is not asked all the time.
 */
#ifndef TALLYD_STATS_PACE_H
#define TALLYD_STATS_PACE_H

#include <tallyd/host.h>

struct stats_pace {
	int64_t stretch; /* intervals from one sweep to the next; at least 1 */
	bool was_slow;   /* the sweep before would have stretched it */
	int64_t due;     /* monotonic ns; no sweep before */
};

/* After a sweep that began then and took so long; says when the pace changes. */
void stats_pace_set(struct stats_pace *pace, struct tally_ctx *ctx, int64_t begun, int64_t took);

#endif
