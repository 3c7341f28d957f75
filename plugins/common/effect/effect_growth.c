/*
 * Whether a quantity grows faster after a change than before it: a leak.  Pure; any thread.
 *
 * Through the blocks of each side goes a straight line (Theil and Sen's: the median of the slopes
 * between any two), which neither a spike nor a start that takes a block or two can tilt.  The
 * slopes differ if *t* says so, with the error that the readings' own memory leaves, and Kendall's
 * rank correlation, of what is left when the line of before is taken away; and if the day before
 * agrees.  What rises once and stays there is no growth: each half of the steeper window must show
 * it.
 */
#include <math.h>
#include <stddef.h>

#include "effect/effect_blocks.h"
#include "trend.h"

_Static_assert((int)EFFECT_BLOCKS <= (int)TREND_POINTS, "trends are of so many points");

static const double growth_alpha = 0.02, growth_least = 0.1;
static const double growth_half = 0.25; /* of the slope, in each half of the blocks */

static double blocks_slope(const struct blocks *blocks)
{
	return trend_slope(blocks->at, blocks->values, blocks->n);
}

static void take_line_away(struct blocks *blocks, double slope)
{
	double middle = (blocks->n_points - 1) / 2.0;
	for (uint32_t i = 0; i < blocks->n_points; i++)
		blocks->points[i] -= slope * (i - middle);
	for (uint32_t i = 0; i < blocks->n; i++)
		blocks->values[i] -= slope * (blocks->at[i] - middle);
}

/* Of the slope, squared, were the blocks independent.  residue: the blocks without their line. */
static double slope_variance(const struct blocks *residue)
{
	double moments[3] = {0}, mean = 0, spread = 0;
	blocks_add_moments(residue->values, residue->n, blocks_mean(residue), moments);
	for (uint32_t i = 0; i < residue->n; i++)
		mean += residue->at[i] / residue->n;
	for (uint32_t i = 0; i < residue->n; i++)
		spread += (residue->at[i] - mean) * (residue->at[i] - mean);
	return moments[0] / (residue->n - 2) / spread;
}

struct growth {
	double before, after; /* slopes, per point */
	double error;         /* of their difference */
};

static void growth_measure(const struct blocks *before, const struct blocks *after,
			   struct growth *ret)
{
	struct blocks b = *before, a = *after;
	ret->before = blocks_slope(before);
	ret->after = blocks_slope(after);
	take_line_away(&b, ret->before);
	take_line_away(&a, ret->after);
	double inflation = blocks_inflation(&b, &a);
	ret->error = sqrt((slope_variance(&b) + slope_variance(&a)) * inflation);
}

/* Each half of these blocks rises differently from the other side, by a part of what all do. */
static bool is_steady(const struct blocks *blocks, double slope, double other)
{
	uint32_t half = blocks->n / 2, rest = blocks->n - half;
	double all = slope - other;
	double first = trend_slope(blocks->at, blocks->values, half) - other;
	double last = trend_slope(blocks->at + half, blocks->values + half, rest) - other;
	return first * all >= growth_half * all * all && last * all >= growth_half * all * all;
}

static double growth_score(const struct blocks *before, const struct blocks *after)
{
	struct growth growth;
	growth_measure(before, after, &growth);
	return effect_weaker(trend_score(after->at, after->values, after->n, growth.before),
			     growth.after - growth.before, growth.error);
}

void effect_compare_growth(const struct effect_input *input, struct effect_result *ret)
{
	struct blocks before, after;
	struct growth growth;
	*ret = (struct effect_result){.verdict = EFFECT_TOO_LITTLE};
	blocks_make(&input->before, NULL, BLOCKS_OF_MEDIANS, &before);
	blocks_make(&input->after, NULL, BLOCKS_OF_MEDIANS, &after);
	if (before.n < EFFECT_BLOCKS_LEAST || after.n < EFFECT_BLOCKS_LEAST)
		return;
	growth_measure(&before, &after, &growth);
	double hour = 3600 / input->step, half = 1.96 * growth.error * hour;
	ret->before = (struct effect_side){.n = before.n, .mean = growth.before * hour};
	ret->after = (struct effect_side){.n = after.n, .mean = growth.after * hour};
	ret->difference = ret->after.mean - ret->before.mean;
	ret->low = ret->difference - half;
	ret->high = ret->difference + half;
	double score = growth_score(&before, &after), p = effect_p_of(score);
	int day = effect_day_agrees(input, score, BLOCKS_OF_MEDIANS, growth_score);
	ret->day = day >= 0;
	ret->confidence = 1 - p;
	double least = growth_least * fabs(before.mean);
	double rise = fabs(growth.after - growth.before) * before.n_points;
	bool large = rise >= (least > input->floor ? least : input->floor);
	bool steady = fabs(growth.after) > fabs(growth.before)
			      ? is_steady(&after, growth.after, growth.before)
			      : is_steady(&before, growth.before, growth.after);
	bool found = p < growth_alpha && large && steady && day != 0;
	ret->verdict = !found ? EFFECT_SAME : score > 0 ? EFFECT_WORSE : EFFECT_BETTER;
}
