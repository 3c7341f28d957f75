/*
 * Called by instance_work.c, on its input's thread, around each gather.  `due` only ever moves by
 * whole intervals, plus the correction of scheduler_align(), so that the time a gather takes does
 * not add up to a drift.  That correction is what makes ticks of all machines fall together again
 * after the wall clock was stepped; it is bounded so that one gap is at most half an interval
 * longer or shorter.
 */
#include "instance/scheduler.h"

#include <assert.h>

#include "base/hash.h"

/* How far a moment of the wall clock is past its last tick: 0 ≤ r < interval. */
static int64_t scheduler_phase(const struct scheduler *scheduler, int64_t now)
{
	int64_t phase = (now - scheduler->offset) % scheduler->interval;
	return phase < 0 ? phase + scheduler->interval : phase;
}

/* Due is the next tick, not this moment: the caller gathers once at the start anyway. */
void scheduler_init(struct scheduler *scheduler, int64_t interval, int64_t jitter, uint64_t seed,
		    int64_t now, int64_t monotonic)
{
	assert(interval > 0);
	scheduler->interval = interval;
	scheduler->offset = 0;
	/* Seeds that differ in a bit give unrelated offsets. */
	if (jitter > 0)
		scheduler->offset = (int64_t)(hash_word(0, seed) % ((uint64_t)jitter + 1));
	scheduler->due = monotonic + interval - scheduler_phase(scheduler, now);
}

uint64_t scheduler_passed(const struct scheduler *scheduler, int64_t monotonic)
{
	if (scheduler->due > monotonic)
		return 0;
	return (uint64_t)((monotonic - scheduler->due) / scheduler->interval);
}

uint64_t scheduler_next(struct scheduler *scheduler, int64_t now, int64_t monotonic)
{
	uint64_t passed = scheduler_passed(scheduler, monotonic);
	if (scheduler->due <= monotonic)
		scheduler->due += ((int64_t)passed + 1) * scheduler->interval;
	/* Moves the next tick to where the wall clock has one, by at most half an interval. */
	int64_t phase = scheduler_phase(scheduler, now + (scheduler->due - monotonic));
	if (phase > scheduler->interval / 2)
		phase -= scheduler->interval;
	scheduler->due -= phase;
	if (scheduler->due <= monotonic)
		scheduler->due += scheduler->interval;
	return passed;
}
