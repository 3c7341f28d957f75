/*
 * When the next gather is due: aligned to multiples of the interval on the wall clock, shifted by a
 * jitter that is fixed per instance, measured on the monotonic clock so that a step of the wall
 * clock moves the phase but never the rate: one gap is half to one and a half intervals long.
 * Never piles up: ticks missed by a long gather are skipped and counted.  Pure arithmetic, no
 * clock of its own: one instance, one thread.  The loop: gather, scheduler_next(), sleep until due.
 */
#ifndef TALLYD_CORE_SCHEDULER_H
#define TALLYD_CORE_SCHEDULER_H

#include <stdint.h>

struct scheduler {
	int64_t interval, offset; /* ns */
	int64_t due;              /* monotonic ns of the next tick */
};

/* jitter: the most it is shifted by; seed: anything that differs between instances. */
void scheduler_init(struct scheduler *scheduler, int64_t interval, int64_t jitter, uint64_t seed,
		    int64_t now, int64_t monotonic);

/* How many ticks scheduler_next() would find skipped now: while a gather lasts. */
uint64_t scheduler_passed(const struct scheduler *scheduler, int64_t monotonic);

/* After a gather, which stands for the tick that was due: sets due to the next in the future;
 * returns how many between the two were skipped. */
uint64_t scheduler_next(struct scheduler *scheduler, int64_t now, int64_t monotonic);

#endif
