/* Waiting for what another thread does, never for a time. Include test.h first. */
#ifndef TALLYD_TESTS_WAITING_H
#define TALLYD_TESTS_WAITING_H

#include <unistd.h>

#include "base/clock.h"

#define WAIT_UNTIL(condition)                                                                      \
	do {                                                                                       \
		int64_t deadline_ = clock_monotonic() + 30 * CLOCK_SECOND;                         \
		while (!(condition)) {                                                             \
			if (clock_monotonic() > deadline_)                                         \
				fail_msg("in vain: %s", #condition);                               \
			usleep(1000);                                                              \
		}                                                                                  \
	} while (0)

#endif
