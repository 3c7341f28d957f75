/*
 * Waiting for what another thread or process does, never for a time.  Conditions are asked for
 * every millisecond, for at most half a minute.
 */
#ifndef TALLYD_TESTS_WAITING_H
#define TALLYD_TESTS_WAITING_H

#include <stdbool.h>
#include <time.h>

#include "base/clock.h"

static inline void waiting_pause(void)
{
	const struct timespec pause = {.tv_nsec = CLOCK_MS};
	nanosleep(&pause, NULL);
}

/* Whether the condition came true in time; for threads other than the test's, and where something
 * has to be undone before the test may fail. */
#define WAITED_FOR(condition)                                                                      \
	({                                                                                         \
		int64_t deadline_ = clock_monotonic() + 30 * CLOCK_SECOND;                         \
		bool holds_;                                                                       \
		while (!(holds_ = (condition)) && clock_monotonic() < deadline_)                   \
			waiting_pause();                                                           \
		holds_;                                                                            \
	})

/* Fails the test otherwise; <cmocka.h> is the test's to include. */
#define WAIT_UNTIL(condition)                                                                      \
	do {                                                                                       \
		if (!WAITED_FOR(condition))                                                        \
			fail_msg("in vain: %s", #condition);                                       \
	} while (0)

#endif
