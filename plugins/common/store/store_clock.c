/*
 * Between two rounds on one boot of one machine the time that went by is known; from a round before
 * the last boot, or of another machine, it is not, and then only a short pause is believed at once.
 */
#include "store/store_clock.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

/* What a clock may go astray within a round: small steps of NTP, and drift. */
#define CLOCK_STEP (5 * CLOCK_SECOND)
enum { CLOCK_DRIFT = 1000 };
/* For how long all may have stood still without anybody asking. */
#define CLOCK_PAUSE CLOCK_HOUR

/* ---- The time that is trusted -------------------------------------------------- */

static int64_t clock_distance(int64_t a, int64_t b)
{
	int64_t distance;
	if (__builtin_sub_overflow(a > b ? a : b, a > b ? b : a, &distance))
		return INT64_MAX;
	return distance;
}

void store_clock_advance(struct store_clock *clock, int64_t now, const struct store_uptime *uptime,
			 int64_t longest)
{
	bool known = uptime->boot[0] && strcmp(uptime->boot, clock->uptime.boot) == 0 &&
		     uptime->ns >= clock->uptime.ns;
	int64_t passed = known ? uptime->ns - clock->uptime.ns : 0;
	int64_t leeway = known ? CLOCK_STEP + passed / CLOCK_DRIFT : CLOCK_PAUSE;
	/* As long as the clock has moved like the time that went by, it is believed, whatever it
	 * says; NTP's small steps are within the leeway. */
	bool together = clock->trusted == INT64_MIN ||
			clock_distance(now, clock->trusted + passed) <= leeway;
	if (!together) {
		/* One of the two is wrong, and only time shows which. */
		int64_t before = clock_distance(clock->seen, clock->trusted);
		clock->trusted += passed;
		bool same = clock_distance(clock_distance(now, clock->trusted), before) <= leeway;
		clock->steady = same ? clock->steady + passed : 0;
	}
	/* To believe one that went back costs nothing. */
	if (together || clock->steady >= (clock->trusted > now ? CLOCK_PAUSE : longest)) {
		clock->trusted = now;
		clock->steady = 0;
	}
	clock->seen = now;
	clock->uptime = *uptime;
}

static int64_t clock_of(const struct store_clock *clock, int64_t retention)
{
	bool follows = clock->steady >= retention || clock->trusted > clock->seen;
	return follows ? clock->seen : clock->trusted;
}

int64_t store_clock_cut(const struct store_clock *clock, int64_t retention)
{
	int64_t cut;
	if (__builtin_sub_overflow(clock_of(clock, retention), retention, &cut))
		return INT64_MIN;
	return cut;
}

int64_t store_clock_held(const struct store_clock *clock, int64_t retention)
{
	return clock_distance(clock->seen, clock_of(clock, retention));
}
