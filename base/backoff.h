/*
 * How long to wait before what failed is tried again: doubled with each failure in a row up to a
 * bound, and then anything between nothing and that, so that a fleet that lost one server does not
 * come back in step (full jitter,
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 *
 *	struct backoff backoff = {.first = CLOCK_SECOND / 2, .most = 30 * CLOCK_SECOND};
 *	while (try() < 0)
 *		wait(backoff_next(&backoff));
 *	backoff_reset(&backoff);
 *
 * One thread at a time.
 */
#ifndef TALLYD_BASE_BACKOFF_H
#define TALLYD_BASE_BACKOFF_H

#include <stdint.h>

struct backoff {
	int64_t first, most; /* ns */
	unsigned failures;   /* in a row */
	uint64_t seed;       /* of the jitter; 0: random, a test sets its own */
};

/* After a failure: 1 ns up to the pause that is due. */
int64_t backoff_next(struct backoff *backoff);

static inline void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}

/* The pause without jitter, after so many failures before this one.  By itself for waits that do
 * not meet at one server, or whose length is announced. */
int64_t backoff_pause(int64_t first, int64_t most, unsigned failures);

#endif
