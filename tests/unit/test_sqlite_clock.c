/* The one clock there is, when it is wrong. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite_fixture.h"
#include "test.h"

static const int64_t jumps[] = {8 * DAY, 10 * DAY, 3650 * DAY};
enum { JUMPS = sizeof(jumps) / sizeof(jumps[0]) };

static void write_thing(struct fixture *f, int64_t time, const char *state)
{
	struct tally_batch *batch = fixture_batch(f, &state_table);
	struct tally_cell *row = tally_batch_row(f->ctx, batch);
	tally_put_int(row, I_TIME, time);
	put_text(f, batch, I_HOST, "h1");
	put_text(f, batch, I_ID, "a");
	put_text(f, batch, I_STATE, state);
	fixture_write(f, batch);
}

static int command(struct fixture *f, const char *verb)
{
	char *words[] = {(char *)(uintptr_t)verb};
	const struct tally_command run = {.size = sizeof(run), .argc = 1, .argv = words};
	return f->plugin->command(f->ctx, &backend_config, &run);
}

static void a_clock_that_jumps_ahead_deletes_nothing_until_it_is_confirmed(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	assert_int_equal(command(f, "status"), 0);
	for (int i = 0; i < JUMPS; i++) {
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[i]), 0);
		history_minute(f, T0 + 2 * HOUR + jumps[i]); /* and what comes meanwhile stays */
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[i]), 0);
		assert_int_equal(history_count(f, "samples"), 360 + 6 * (i + 1));
		assert_int_equal(history_count(f, "lines"), 1);
		assert_true(history_count(f, "samples_1min") >= 60);
		assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), jumps[i]);
		assert_int_equal(command(f, "status"), 1);
	}
	assert_int_equal(fake_host_metric(f->host, METRIC_DELETED_OLD), 0);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "tallyd db confirm-clock"));
	assert_int_equal(command(f, "confirm-clock"), 0);
	assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[JUMPS - 1]), 0);
	assert_int_equal(history_count(f, "samples"), 6);
	assert_int_equal(history_count(f, "lines"), 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
	assert_int_equal(command(f, "status"), 0);
}

static void a_clock_that_is_wrong_when_the_daemon_starts_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	for (int i = 0; i < 60; i++)
		history_minute(f, T0 + i * MINUTE);
	/* Before the first maintenance, and after a boot. */
	f->plugin->stop(f->store);
	f->uptime = 0;
	fake_host_set_now(f->host, T0 + 10 * DAY);
	assert_int_equal(f->plugin->start(f->store), 0);
	assert_int_equal(maintenance_when_set_to(f, T0 + 10 * DAY), 0);
	assert_int_equal(history_count(f, "samples"), 360);
	/* Nor does a file of a version that kept no clock. */
	f->plugin->stop(f->store);
	fixture_sql(f, "DELETE FROM tally_clock");
	assert_int_equal(f->plugin->start(f->store), 0);
	assert_int_equal(maintenance_when_set_to(f, T0 + 10 * DAY), 0);
	assert_int_equal(history_count(f, "samples"), 360);
}

static void a_machine_that_was_off_for_longer_than_retention_deletes_in_the_end(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	f->uptime = 0;
	for (int day = 0; day < 9; day++) {
		assert_int_equal(maintenance_when_set_to(f, T0 + (12 + day) * DAY), 0);
		history_line(f, T0 + (12 + day) * DAY);
		f->uptime += DAY;
	}
	assert_int_equal(history_count(f, "samples"), 0);
	assert_int_equal(history_count(f, "lines"), 8);
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
}

/* Rolled up again from where a clock that went back has drawn them to. */
static void rollups_of_rows_that_are_gone_stay_as_they_were(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	maintenance_at(f, T0 + 7 * DAY + 30 * MINUTE + 30 * SECOND);
	assert_in_range(history_count(f, "samples"), 1, 200);
	assert_int_equal(maintenance_when_set_to(f, T0 - DAY), 0);
	maintenance_at(f, T0 + 7 * DAY + 30 * MINUTE + 30 * SECOND);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 360);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1h"), 360);
}

static void rows_more_than_a_day_ahead_are_rejected_and_logged(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	history_minute(f, T0 + 2 * HOUR + 10 * DAY); /* from a spool, say */
	assert_int_equal(fake_host_rejected(f->host), 6);
	history_minute(f, T0 + 2 * HOUR + 10 * SECOND);
	assert_int_equal(history_count(f, "samples"), 366);
}

static void a_state_dated_in_the_future_does_not_stay(void **state)
{
	struct fixture *f = *state;
	write_thing(f, T0, "right");
	fake_host_set_now(f->host, T0 + 10 * DAY);
	write_thing(f, T0 + 10 * DAY, "wrong");
	fake_host_set_now(f->host, T0 + MINUTE);
	write_thing(f, T0 + MINUTE, "right again");
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM things WHERE state = 'right again'"),
			 1);
}

/* Its own limit goes by how old rows are, too. */
static void a_full_file_loses_the_oldest_rows_also_beside_some_of_the_future(void **state)
{
	struct fixture *f = *state;
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < 20000; i++)
		put_series(f, batch, T0 + i * SECOND, "a", i, i);
	fixture_write(f, batch);
	maintenance_at(f, T0 + 20000 * SECOND);
	fake_host_set_now(f->host, T0 + 3650 * DAY);
	history_minute(f, T0 + 3650 * DAY);
	backend_config.max_size = fixture_sql(f, "PRAGMA page_count") * 4096 * 100 / 96;
	fixture_restart(f);
	assert_int_equal(maintenance_when_set_to(f, T0 + 3650 * DAY), 0);
	assert_true(fake_host_metric(f->host, METRIC_DELETED_SIZE) > 0);
	assert_true(history_count(f, "samples") > 15000);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_clock_that_jumps_ahead_deletes_nothing_until_it_is_confirmed),
		STORE_TEST(a_clock_that_is_wrong_when_the_daemon_starts_deletes_nothing),
		STORE_TEST(a_machine_that_was_off_for_longer_than_retention_deletes_in_the_end),
		STORE_TEST(rollups_of_rows_that_are_gone_stay_as_they_were),
		STORE_TEST(rows_more_than_a_day_ahead_are_rejected_and_logged),
		STORE_TEST(a_state_dated_in_the_future_does_not_stay),
		STORE_TEST(a_full_file_loses_the_oldest_rows_also_beside_some_of_the_future),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
