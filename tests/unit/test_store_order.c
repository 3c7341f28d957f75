/* Against qsort(), with times on both sides of 1970. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "store/radix_sort.h"
#include "test.h"

enum { N = 3000 };

static int by_time_and_number(const void *left, const void *right)
{
	const struct sort_entry *a = left, *b = right;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return (a->at > b->at) - (a->at < b->at);
}

/* Times of every size, and many that are equal. */
static void fill(struct sort_entry *places, uint32_t n)
{
	uint64_t random = 88172645463325252;
	for (uint32_t i = 0; i < n; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		int64_t time = (int64_t)random >> random % 64;
		places[i] = (struct sort_entry){i % 3 ? time : time % 5, random % 7, i};
	}
}

static void check(uint32_t n)
{
	static struct sort_entry sorted[N], expected[N], spare[N];
	fill(sorted, n);
	fill(expected, n);
	sort_by_number(sorted, spare, n);
	sort_by_time(sorted, spare, n);
	qsort(expected, n, sizeof(*expected), by_time_and_number);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(sorted[i].at, expected[i].at);
}

static void what_is_equal_stays_as_it_stands(void **state)
{
	(void)state;
	check(0);
	check(1);
	check(2);
	check(N);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_equal_stays_as_it_stands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
