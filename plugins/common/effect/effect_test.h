/*
 * Whether a measured quantity is another one after a change than before it: the method of
 * docs/changes.md.  Pure functions over points on a grid, NAN where there is none; any thread.
 */
#ifndef TALLYD_EFFECT_TEST_H
#define TALLYD_EFFECT_TEST_H

#include <stdbool.h>
#include <stdint.h>

enum { EFFECT_BLOCKS = 12, EFFECT_POINTS_MAX = 128 };

enum effect_verdict { EFFECT_TOO_LITTLE, EFFECT_SAME, EFFECT_BETTER, EFFECT_WORSE };

struct effect_side {
	uint32_t n; /* points; 0: the rest is not set */
	double mean, p50, p95, max;
	double per_hour; /* slope of a straight line through the points */
};

/* One side's points, on a grid. */
struct effect_points {
	const double *points;
	uint32_t n; /* with the gaps */
};

struct effect_input {
	struct effect_points before, after;
	/* The same hours a day earlier; n = 0: there are none. */
	struct effect_points day_before, day_after;
	double step;  /* seconds from one point to the next */
	double floor; /* what is less than this is no difference */
};

struct effect_result {
	struct effect_side before, after;
	bool day;          /* the day before was compared, too */
	double difference; /* of the means; low, high: where it lies with 95 % */
	double low, high;
	double confidence; /* that there is one: 1 - p */
	enum effect_verdict verdict;
};

void effect_compare(const struct effect_input *input, struct effect_result *ret);
/* Of how fast it grows: n and mean (per hour) of both sides. */
void effect_compare_growth(const struct effect_input *input, struct effect_result *ret);
/* Of rare events: how many there were in how many seconds. */
void effect_compare_counts(const double counts[2], const double seconds[2],
			   struct effect_result *ret);

#endif
