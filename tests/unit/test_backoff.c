#include "base/backoff.h"

#include "base/clock.h"
#include "test.h"

static void pauses_double_up_to_the_bound_and_never_pass_it(void **state)
{
	(void)state;
	assert_int_equal(backoff_pause(500, 30000, 0), 500);
	assert_int_equal(backoff_pause(500, 30000, 1), 1000);
	assert_int_equal(backoff_pause(500, 30000, 5), 16000);
	assert_int_equal(backoff_pause(500, 30000, 6), 30000);
	assert_int_equal(backoff_pause(500, 30000, 4000000000u), 30000);
	assert_int_equal(backoff_pause(60, 10, 0), 10);
	assert_int_equal(backoff_pause(1, INT64_MAX, 200), INT64_MAX);
}

static void jitter_takes_anything_up_to_the_pause(void **state)
{
	(void)state;
	for (unsigned failures = 0; failures < 10; failures++) {
		int64_t pause = backoff_pause(CLOCK_SECOND, 30 * CLOCK_SECOND, failures);
		int64_t least = INT64_MAX, most = 0;
		for (uint64_t seed = 1; seed <= 1000; seed++) {
			struct backoff backoff = {.first = CLOCK_SECOND,
						  .most = 30 * CLOCK_SECOND,
						  .failures = failures,
						  .seed = seed};
			int64_t next = backoff_next(&backoff);
			assert_true(next >= 1 && next <= pause);
			assert_int_equal(backoff.failures, failures + 1);
			least = next < least ? next : least;
			most = next > most ? next : most;
		}
		assert_true(least < pause / 50 && most > pause / 50 * 49);
	}
}

static void a_seed_gives_the_same_pauses_again(void **state)
{
	(void)state;
	struct backoff one = {.first = 500, .most = 30000, .seed = 7}, other = one;
	for (int i = 0; i < 20; i++)
		assert_int_equal(backoff_next(&one), backoff_next(&other));
}

static void two_of_a_fleet_do_not_wait_alike(void **state)
{
	(void)state;
	struct backoff one = {.first = CLOCK_SECOND, .most = CLOCK_MINUTE}, other = one;
	int same = 0;
	for (int i = 0; i < 20; i++)
		same += backoff_next(&one) == backoff_next(&other);
	assert_int_equal(same, 0);
}

static void after_a_success_it_begins_anew(void **state)
{
	(void)state;
	struct backoff backoff = {.first = 10, .most = 1000000, .seed = 1};
	for (int i = 0; i < 20; i++)
		backoff_next(&backoff);
	backoff_reset(&backoff);
	assert_in_range(backoff_next(&backoff), 1, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_up_to_the_bound_and_never_pass_it),
		cmocka_unit_test(jitter_takes_anything_up_to_the_pause),
		cmocka_unit_test(a_seed_gives_the_same_pauses_again),
		cmocka_unit_test(two_of_a_fleet_do_not_wait_alike),
		cmocka_unit_test(after_a_success_it_begins_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
