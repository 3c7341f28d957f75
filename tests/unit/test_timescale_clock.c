/* Clocks that are wrong: this host's, the database's, both. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timescale_fixture.h"
#include "test.h"

static const int64_t jumps[] = {8 * DAY, 10 * DAY, 3650 * DAY};
enum { JUMPS = sizeof(jumps) / sizeof(jumps[0]) };

static int64_t count(struct fixture *f, const char *table)
{
	char sql[100];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	return fixture_sql(f, sql);
}

/* A row every ten seconds of a minute. */
static void write_minute(struct fixture *f, int64_t from)
{
	struct tally_batch *batch = fixture_batch(f, &series_table);
	for (int i = 0; i < 6; i++)
		put_series(f, batch, from + i * 10 * SECOND, "a", 1, i);
	fixture_write(f, batch);
}

static void write_line(struct fixture *f, int64_t time)
{
	struct tally_batch *batch = fixture_batch(f, &log_table);
	put_log(f, batch, time, "x", 1, "m");
	fixture_write(f, batch);
}

/* An hour of everything, maintained. */
static void begin(struct fixture *f)
{
	for (int i = 0; i < 60; i++)
		write_minute(f, T0 + i * MINUTE);
	write_line(f, T0);
	maintenance_at(f, T0 + 2 * HOUR);
	assert_int_equal(count(f, "samples_1min"), 60);
}

static void assert_all_there(struct fixture *f)
{
	assert_int_equal(count(f, "samples"), 360);
	assert_int_equal(count(f, "lines"), 1);
	assert_int_equal(count(f, "samples_1min"), 60);
	assert_int_equal(count(f, "samples_1h"), 1);
}

/* But for half a round trip. */
static int64_t offset_seconds(struct fixture *f)
{
	int64_t offset = (int64_t)fake_host_metric(f->host, METRIC_CLOCK_OFFSET);
	return (offset + (offset < 0 ? -1 : 1) * SECOND / 2) / SECOND;
}

static void a_host_ahead_of_the_database_warns_does_not_lead_and_deletes_nothing(void **state)
{
	struct fixture *f = *state;
	begin(f);
	assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 1);
	for (int i = 0; i < JUMPS; i++) {
		f->server_ahead = -jumps[i];
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[i]), 1);
		assert_int_equal(fake_host_metric(f->host, METRIC_LEADER), 0);
		assert_int_equal(offset_seconds(f), jumps[i] / SECOND);
		assert_int_equal(fake_host_metric(f->host, METRIC_ROLLUP_LAG), 0);
		assert_all_there(f);
	}
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING),
			       "this host's clock is 691200 s ahead of the database's"));
	if (backend_several()) /* So another may. */
		assert_int_equal(fixture_sql(f, "SELECT pg_try_advisory_lock(1952541804, 2)"), 1);
	f->server_ahead = 0;
	for (int tries = 0; maintenance_when_set_to(f, T0 + 2 * HOUR) != 0; tries++)
		assert_true(tries < 1000); /* until the server noticed that the one above ended */
	assert_int_equal(offset_seconds(f), 0);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_NOTICE), "agrees"));
}

static void a_host_behind_the_database_does_not_lead_either(void **state)
{
	struct fixture *f = *state;
	begin(f);
	f->server_ahead = 10 * DAY;
	assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR - 10 * DAY), 1);
	assert_all_there(f);
	assert_int_equal(offset_seconds(f), -10 * DAY / SECOND);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "behind the database's"));
}

static bool compresses(struct fixture *f)
{
	return f->store->server.mode == SERVER_TSL;
}

static bool chunks_are_compressed(struct fixture *f)
{
	return fixture_sql(f, "SELECT count(*) FROM timescaledb_information.chunks WHERE "
			      "hypertable_schema = 'tally' AND is_compressed") > 0;
}

/* Of one host, say. */
static void when_both_clocks_jump_ahead_nothing_is_deleted_until_it_is_confirmed(void **state)
{
	struct fixture *f = *state;
	begin(f);
	for (int i = 0; i < JUMPS; i++) {
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[i]), 0);
		assert_all_there(f);
		assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), jumps[i]);
		assert_false(compresses(f) && chunks_are_compressed(f));
	}
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "tallyd db confirm-clock"));
	char *words[] = {(char *)(uintptr_t) "confirm-clock"};
	const struct tally_command confirm = {.size = sizeof(confirm), .argc = 1, .argv = words};
	assert_int_equal(f->plugin->command(f->ctx, &backend_config, &confirm), 0);
	assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + jumps[JUMPS - 1]), 0);
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(count(f, "lines"), 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
}

static void rows_that_were_held_back_are_deleted_once_they_are_old_enough(void **state)
{
	struct fixture *f = *state;
	begin(f);
	assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + 10 * DAY), 0);
	for (int day = 1; day < 7; day++) {
		f->uptime += DAY;
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + (10 + day) * DAY), 0);
		assert_int_equal(count(f, "samples"), 360);
	}
	for (int day = 7; day < 9; day++) {
		f->uptime += DAY;
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + (10 + day) * DAY), 0);
	}
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(count(f, "samples_1min"), 60); /* 30 d */
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
}

static void a_daemon_that_was_away_for_longer_than_retention_deletes_when_it_is_back(void **state)
{
	struct fixture *f = *state;
	begin(f);
	f->plugin->stop(f->store);
	time_passes(f, T0 + 12 * DAY);
	assert_int_equal(f->plugin->start(f->store), 0);
	maintenance_at(f, T0 + 12 * DAY);
	assert_int_equal(count(f, "samples"), 0);
	assert_int_equal(count(f, "samples_1min"), 60);
}

/* Both for 40 s, and right again. */
static void after_a_jump_minutes_are_rolled_up_again_by_the_right_time(void **state)
{
	struct fixture *f = *state;
	int64_t now = T0 + 2 * HOUR;
	begin(f);
	assert_int_equal(maintenance_when_set_to(f, now + 10 * DAY), 0);
	write_minute(f, now + 10 * DAY);
	assert_int_equal(maintenance_when_set_to(f, now + 10 * DAY + 5 * MINUTE), 0);
	assert_true(fixture_sql(f, "SELECT max(rolled_to) > to_timestamp(1700006400 + 864000) FROM "
				   "tally.marks WHERE level = 1"));
	fake_host_set_now(f->host, now + MINUTE);
	write_minute(f, now + MINUTE); /* before anybody has put it right */
	maintenance_at(f, now + 2 * MINUTE);
	assert_in_range(fake_host_metric(f->host, METRIC_ROLLUP_LAG), MINUTE, 4 * MINUTE);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "still to come"));
	for (int i = 3; i < 10; i++) {
		fake_host_set_now(f->host, now + i * MINUTE);
		write_minute(f, now + i * MINUTE);
	}
	maintenance_at(f, now + 20 * MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM samples_1min WHERE time >= "
					"to_timestamp(1700006400 + 7200) AND time < "
					"to_timestamp(1700006400 + 86400)"),
			 8);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min WHERE time < "
					"to_timestamp(1700006400 + 86400)"),
			 360 + 48);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.marks WHERE rolled_to > "
					"to_timestamp(1700006400 + 86400) OR kept_from > "
					"to_timestamp(1700006400 + 86400)"),
			 0);
	assert_int_equal(count(f, "tally.late"), 0);
}

/* As versions before left it behind. */
static void watermarks_that_lie_in_the_future_are_rewound(void **state)
{
	struct fixture *f = *state;
	begin(f);
	fixture_sql(f,
		    "UPDATE tally.marks SET rolled_to = rolled_to + interval '10 days', kept_from "
		    "= to_timestamp(1700006400 + 400000)");
	fake_host_set_now(f->host, T0 + 2 * HOUR);
	write_minute(f, T0 + 2 * HOUR - 10 * SECOND);
	maintenance_at(f, T0 + 2 * HOUR + 10 * MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 366);
	assert_int_equal(fixture_sql(f, "SELECT count(*) FROM tally.marks WHERE rolled_to > "
					"to_timestamp(1700006400 + 7800) OR kept_from > "
					"to_timestamp(1700006400 + 7800)"),
			 0);
}

/* It is by the database's clock that its rows are late. */
static void rows_of_a_host_that_is_behind_are_rolled_up(void **state)
{
	struct fixture *f = *state;
	begin(f);
	f->server_ahead = 4 * HOUR;
	maintenance_when_set_to(f, T0 + 2 * HOUR); /* it does not lead */
	f->server_ahead = 0;
	maintenance_at(f, T0 + 6 * HOUR);
	f->server_ahead = 4 * HOUR;
	fake_host_set_now(f->host, T0 + 2 * HOUR);
	write_minute(f, T0 + 2 * HOUR - MINUTE);
	assert_true(count(f, "tally.late") > 0);
	f->server_ahead = 0;
	maintenance_at(f, T0 + 6 * HOUR + MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 366);
}

static void rows_more_than_a_day_ahead_of_the_database_are_rejected_and_logged(void **state)
{
	struct fixture *f = *state;
	begin(f);
	f->server_ahead = -10 * DAY;
	fake_host_set_now(f->host, T0 + 2 * HOUR + 10 * DAY);
	write_minute(f, T0 + 2 * HOUR + 10 * DAY);
	assert_int_equal(fake_host_rejected(f->host), 6);
	assert_int_equal(count(f, "samples"), 360);
	/* Also if the host finds out only now; and it takes what is right. */
	write_minute(f, T0 + HOUR);
	assert_int_equal(count(f, "samples"), 366);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_host_ahead_of_the_database_warns_does_not_lead_and_deletes_nothing),
		STORE_TEST(a_host_behind_the_database_does_not_lead_either),
		STORE_TEST(when_both_clocks_jump_ahead_nothing_is_deleted_until_it_is_confirmed),
		STORE_TEST(rows_that_were_held_back_are_deleted_once_they_are_old_enough),
		STORE_TEST(
			a_daemon_that_was_away_for_longer_than_retention_deletes_when_it_is_back),
		STORE_TEST(after_a_jump_minutes_are_rolled_up_again_by_the_right_time),
		STORE_TEST(watermarks_that_lie_in_the_future_are_rewound),
		STORE_TEST(rows_of_a_host_that_is_behind_are_rolled_up),
		STORE_TEST(rows_more_than_a_day_ahead_of_the_database_are_rejected_and_logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
