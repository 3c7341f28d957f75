/*
 * Percentiles: values with the slot of an answer that each belongs to, gathered in any order, then
 * sorted.  Bounded.  One thread.
 *
 * The percentile p of n values is what lies p of the way from the smallest to the largest, between
 * two of them in proportion to the distance, as percentile_cont() of SQL has it: of one value that
 * value, and p50 is the median.
 */
#ifndef TALLYD_HTTP_PERCENTILES_H
#define TALLYD_HTTP_PERCENTILES_H

#include <stddef.h>
#include <stdint.h>

enum { PERCENTILES_MAX_VALUES = 2000000 };

struct percentile_value {
	double value;
	uint32_t slot;
};

struct percentiles {
	struct percentile_value *values;
	size_t n, size;
};

void percentiles_done(struct percentiles *all);
#define auto_percentiles __attribute__((cleanup(percentiles_done)))

/* -E2BIG: that would be more than PERCENTILES_MAX_VALUES; -ENOMEM. */
int percentiles_add(struct percentiles *all, uint32_t slot, double value);

void percentiles_sort(struct percentiles *all);
/* After that: how many values of a slot there are, and the first of them. */
size_t percentiles_find(const struct percentiles *all, uint32_t slot,
			const struct percentile_value **ret_first);
/* p: 0 to 1, of n > 0 sorted values. */
double percentile_of(const struct percentile_value *first, size_t n, double p);

#endif
