/* The two clocks, in ns.  Wall time names rows; monotonic time measures and sets deadlines. */
#ifndef TALLYD_BASE_CLOCK_H
#define TALLYD_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MS INT64_C(1000000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR (3600 * CLOCK_SECOND)
#define CLOCK_DAY (86400 * CLOCK_SECOND)

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

static inline int64_t clock_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

static inline int64_t clock_monotonic(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec clock_timespec(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / CLOCK_SECOND, .tv_nsec = ns % CLOCK_SECOND};
}

/* Of two times at which something is due; INT64_MAX: never. */
static inline int64_t clock_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
