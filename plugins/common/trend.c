/*
 * With a dozen points, all pairs of them are few.  effect_growth.c of the API tells by it whether a
 * service leaks, rules of alerts when a disk is full.
 */
#include "trend.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double trend_slope(const double *at, const double *values, uint32_t n)
{
	double slopes[TREND_POINTS * (TREND_POINTS - 1) / 2];
	uint32_t found = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = i + 1; k < n; k++)
			slopes[found++] = (values[k] - values[i]) / (at[k] - at[i]);
	if (!found)
		return 0;
	qsort(slopes, found, sizeof(*slopes), by_value);
	return (slopes[(found - 1) / 2] + slopes[found / 2]) / 2;
}

double trend_score(const double *at, const double *values, uint32_t count, double less)
{
	double sum = 0, n = count;
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = i + 1; k < count; k++) {
			double d = values[k] - values[i] - less * (at[k] - at[i]);
			sum += d > 0 ? 1 : d < 0 ? -1 : 0;
		}
	double half = sum > 0 ? -1 : sum < 0 ? 1 : 0;
	return (sum + half) / sqrt(n * (n - 1) * (2 * n + 5) / 18);
}
