#include <stddef.h>
#include <stdint.h>

#include "instance/scheduler.h"
#include "test.h"

/* All in seconds; the clocks need not begin at the same moment. */
static const int64_t interval = 10, second = 1000000000;

static struct scheduler at(int64_t now, int64_t monotonic)
{
	struct scheduler scheduler;
	scheduler_init(&scheduler, interval * second, 0, 0, now * second, monotonic * second);
	return scheduler;
}

static void the_first_tick_is_the_next_multiple_of_the_interval(void **state)
{
	static const struct {
		int64_t now, due;
	} table[] = {{1000, 110}, {1001, 109}, {1009, 101}, {1010, 110}, {-3, 103}, {0, 110}};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(at(table[i].now, 100).due, table[i].due * second);
}

/* A gather that began at its tick and ended so many seconds later, with a clock that stepped. */
static void after_a_gather(void **state)
{
	static const struct {
		const char *what;
		int64_t took, step, due; /* of the tick after, from the tick before */
		uint64_t skipped;
	} table[] = {
		{"an instant", 0, 0, 10, 0},
		{"a short one", 3, 0, 10, 0},
		{"nearly the interval", 9, 0, 10, 0},
		{"exactly the interval", 10, 0, 20, 1},
		{"a bit more", 11, 0, 20, 1},
		{"several intervals", 45, 0, 50, 4},
		{"the clock stepped forward a bit", 1, 3, 7, 0},
		{"back a bit", 1, -3, 13, 0},
		{"forward by almost an interval", 1, 9, 11, 0},
		{"forward by an hour", 1, 3600, 10, 0},
		{"forward by an hour and a bit", 1, 3604, 6, 0},
		{"back by a day", 1, -86400, 10, 0},
		{"back by a day and a bit", 1, -86404, 14, 0},
		{"a long gather and a step", 25, 4, 26, 2},
		{"a step that would put the next tick into the past", 9, 2, 18, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct scheduler scheduler = at(995, 95); /* a tick at 1000 and 100 */
		assert_int_equal(scheduler.due, 100 * second);
		int64_t end = 100 + table[i].took;
		uint64_t skipped = scheduler_next(&scheduler, (900 + end + table[i].step) * second,
						  end * second);
		if (skipped != table[i].skipped || scheduler.due != (100 + table[i].due) * second)
			fail_msg("%s: due %g s later, %d skipped", table[i].what,
				 (double)(scheduler.due - 100 * second) / 1e9, (int)skipped);
	}
}

static void a_gather_before_its_tick_leaves_it_where_it_is(void **state)
{
	struct scheduler scheduler = at(995, 95);
	(void)state;
	assert_int_equal(scheduler_next(&scheduler, 996 * second, 96 * second), 0);
	assert_int_equal(scheduler.due, 100 * second);
}

static void no_step_ever_changes_the_rate(void **state)
{
	struct scheduler scheduler = at(0, 0);
	int64_t last = scheduler.due, wall = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		wall += (i * 7919 % 4001 - 2000) * second / 100; /* steps all over the place */
		int64_t end = scheduler.due + second / 5;
		assert_int_equal(scheduler_next(&scheduler, end + wall, end), 0);
		assert_true(scheduler.due - last >= interval * second / 2);
		assert_true(scheduler.due - last <= interval * second * 3 / 2);
		last = scheduler.due;
	}
}

static void jitter_is_the_same_for_the_same_seed_and_stays_in_bounds(void **state)
{
	unsigned different = 0;
	(void)state;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct scheduler a, b;
		scheduler_init(&a, interval * second, 3 * second, seed, 1000 * second, 0);
		scheduler_init(&b, interval * second, 3 * second, seed, 1004 * second, 4 * second);
		assert_int_equal(a.offset, b.offset);
		assert_true(a.offset >= 0 && a.offset <= 3 * second);
		assert_int_equal((1000 * second + a.due - a.offset) % (interval * second), 0);
		different += a.offset != 0;
	}
	assert_true(different > 190);
}

static void ticks_stay_on_their_offset(void **state)
{
	struct scheduler scheduler;
	(void)state;
	scheduler_init(&scheduler, interval * second, 9 * second, 42, 1000 * second, 0);
	for (int i = 0; i < 100; i++) {
		int64_t end = scheduler.due + i * second / 20;
		scheduler_next(&scheduler, 1000 * second + end, end);
		assert_int_equal((1000 * second + scheduler.due - scheduler.offset) %
					 (interval * second),
				 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_tick_is_the_next_multiple_of_the_interval),
		cmocka_unit_test(after_a_gather),
		cmocka_unit_test(a_gather_before_its_tick_leaves_it_where_it_is),
		cmocka_unit_test(no_step_ever_changes_the_rate),
		cmocka_unit_test(jitter_is_the_same_for_the_same_seed_and_stays_in_bounds),
		cmocka_unit_test(ticks_stay_on_their_offset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
