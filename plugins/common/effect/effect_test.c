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
#include "effect/effect_test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "effect/effect_blocks.h"

static const double effect_alpha = 0.02, effect_alpha_counts = 0.05;
static const double effect_least = 0.1;

/* ---- What a side is like ------------------------------------------------- */

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
	qsort(sorted, n, sizeof(*sorted), effect_by_value);
	*ret = (struct effect_side){.n = n,
				    .mean = sum / n,
				    .p50 = effect_quantile(sorted, n, 0.5),
				    .p95 = effect_quantile(sorted, n, 0.95),
				    .max = sorted[n - 1]};
	ret->per_hour = slope(side, ret->mean, step);
}

/* ---- The test -------------------------------------------------------------- */

/* In units of its standard deviation; above 0: after is larger. */
static double rank_score(const struct blocks *before, const struct blocks *after)
{
	double all[2 * EFFECT_BLOCKS], u = 0, ties = 0;
	uint32_t n = before->n + after->n;
	memcpy(all, before->values, before->n * sizeof(*all));
	memcpy(all + before->n, after->values, after->n * sizeof(*all));
	qsort(all, n, sizeof(*all), effect_by_value);
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

/* Standard error of the difference of the means. */
static double error_of(const struct blocks *before, const struct blocks *after)
{
	double b[3] = {0}, a[3] = {0};
	blocks_add_moments(before->values, before->n, blocks_mean(before), b);
	blocks_add_moments(after->values, after->n, blocks_mean(after), a);
	double variance = b[0] / (before->n - 1) / before->n + a[0] / (after->n - 1) / after->n;
	return sqrt(variance * blocks_inflation(before, after));
}

/* Welch's t over blocks, with the error that their correlation leaves; and the ranks, which no
 * spike can move far.  Both must say so: the weaker one, above 0 if after is larger. */
static double score_of(const struct blocks *before, const struct blocks *after)
{
	return effect_weaker(rank_score(before, after), blocks_mean(after) - blocks_mean(before),
			     error_of(before, after));
}

void effect_compare(const struct effect_input *input, struct effect_result *ret)
{
	struct blocks before, after;
	*ret = (struct effect_result){.verdict = EFFECT_TOO_LITTLE};
	describe(&input->before, input->step, &ret->before);
	describe(&input->after, input->step, &ret->after);
	if (ret->before.n == 0 || ret->after.n == 0)
		return;
	blocks_make(&input->before, NULL, BLOCKS_OF_MEANS, &before);
	blocks_make(&input->after, NULL, BLOCKS_OF_MEANS, &after);
	ret->difference = ret->after.mean - ret->before.mean;
	if (before.n < EFFECT_BLOCKS_LEAST || after.n < EFFECT_BLOCKS_LEAST)
		return;
	double score = score_of(&before, &after), p = effect_p_of(score);
	double half = 1.96 * error_of(&before, &after);
	ret->low = ret->difference - half;
	ret->high = ret->difference + half;
	int day = effect_day_agrees(input, score, BLOCKS_OF_MEANS, score_of);
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
