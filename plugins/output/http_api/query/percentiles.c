/*
 * Values and their slots in one array: what is to be sorted is known only once all are there, and
 * how many a slot has differs by far.  On a worker's thread; what can fail is memory, and the
 * bound.
 */
#include "query/percentiles.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { PERCENTILES_FIRST = 1024 };

void percentiles_done(struct percentiles *all)
{
	free(all->values);
	all->values = NULL;
}

int percentiles_add(struct percentiles *all, uint32_t slot, double value)
{
	if (all->n == PERCENTILES_MAX_VALUES)
		return -E2BIG;
	if (all->n == all->size) {
		size_t size = all->size ? 2 * all->size : PERCENTILES_FIRST;
		void *values = realloc(all->values, size * sizeof(*all->values));
		if (!values)
			return -ENOMEM;
		all->values = values;
		all->size = size;
	}
	all->values[all->n++] = (struct percentile_value){value, slot};
	return 0;
}

static int percentile_compare(const void *left, const void *right)
{
	const struct percentile_value *a = left, *b = right;
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	return (a->value > b->value) - (a->value < b->value);
}

void percentiles_sort(struct percentiles *all)
{
	if (all->n)
		qsort(all->values, all->n, sizeof(*all->values), percentile_compare);
}

/* The first value of a slot, or of a later one. */
static size_t percentiles_begin(const struct percentiles *all, uint32_t slot)
{
	size_t low = 0, high = all->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (all->values[middle].slot < slot)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t percentiles_find(const struct percentiles *all, uint32_t slot,
			const struct percentile_value **ret_first)
{
	size_t begin = percentiles_begin(all, slot);
	*ret_first = all->values + begin;
	return percentiles_begin(all, slot + 1) - begin;
}

double percentile_of(const struct percentile_value *first, size_t n, double p)
{
	double rank = p * (double)(n - 1), whole = floor(rank);
	size_t at = (size_t)whole;
	if (at + 1 >= n)
		return first[n - 1].value;
	return first[at].value + (rank - whole) * (first[at + 1].value - first[at].value);
}
