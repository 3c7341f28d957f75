/*
 * Waiting for a condition until a time of the monotonic clock: a step of the wall clock must
 * neither end a wait nor prolong it.  The clock is named at the wait (pthread_cond_clockwait(),
 * POSIX.1-2024 and glibc since 2.30), so conditions need no attributes and cannot be set up for the
 * wrong one.
 */
#ifndef TALLYD_BASE_CONDITION_H
#define TALLYD_BASE_CONDITION_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Of clock_monotonic(); INT64_MAX: for ever.  False: it has come.  As with any condition, true may
 * also mean nothing: test again what is waited for. */
static inline bool condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock,
				  int64_t deadline)
{
	const struct timespec until = clock_timespec(deadline);
	return pthread_cond_clockwait(condition, lock, CLOCK_MONOTONIC, &until) == 0;
}

#endif
