/*
 * How long to wait until the next poll, by how long the last one took.  docker_stats.c calls this
 * after each poll that worked.
 *
 * Constant polling slows an engine down for all its clients: with 1,000 containers on 20.10 one
 * poll takes longer than an interval of 5 s.  So the interval is stretched to a multiple that
 * leaves the engine idle for half of the time, after two slow polls in a row, at most doubled at a
 * time, with hysteresis on the way back.  Polls never overlap.
 */
#include "poll_interval.h"

/* A stretch with which polls take half of the time at most; back to 1 only when they take less than
 * a quarter, so that it does not oscillate.  One slow poll may be chance, and changes nothing; the
 * second in a row stretches, to twice the stretch before at most. */
static int64_t next_stretch(struct poll_interval *state, int64_t interval, int64_t took)
{
	int64_t enough = state->stretch > 1 ? interval / 4 : interval / 2;
	int64_t stretch = (2 * took + interval - 1) / interval;
	if (took <= enough)
		stretch = 1;
	else if (stretch < 2)
		stretch = 2;
	bool is_slow = stretch > state->stretch, was_slow = state->was_slow;
	state->was_slow = is_slow && !was_slow;
	if (!is_slow)
		return stretch;
	if (!was_slow)
		return state->stretch;
	return stretch < 2 * state->stretch ? stretch : 2 * state->stretch;
}

void poll_interval_adapt(struct poll_interval *state, struct tally_ctx *ctx, int64_t begun,
			 int64_t took)
{
	int64_t interval = ctx->interval;
	if (interval <= 0)
		return;
	int64_t stretch = next_stretch(state, interval, took);
	if (stretch > 1 && state->stretch == 1)
		tally_log(ctx, TALLY_WARNING,
			  "a poll takes %.1f s, over half the interval of %.1f s; polling every "
			  "%.1f s from now on",
			  (double)took / 1e9, (double)interval / 1e9,
			  (double)(stretch * interval) / 1e9);
	if (stretch == 1 && state->stretch > 1)
		tally_log(ctx, TALLY_NOTICE, "polls are fast again; polling every %.1f s",
			  (double)interval / 1e9);
	state->stretch = stretch;
	/* The core's ticks jitter a little. */
	state->due = stretch == 1 ? 0 : begun + stretch * interval - interval / 4;
}
