/* Rows that are odd, many, late or from another time: what becomes of them and of those beside. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

static void write_sample(struct fixture *f, int64_t time, const char *id)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	put_series(f, batch, time, id, 1, 1);
	fixture_write(f, batch);
}

static void put_thing(struct fixture *f, struct tally_batch *batch, int64_t time, const char *id,
		      const char *state, const char *labels)
{
	tally_put_int(tally_batch_row(f->ctx, batch), I_TIME, time);
	put_text(f, batch, I_ID, id);
	put_text(f, batch, I_STATE, state);
	if (labels)
		put_text(f, batch, I_LABELS, labels);
}

/* After the first write, which is careful in any case. */
static void json_that_is_nested_too_deeply_costs_only_its_row(void **state)
{
	struct fixture *f = *state;
	enum { DEEP = 400000 };
	char *deep = malloc(DEEP + 1);
	memset(deep, '[', DEEP / 2);
	memset(deep + DEEP / 2, ']', DEEP / 2);
	deep[DEEP] = '\0';
	for (int i = 0; i < 2; i++) {
		struct tally_batch *batch = fixture_batch(f, &state_table);
		put_thing(f, batch, T0, "a", "running", "{}");
		put_thing(f, batch, T0, "b", "running", deep);
		put_thing(f, batch, T0, "c", "running", "{}");
		fixture_write(f, batch);
		assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 2);
		assert_int_equal(fake_host_rejected(f->host), 1 + i);
	}
	free(deep);
}

static void any_number_of_rows_may_be_rejected_in_one_write(void **state)
{
	struct fixture *f = *state;
	enum { MANY = 70000 };
	backend_config.dead_letter_max_size = 0; /* each row that does not fit is told */
	fixture_restart(f);
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < MANY; i++)
		put_series(f, batch, T0 - 30 * DAY + i * SECOND, "a", 1, 1);
	put_series(f, batch, T0, "a", 1, 1);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), 1);
	assert_int_equal(fake_host_rejected(f->host), MANY);
}

/* Two inputs' rows by turns, over more days than that many minutes had room once. */
static void each_minute_of_late_rows_is_rolled_up_again(void **state)
{
	struct fixture *f = *state;
	enum { MINUTES = 6000 };
	struct tally_batch *batch = fixture_batch(f, &series_table);
	write_sample(f, T0 - MINUTES * MINUTE, "a");
	maintenance_at(f, T0);
	fake_host_set_now(f->host, T0);
	for (int i = 1; i < MINUTES; i++)
		put_series(f, batch, T0 - (i % 2 ? i : MINUTES - i) * MINUTE, "a", 1, 1);
	fixture_write(f, batch);
	for (int i = 0; i < 20 && fixture_sql(f, "SELECT count(*) FROM tally.late"); i++)
		maintenance_at(f, T0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples"), MINUTES);
	/* The last two minutes are not rolled up yet. */
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), MINUTES - 2);
}

static void put_nowhere(struct fixture *f, struct tally_batch *batch, int64_t time)
{
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, S_TIME, time);
	tally_put_real(row, S_VALUE, 'A');
	put_text(f, batch, S_ID, "a");
}

static void rows_find_their_series_in_any_order(void **state)
{
	struct fixture *f = *state;
	static const char *const orders[] = {"abc",  "abc",      "bac", "c", "abcd",
					     "dcba", "abcdabcd", "aab", "e", "abcde"};
	int64_t time = T0;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		struct tally_batch *batch = fixture_batch(f, &series_table);
		for (const char *id = orders[i]; *id; id++) {
			const char name[] = {*id, '\0'};
			put_series(f, batch, time += SECOND, name, *id, 1);
			if (*id == 'd') /* whose host is not known */
				put_nowhere(f, batch, time += SECOND);
		}
		fixture_write(f, batch);
	}
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE host IS NOT NULL AND "
					"ascii(container_id) <> value"),
			 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples WHERE host IS NULL AND "
					"(container_id <> 'a' OR value <> 65)"),
			 0);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.samples_series"), 6);
}

/* ---- Clocks ------------------------------------------------------------------- */

static void a_state_row_outside_postgresqls_range_of_times_is_rejected(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &state_table);
	put_thing(f, batch, T0 + 2 * DAY, "a", "running", NULL);
	put_thing(f, batch, T0 + HOUR, "b", "running", NULL);
	put_thing(f, batch, T0 - 1000 * DAY, "c", "exited", NULL);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things"), 2);
	assert_int_equal(fake_host_rejected(f->host), 1);
}

/* Its host's clock was wrong once, and is right now. */
static void a_state_row_dated_ahead_is_replaced_by_a_current_one(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &state_table);
	put_thing(f, batch, T0, "a", "running", NULL);
	fixture_write(f, batch);
	fixture_sql(f, "UPDATE tally.things_rows SET time = now() + interval '20 years'");
	batch = fixture_batch(f, &state_table);
	put_thing(f, batch, T0 + SECOND, "a", "exited", NULL);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT state = 'exited' FROM things"), 1);
	batch = fixture_batch(f, &state_table);
	put_thing(f, batch, T0, "a", "paused", NULL);
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT state = 'exited' FROM things"), 1);
}

/* The view shows microseconds: what comes after them stands beside. */
static void the_view_of_a_log_can_be_ordered_as_it_was_printed(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, T0 + 700, "stdout", 1, "second");
	put_log(f, batch, T0 + 200, "stderr", 2, "first");
	put_log(f, batch, T0 + 1700, "stdout", 1, "third");
	fixture_write(f, batch);
	assert_int_equal(fixture_sql(f, "SELECT string_agg(message, ' ' ORDER BY time, _nanos, "
					"sequence) = 'first second third' FROM lines"),
			 1);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(json_that_is_nested_too_deeply_costs_only_its_row),
		STORE_TEST(any_number_of_rows_may_be_rejected_in_one_write),
		STORE_TEST(each_minute_of_late_rows_is_rolled_up_again),
		STORE_TEST(rows_find_their_series_in_any_order),
		STORE_TEST(a_state_row_outside_postgresqls_range_of_times_is_rejected),
		STORE_TEST(a_state_row_dated_ahead_is_replaced_by_a_current_one),
		STORE_TEST(the_view_of_a_log_can_be_ordered_as_it_was_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
