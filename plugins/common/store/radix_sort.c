/*
 * A radix sort by bytes, the least first; a byte that is the same in all of them is passed over.
 * Stable, so sorting by the less important key first and by the more important one then sorts by
 * both.  Times of an answer lie close together, so of their eight bytes few differ.
 */
#include "store/radix_sort.h"

#include <string.h>

enum { ORDER_BYTES = 8, ORDER_VALUES = 256 };

typedef uint64_t sort_key_fn(const struct sort_entry *place);

static inline uint64_t sort_time(const struct sort_entry *place)
{
	return (uint64_t)place->time ^ UINT64_C(1) << 63; /* negative ones first */
}

static inline uint64_t sort_number(const struct sort_entry *place)
{
	return place->number;
}

static unsigned sort_byte(uint64_t key, int byte)
{
	return key >> (8 * byte) & (ORDER_VALUES - 1);
}

/* Turns how many there are of each value into where the first of it goes. */
static void sort_starts(uint32_t counts[ORDER_VALUES])
{
	uint32_t start = 0;
	for (int value = 0; value < ORDER_VALUES; value++) {
		uint32_t count = counts[value];
		counts[value] = start;
		start += count;
	}
}

/* Compiled for each key by itself. */
static inline __attribute__((always_inline)) void
sort_by(struct sort_entry *places, struct sort_entry *spare, uint32_t n, sort_key_fn *key)
{
	uint32_t counts[ORDER_BYTES][ORDER_VALUES] = {{0}};
	struct sort_entry *from = places, *to = spare;
	for (uint32_t i = 0; i < n; i++)
		for (int byte = 0; byte < ORDER_BYTES; byte++)
			counts[byte][sort_byte(key(&places[i]), byte)]++;
	for (int byte = 0; byte < ORDER_BYTES && n > 0; byte++) {
		if (counts[byte][sort_byte(key(from), byte)] == n)
			continue;
		sort_starts(counts[byte]);
		for (uint32_t i = 0; i < n; i++)
			to[counts[byte][sort_byte(key(&from[i]), byte)]++] = from[i];
		struct sort_entry *sorted = to;
		to = from;
		from = sorted;
	}
	if (from != places)
		memcpy(places, from, n * sizeof(*places));
}

void sort_by_time(struct sort_entry *places, struct sort_entry *spare, uint32_t n)
{
	sort_by(places, spare, n, sort_time);
}

void sort_by_number(struct sort_entry *places, struct sort_entry *spare, uint32_t n)
{
	sort_by(places, spare, n, sort_number);
}
