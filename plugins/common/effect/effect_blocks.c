/*
 * See effect_blocks.h.  Pure; any thread.  Averages over blocks take most of the autocorrelation of
 * readings away; how much is left, blocks_inflation() tells.
 */
#include "effect/effect_blocks.h"

#include <math.h>
#include <stdlib.h>

static const double effect_correlation_most = 0.8, effect_alpha_day = 0.1;

double effect_quantile(const double *sorted, uint32_t n, double q)
{
	double at = q * (n - 1);
	uint32_t low = (uint32_t)at;
	double part = at - low;
	return low + 1 < n ? sorted[low] * (1 - part) + sorted[low + 1] * part : sorted[low];
}

/* Of the points in a block at least half; less: it is a gap. */
static double block_value(const struct blocks *blocks, enum blocks_of of, uint32_t from,
			  uint32_t to)
{
	double sorted[EFFECT_POINTS_MAX], sum = 0;
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++) {
		if (isnan(blocks->points[i]))
			continue;
		sorted[n++] = blocks->points[i];
		sum += blocks->points[i];
	}
	if (n == 0 || 2 * n < to - from)
		return NAN;
	if (of == BLOCKS_OF_MEANS)
		return sum / n;
	qsort(sorted, n, sizeof(*sorted), effect_by_value);
	return effect_quantile(sorted, n, 0.5);
}

void blocks_make(const struct effect_points *side, const struct effect_points *other,
		 enum blocks_of of, struct blocks *ret)
{
	uint32_t n = side->n < EFFECT_BLOCKS ? side->n : EFFECT_BLOCKS, found = 0;
	*ret = (struct blocks){.n_points = side->n};
	for (uint32_t i = 0; i < side->n; i++) {
		ret->points[i] = side->points[i] - (other ? other->points[i] : 0);
		if (isnan(ret->points[i]))
			continue;
		ret->mean += ret->points[i];
		found++;
	}
	ret->mean /= found ? found : 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t from = side->n * i / n, to = side->n * (i + 1) / n;
		double value = block_value(ret, of, from, to);
		if (isnan(value))
			continue;
		ret->at[ret->n] = (from + to - 1) / 2.0;
		ret->values[ret->n++] = value;
	}
}

double blocks_mean(const struct blocks *blocks)
{
	double sum = 0;
	for (uint32_t i = 0; i < blocks->n; i++)
		sum += blocks->values[i];
	return sum / blocks->n;
}

void blocks_add_moments(const double *values, uint32_t n, double mean, double moments[3])
{
	for (uint32_t i = 0; i < n; i++) {
		double here = values[i] - mean;
		if (isnan(here))
			continue;
		moments[0] += here * here;
		if (i + 1 < n && !isnan(values[i + 1]))
			moments[1] += here * (values[i + 1] - mean);
		moments[2]++;
	}
}

/* Between neighbours.  A short series shows it too small (Kendall's correction). */
static double correlation(const double moments[3])
{
	if (moments[0] <= 0)
		return 0;
	double r = moments[1] / moments[0];
	r += (1 + 3 * r) / (moments[2] / 2);
	return r < 0 ? 0 : r > effect_correlation_most ? effect_correlation_most : r;
}

/* Between the sums of neighbouring blocks of an AR(1) with so much of it between points. */
static double between_blocks(double r, double length)
{
	double end = 1 - pow(r, length);
	double below = length * (1 - r * r) - 2 * r * end;
	return r > 0 && below > 0 ? r * end * end / below : 0;
}

/* Points tell it best, since there are many; what blocks show beyond chance is of a longer memory
 * than an AR(1) has. */
double blocks_inflation(const struct blocks *before, const struct blocks *after)
{
	double points[3] = {0}, blocks[3] = {0};
	blocks_add_moments(before->points, before->n_points, before->mean, points);
	blocks_add_moments(after->points, after->n_points, after->mean, points);
	blocks_add_moments(before->values, before->n, blocks_mean(before), blocks);
	blocks_add_moments(after->values, after->n, blocks_mean(after), blocks);
	double length = (double)before->n_points / EFFECT_BLOCKS;
	double r = between_blocks(correlation(points), length > 1 ? length : 1);
	double seen = correlation(blocks) - 1 / sqrt(blocks[2]);
	r = seen > r ? seen : r;
	return (1 + r) / (1 - r);
}

int effect_by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

double effect_p_of(double score)
{
	return erfc(fabs(score) / sqrt(2));
}

double effect_weaker(double rank, double shift, double error)
{
	if (rank * shift <= 0)
		return 0;
	double t = error > 0 ? shift / error : rank;
	return fabs(t) < fabs(rank) ? t : rank;
}

int effect_day_agrees(const struct effect_input *input, double score, enum blocks_of of,
		      blocks_score_fn *score_of)
{
	struct blocks before, after;
	if (input->day_before.n != input->before.n || input->day_after.n != input->after.n ||
	    input->before.n == 0)
		return -1;
	blocks_make(&input->before, &input->day_before, of, &before);
	blocks_make(&input->after, &input->day_after, of, &after);
	if (before.n < EFFECT_BLOCKS_LEAST || after.n < EFFECT_BLOCKS_LEAST)
		return -1;
	double day = score_of(&before, &after);
	return effect_p_of(day) < effect_alpha_day && day * score > 0;
}
