/* A radix sort by bytes, the least first; a byte that is the same in all of them is passed over. */
#include "store/radix_sort.h"

#include <string.h>

enum { ORDER_BYTES = 8, ORDER_VALUES = 256 };

typedef uint64_t order_key_fn(const struct order_place *place);

static inline uint64_t order_time(const struct order_place *place)
{
	return (uint64_t)place->time ^ UINT64_C(1) << 63; /* negative ones first */
}

static inline uint64_t order_number(const struct order_place *place)
{
	return place->number;
}

static unsigned order_byte(uint64_t key, int byte)
{
	return key >> (8 * byte) & (ORDER_VALUES - 1);
}

/* Turns how many there are of each value into where the first of it goes. */
static void order_starts(uint32_t counts[ORDER_VALUES])
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
order_by(struct order_place *places, struct order_place *spare, uint32_t n, order_key_fn *key)
{
	uint32_t counts[ORDER_BYTES][ORDER_VALUES] = {{0}};
	struct order_place *from = places, *to = spare;
	for (uint32_t i = 0; i < n; i++)
		for (int byte = 0; byte < ORDER_BYTES; byte++)
			counts[byte][order_byte(key(&places[i]), byte)]++;
	for (int byte = 0; byte < ORDER_BYTES && n > 0; byte++) {
		if (counts[byte][order_byte(key(from), byte)] == n)
			continue;
		order_starts(counts[byte]);
		for (uint32_t i = 0; i < n; i++)
			to[counts[byte][order_byte(key(&from[i]), byte)]++] = from[i];
		struct order_place *sorted = to;
		to = from;
		from = sorted;
	}
	if (from != places)
		memcpy(places, from, n * sizeof(*places));
}

void order_by_time(struct order_place *places, struct order_place *spare, uint32_t n)
{
	order_by(places, spare, n, order_time);
}

void order_by_number(struct order_place *places, struct order_place *spare, uint32_t n)
{
	order_by(places, spare, n, order_number);
}
