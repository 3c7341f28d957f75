/*
 * Which stretches of time a search reads, and how they are cut, given what the index of the text
 * says of its blocks.  No server is asked.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "pg/pg_value.h"
#include "read/text_ranges.h"
#include "test.h"

enum { MICROSECOND = 1000, UNKNOWN = -1 };

struct block {
	int from, to;
	int has; /* UNKNOWN: NULL */
};

static void put(PGresult *result, int row, int column, char *bytes, int len)
{
	assert_int_equal(PQsetvalue(result, row, column, bytes, len), 1);
}

static void put_time(PGresult *result, int row, int column, int at)
{
	char bytes[8];
	pg_put_64(bytes, (uint64_t)pg_time_from_ns_up((int64_t)at * MICROSECOND));
	put(result, row, column, bytes, sizeof(bytes));
}

/* As the server sends them: in the order of the answer. */
static PGresult *blocks_of(const struct block *blocks, int n, bool newest_first)
{
	static PGresAttDesc columns[3] = {{.name = (char *)(uintptr_t) "from"},
					  {.name = (char *)(uintptr_t) "to"},
					  {.name = (char *)(uintptr_t) "has"}};
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	assert_int_equal(PQsetResultAttrs(result, 3, columns), 1);
	for (int row = 0; row < n; row++) {
		const struct block *block = &blocks[newest_first ? n - 1 - row : row];
		char has = (char)block->has;
		put_time(result, row, 0, block->from);
		put_time(result, row, 1, block->to);
		if (block->has == UNKNOWN)
			put(result, row, 2, NULL, -1);
		else
			put(result, row, 2, &has, 1);
	}
	return result;
}

static struct text_ranges ranges_of(const struct block *blocks, int n, bool newest_first, int from,
				    int to)
{
	return (struct text_ranges){
		.newest_first = newest_first,
		.from = (int64_t)(newest_first ? -to : from) * MICROSECOND,
		.to = (int64_t)(newest_first ? -from : to) * MICROSECOND,
		.blocks = blocks ? blocks_of(blocks, n, newest_first) : NULL,
	};
}

static void next_is(struct text_ranges *ranges, uint32_t most, uint32_t n, int from, int to)
{
	int64_t range[2];
	assert_true(text_ranges_are_left(ranges));
	assert_int_equal(text_ranges_next(ranges, most, range), n);
	assert_int_equal(range[0], (int64_t)from * MICROSECOND);
	assert_int_equal(range[1], (int64_t)to * MICROSECOND);
}

static void ends(struct text_ranges *ranges)
{
	assert_false(text_ranges_are_left(ranges));
	text_ranges_done(ranges);
}

static const struct block several[] = {{100, 200, 1}, {200, 300, 1},       {300, 400, 0},
				       {400, 500, 1}, {550, 600, UNKNOWN}, {600, 700, 0}};

static void blocks_are_read_one_by_one_if_that_may_be_enough(void **state)
{
	(void)state;
	struct text_ranges ranges = ranges_of(several, 6, false, 150, 650);
	next_is(&ranges, 1, 1, 150, 200);
	next_is(&ranges, 1, 1, 200, 300);
	next_is(&ranges, 1, 1, 400, 500);
	next_is(&ranges, 1, 1, 500, 550); /* no block */
	next_is(&ranges, 1, 1, 550, 600);
	ends(&ranges);
}

static void newest_first_they_come_the_other_way_round(void **state)
{
	(void)state;
	struct text_ranges ranges = ranges_of(several, 6, true, 150, 800);
	next_is(&ranges, 1, 1, 700, 800); /* no block yet */
	next_is(&ranges, 1, 1, 550, 600);
	next_is(&ranges, 2, 2, 400, 550);
	next_is(&ranges, 1, 1, 200, 300);
	next_is(&ranges, 1, 1, 150, 200);
	ends(&ranges);
}

static void blocks_side_by_side_are_one_range(void **state)
{
	(void)state;
	struct text_ranges ranges = ranges_of(several, 6, false, 0, 1000);
	next_is(&ranges, 10, 3, 0, 300);
	next_is(&ranges, 10, 3, 400, 600);
	next_is(&ranges, UINT32_MAX, 1, 700, 1000);
	ends(&ranges);
}

static void where_nothing_is_known_all_is_read_at_once(void **state)
{
	(void)state;
	struct text_ranges ranges = ranges_of(NULL, 0, true, 5, 1000);
	next_is(&ranges, 1, 1, 5, 1000);
	ends(&ranges);
	ranges = ranges_of(several, 0, false, 5, 1000);
	next_is(&ranges, 1, 1, 5, 1000);
	ends(&ranges);
}

static void where_all_is_ruled_out_nothing_is(void **state)
{
	static const struct block none[] = {{100, 200, 0}, {200, 300, 0}};
	(void)state;
	for (int newest_first = 0; newest_first < 2; newest_first++) {
		struct text_ranges ranges = ranges_of(none, 2, newest_first, 100, 300);
		ends(&ranges);
		ranges = ranges_of(none, 2, newest_first, 150, 250);
		ends(&ranges);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_are_read_one_by_one_if_that_may_be_enough),
		cmocka_unit_test(newest_first_they_come_the_other_way_round),
		cmocka_unit_test(blocks_side_by_side_are_one_range),
		cmocka_unit_test(where_nothing_is_known_all_is_read_at_once),
		cmocka_unit_test(where_all_is_ruled_out_nothing_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
