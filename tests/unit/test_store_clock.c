/* What retention goes by, whatever a clock is set to. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "store/store_clock.h"
#include "test.h"

#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define T0 (INT64_C(1700006400) * SECOND)
#define RAW (7 * DAY)
#define LONGEST (400 * DAY)

/* A machine and the store on it. */
struct machine {
	struct store_clock clock;
	struct store_uptime uptime;
	int64_t real, off; /* the clock is off by so much */
};

static struct machine machine(void)
{
	return (struct machine){
		.clock.trusted = INT64_MIN, .uptime = {.boot = "a", .ns = HOUR}, .real = T0};
}

static void maintain(struct machine *m)
{
	store_clock_advance(&m->clock, m->real + m->off, &m->uptime, LONGEST);
}

/* Rounds every so often. */
static void run(struct machine *m, int64_t time, int64_t every)
{
	for (int64_t until = m->real + time; m->real < until;) {
		m->real += every;
		m->uptime.ns += every;
		maintain(m);
	}
}

static int64_t kept(const struct machine *m)
{
	return m->real - store_clock_cut(&m->clock, RAW);
}

/* What was stored is there for as long as it should be, but for what a round may take. */
static void assert_keeps(const struct machine *m)
{
	assert_true(kept(m) >= RAW - 20 * SECOND);
}

static void a_clock_that_is_right_is_followed(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	run(&m, 30 * DAY, HOUR);
	assert_int_equal(kept(&m), RAW);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
	m.off = 3 * SECOND; /* as NTP sets it */
	run(&m, HOUR, 15 * SECOND);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
}

static void a_clock_that_jumps_ahead_ages_nothing(void **state)
{
	static const int64_t steps[] = {60 * SECOND, 2 * HOUR, 8 * DAY, 10 * DAY, 10 * YEAR};
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct machine m = machine();
		maintain(&m);
		run(&m, HOUR, 15 * SECOND);
		m.off = steps[i];
		for (int days = 0; days < 6; days++) {
			run(&m, DAY, 15 * 60 * SECOND);
			assert_keeps(&m);
			assert_true(store_clock_held(&m.clock, RAW) >= steps[i] - 20 * SECOND);
		}
		m.off = 0;
		run(&m, HOUR, 15 * SECOND);
		assert_true(kept(&m) <= RAW + 20 * SECOND);
		assert_int_equal(store_clock_held(&m.clock, RAW), 0);
	}
}

static void many_small_steps_are_as_good_as_a_large_one(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	for (int i = 0; i < 1000; i++) {
		m.off += 59 * 60 * SECOND;
		run(&m, 15 * SECOND, 15 * SECOND);
	}
	assert_keeps(&m);
	/* Also if the first of them was long ago. */
	run(&m, RAW, HOUR);
	for (int i = 0; i < 100; i++) {
		m.off += 59 * 60 * SECOND;
		run(&m, 15 * SECOND, 15 * SECOND);
		assert_keeps(&m);
	}
}

static void a_clock_that_runs_too_fast_ages_nothing(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	for (int i = 0; i < 10000; i++) {
		m.off += 60 * SECOND;
		run(&m, 15 * SECOND, 15 * SECOND);
	}
	assert_keeps(&m);
}

/* By then it has come of age by itself. */
static void a_clock_that_goes_evenly_for_long_enough_is_believed(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	m.off = 10 * DAY;
	run(&m, RAW + HOUR, HOUR);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
	assert_int_equal(store_clock_held(&m.clock, 30 * DAY), 10 * DAY);
	int64_t stored = T0; /* the last row before the step */
	assert_true(stored < m.real - RAW);
	run(&m, LONGEST, DAY);
	assert_int_equal(store_clock_held(&m.clock, LONGEST), 0);
	m.off += DAY; /* the next step is one, too */
	run(&m, HOUR, HOUR);
	assert_int_equal(store_clock_held(&m.clock, RAW), DAY);
}

/* One boot of the machine: it knows how long that was. */
static void a_daemon_that_was_away_for_long_deletes_at_once(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	run(&m, 10 * DAY, 10 * DAY);
	assert_int_equal(kept(&m), RAW);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
}

static void after_a_boot_only_a_short_pause_is_believed(void **state)
{
	struct machine m = machine();
	(void)state;
	maintain(&m);
	snprintf(m.uptime.boot, sizeof(m.uptime.boot), "b");
	m.uptime.ns = SECOND;
	m.real += HOUR / 2;
	maintain(&m);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
	snprintf(m.uptime.boot, sizeof(m.uptime.boot), "c");
	m.real += 10 * DAY; /* or the clock is wrong */
	maintain(&m);
	assert_int_equal(store_clock_held(&m.clock, RAW), 10 * DAY);
	run(&m, RAW, HOUR);
	assert_int_equal(store_clock_held(&m.clock, RAW), 0);
	assert_int_equal(kept(&m), RAW);
}

static void a_clock_that_goes_back_deletes_nothing_that_is_younger(void **state)
{
	static const int64_t steps[] = {-HOUR, -3 * DAY, -10 * DAY, -50 * YEAR};
	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct machine m = machine();
		maintain(&m);
		run(&m, HOUR, 15 * SECOND);
		m.off = steps[i];
		run(&m, HOUR / 2, 15 * SECOND);
		/* Rows that come meanwhile bear the clock's time. */
		assert_int_equal(store_clock_cut(&m.clock, RAW), m.real + m.off - RAW);
		m.off = 0;
		run(&m, 15 * SECOND, 15 * SECOND);
		assert_int_equal(store_clock_held(&m.clock, RAW), 0);
		assert_in_range(kept(&m), RAW - 20 * SECOND, RAW + 20 * SECOND);
	}
}

static void a_store_that_was_begun_by_a_wrong_clock_believes_the_right_one(void **state)
{
	struct machine m = machine();
	(void)state;
	m.off = YEAR;
	maintain(&m);
	run(&m, DAY, HOUR);
	m.off = 0;
	run(&m, 2 * HOUR, 15 * SECOND);
	m.off = 8 * DAY;
	run(&m, DAY, 15 * SECOND);
	assert_keeps(&m);
	assert_int_equal(store_clock_held(&m.clock, RAW), 8 * DAY);
}

static void without_a_boots_name_nothing_is_known_of_the_time_between(void **state)
{
	struct machine m = machine();
	(void)state;
	m.uptime.boot[0] = '\0';
	maintain(&m);
	run(&m, DAY, DAY);
	assert_int_equal(store_clock_held(&m.clock, RAW), DAY);
}

static void times_at_the_end_of_all_time_do_not_wrap(void **state)
{
	struct store_clock clock = {.trusted = INT64_MIN + 1, .seen = INT64_MIN + 1};
	const struct store_uptime uptime = {.boot = "a", .ns = 1};
	(void)state;
	store_clock_advance(&clock, INT64_MAX, &uptime, LONGEST);
	assert_int_equal(store_clock_held(&clock, RAW), INT64_MAX);
	assert_int_equal(store_clock_cut(&clock, RAW), INT64_MIN);
}

static void this_machine_reports_its_uptime(void **state)
{
	struct store_uptime first, second;
	(void)state;
	store_uptime_read(&first);
	store_uptime_read(&second);
	assert_int_equal(strlen(first.boot), 36);
	assert_string_equal(first.boot, second.boot);
	assert_true(first.ns > 0 && second.ns >= first.ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_right_is_followed),
		cmocka_unit_test(a_clock_that_jumps_ahead_ages_nothing),
		cmocka_unit_test(many_small_steps_are_as_good_as_a_large_one),
		cmocka_unit_test(a_clock_that_runs_too_fast_ages_nothing),
		cmocka_unit_test(a_clock_that_goes_evenly_for_long_enough_is_believed),
		cmocka_unit_test(a_daemon_that_was_away_for_long_deletes_at_once),
		cmocka_unit_test(after_a_boot_only_a_short_pause_is_believed),
		cmocka_unit_test(a_clock_that_goes_back_deletes_nothing_that_is_younger),
		cmocka_unit_test(a_store_that_was_begun_by_a_wrong_clock_believes_the_right_one),
		cmocka_unit_test(without_a_boots_name_nothing_is_known_of_the_time_between),
		cmocka_unit_test(times_at_the_end_of_all_time_do_not_wrap),
		cmocka_unit_test(this_machine_reports_its_uptime),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
