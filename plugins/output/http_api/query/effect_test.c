/*
 * Points are averaged over blocks (a twelfth of the window each), the blocks of both sides ranked
 * (Mann and Whitney's U, with its correction for ties), and the variance of U inflated by what is
 * left of the autocorrelation between blocks.  If there are points of the day before, what each
 * block differs by from the same time of that day is ranked as well, and must say the same: so a
 * rise that comes every morning is none.  routes/effect.c calls this on a worker's thread.
 *
 * Averages over blocks take most of the autocorrelation of readings away, ranks the weight of
 * spikes and any need to know a distribution.  A difference that is significant but small is none:
 * EFFECT_LEAST of the mean before, and the input's floor.
 */
#include "query/effect_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EFFECT_BLOCKS_LEAST = 6 };

static const double effect_alpha = 0.02, effect_alpha_day = 0.1, effect_alpha_counts = 0.05;
static const double effect_least = 0.1;
static const double effect_correlation_most = 0.8;

struct blocks {
	double points[EFFECT_POINTS_MAX];
	uint32_t n_points; /* with gaps */
	double mean;
	double values[EFFECT_BLOCKS];
	uint32_t n; /* without gaps */
};

/* ---- What a side is like ------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return (left > right) - (left < right);
}

/* By linear interpolation. */
static double quantile(const double *sorted, uint32_t n, double q)
{
	double at = q * (n - 1);
	uint32_t low = (uint32_t)at;
	double part = at - low;
	return low + 1 < n ? sorted[low] * (1 - part) + sorted[low + 1] * part : sorted[low];
}

static double slope(const struct effect_points *side, double mean, double step)
{
	double n = 0, time = 0, above = 0, below = 0;
	for (uint32_t i = 0; i < side->n; i++)
		if (!isnan(side->points[i])) {
			time += i;
			n++;
		}
	for (uint32_t i = 0; n > 0 && i < side->n; i++) {
		double x = i - time / n;
		if (isnan(side->points[i]))
			continue;
		above += x * (side->points[i] - mean);
		below += x * x;
	}
	return below > 0 ? above / below / step * 3600 : 0;
}

static void describe(const struct effect_points *side, double step, struct effect_side *ret)
{
	double sorted[EFFECT_POINTS_MAX], sum = 0;
	uint32_t n = 0;
	*ret = (struct effect_side){.n = 0};
	for (uint32_t i = 0; i < side->n && i < EFFECT_POINTS_MAX; i++)
		if (!isnan(side->points[i])) {
			sorted[n++] = side->points[i];
			sum += side->points[i];
		}
	if (n == 0)
		return;
	qsort(sorted, n, sizeof(*sorted), by_value);
	*ret = (struct effect_side){.n = n,
				    .mean = sum / n,
				    .p50 = quantile(sorted, n, 0.5),
				    .p95 = quantile(sorted, n, 0.95),
				    .max = sorted[n - 1]};
	ret->per_hour = slope(side, ret->mean, step);
}

/* ---- Blocks --------------------------------------------------------------- */

/* Of the points in a block at least half; less: it is a gap. */
static double block_mean(const struct blocks *blocks, uint32_t from, uint32_t to)
{
	double sum = 0;
	uint32_t n = 0;
	for (uint32_t i = from; i < to; i++) {
		if (isnan(blocks->points[i]))
			continue;
		sum += blocks->points[i];
		n++;
	}
	return n > 0 && 2 * n >= to - from ? sum / n : NAN;
}

/* other: subtracted point by point; NULL: nothing is. */
static void make_blocks(const struct effect_points *side, const struct effect_points *other,
			struct blocks *ret)
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
		double mean = block_mean(ret, side->n * i / n, side->n * (i + 1) / n);
		if (!isnan(mean))
			ret->values[ret->n++] = mean;
	}
}

static double blocks_mean(const struct blocks *blocks)
{
	double sum = 0;
	for (uint32_t i = 0; i < blocks->n; i++)
		sum += blocks->values[i];
	return sum / blocks->n;
}

/* Sums of squares and of products of neighbours about the mean; a gap has no neighbours. */
static void add_moments(const double *values, uint32_t n, double mean, double moments[3])
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

/* By how much the variance is larger than that of independent blocks.  Points tell it best, since
 * there are many; what blocks show beyond chance is of a longer memory than an AR(1) has. */
static double inflation(const struct blocks *before, const struct blocks *after)
{
	double points[3] = {0}, blocks[3] = {0};
	add_moments(before->points, before->n_points, before->mean, points);
	add_moments(after->points, after->n_points, after->mean, points);
	add_moments(before->values, before->n, blocks_mean(before), blocks);
	add_moments(after->values, after->n, blocks_mean(after), blocks);
	double length = (double)before->n_points / EFFECT_BLOCKS;
	double r = between_blocks(correlation(points), length > 1 ? length : 1);
	double seen = correlation(blocks) - 1 / sqrt(blocks[2]);
	r = seen > r ? seen : r;
	return (1 + r) / (1 - r);
}

/* ---- The test -------------------------------------------------------------- */

/* In units of its standard deviation; above 0: after is larger. */
static double rank_score(const struct blocks *before, const struct blocks *after)
{
	double all[2 * EFFECT_BLOCKS], u = 0, ties = 0;
	uint32_t n = before->n + after->n;
	memcpy(all, before->values, before->n * sizeof(*all));
	memcpy(all + before->n, after->values, after->n * sizeof(*all));
	qsort(all, n, sizeof(*all), by_value);
	for (uint32_t i = 0, k; i < n; i = k) {
		for (k = i + 1; k < n && all[k] <= all[i]; k++)
			;
		double t = k - i;
		ties += t * t * t - t;
	}
	for (uint32_t i = 0; i < after->n; i++)
		for (uint32_t k = 0; k < before->n; k++) {
			double d = after->values[i] - before->values[k];
			u += d > 0 ? 1 : d < 0 ? 0 : 0.5;
		}
	double pairs = (double)before->n * after->n;
	double variance = pairs / 12 * (n + 1 - ties / ((double)n * (n - 1)));
	if (variance <= 0)
		return 0;
	double away = u - pairs / 2, half = away > 0 ? -0.5 : away < 0 ? 0.5 : 0;
	return (away + half) / sqrt(variance);
}

static double p_of(double score)
{
	return erfc(fabs(score) / sqrt(2));
}

/* Standard error of the difference of the means. */
static double error_of(const struct blocks *before, const struct blocks *after)
{
	double b[3] = {0}, a[3] = {0};
	add_moments(before->values, before->n, blocks_mean(before), b);
	add_moments(after->values, after->n, blocks_mean(after), a);
	double variance = b[0] / (before->n - 1) / before->n + a[0] / (after->n - 1) / after->n;
	return sqrt(variance * inflation(before, after));
}

/* Welch's t over blocks, with the error that their correlation leaves; and the ranks, which no
 * spike can move far.  Both must say so: the weaker one, above 0 if after is larger. */
static double score_of(const struct blocks *before, const struct blocks *after)
{
	double rank = rank_score(before, after), error = error_of(before, after);
	double shift = blocks_mean(after) - blocks_mean(before);
	if (rank * shift <= 0)
		return 0;
	double t = error > 0 ? shift / error : rank;
	return fabs(t) < fabs(rank) ? t : rank;
}

/* 1: the day before says the same; 0: it does not; -1: nothing is known of it. */
static int day_agrees(const struct effect_input *input, double score)
{
	struct blocks before, after;
	if (input->day_before.n != input->before.n || input->day_after.n != input->after.n ||
	    input->before.n == 0)
		return -1;
	make_blocks(&input->before, &input->day_before, &before);
	make_blocks(&input->after, &input->day_after, &after);
	if (before.n < EFFECT_BLOCKS_LEAST || after.n < EFFECT_BLOCKS_LEAST)
		return -1;
	double day = score_of(&before, &after);
	return p_of(day) < effect_alpha_day && day * score > 0;
}

void effect_compare(const struct effect_input *input, struct effect_result *ret)
{
	struct blocks before, after;
	*ret = (struct effect_result){.verdict = EFFECT_TOO_LITTLE};
	describe(&input->before, input->step, &ret->before);
	describe(&input->after, input->step, &ret->after);
	if (ret->before.n == 0 || ret->after.n == 0)
		return;
	make_blocks(&input->before, NULL, &before);
	make_blocks(&input->after, NULL, &after);
	ret->difference = ret->after.mean - ret->before.mean;
	if (before.n < EFFECT_BLOCKS_LEAST || after.n < EFFECT_BLOCKS_LEAST)
		return;
	double score = score_of(&before, &after), p = p_of(score);
	double half = 1.96 * error_of(&before, &after);
	ret->low = ret->difference - half;
	ret->high = ret->difference + half;
	int day = day_agrees(input, score);
	ret->day = day >= 0;
	ret->confidence = 1 - p;
	double least = effect_least * fabs(ret->before.mean);
	bool large = fabs(ret->difference) >= (least > input->floor ? least : input->floor);
	bool found = p < effect_alpha && large && ret->difference * score > 0 && day != 0;
	ret->verdict = !found ? EFFECT_SAME : score > 0 ? EFFECT_WORSE : EFFECT_BETTER;
}

/* ---- Rare events ------------------------------------------------------------ */

/* lgamma() writes to a variable that all threads share. */
static double log_factorial(double n)
{
	int sign;
	return lgamma_r(n + 1, &sign);
}

/* Of n events, each of which falls into the part q of the time: the chance of k or more there. */
static double binomial_tail(double n, double k, double q)
{
	double sum = 0;
	for (int64_t more = 0; more <= (int64_t)(n - k); more++) {
		double i = k + (double)more;
		sum += exp(log_factorial(n) - log_factorial(i) - log_factorial(n - i) + i * log(q) +
			   (n - i) * log1p(-q));
	}
	return sum < 1 ? sum : 1;
}

void effect_compare_counts(const double counts[2], const double seconds[2],
			   struct effect_result *ret)
{
	double n = counts[0] + counts[1], q = seconds[1] / (seconds[0] + seconds[1]);
	*ret = (struct effect_result){.verdict = EFFECT_TOO_LITTLE};
	if (seconds[0] < 300 || seconds[1] < 300)
		return;
	double more = binomial_tail(n, counts[1], q), less = binomial_tail(n, counts[0], 1 - q);
	double rates[2] = {counts[0] / seconds[0] * 3600, counts[1] / seconds[1] * 3600};
	ret->before = (struct effect_side){.n = (uint32_t)counts[0], .mean = rates[0]};
	ret->after = (struct effect_side){.n = (uint32_t)counts[1], .mean = rates[1]};
	ret->difference = rates[1] - rates[0];
	ret->confidence = 1 - (more < less ? more : less);
	ret->verdict = more < effect_alpha_counts   ? EFFECT_WORSE
		       : less < effect_alpha_counts ? EFFECT_BETTER
						    : EFFECT_SAME;
}
