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

static void assert_all_there(struct fixture *f)
{
	assert_int_equal(history_count(f, "samples"), 360);
	assert_int_equal(history_count(f, "lines"), 1);
	assert_int_equal(history_count(f, "samples_1min"), 60);
	assert_int_equal(history_count(f, "samples_1h"), 1);
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
	history_hour(f);
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
	history_hour(f);
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
	history_hour(f);
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
	assert_int_equal(history_count(f, "samples"), 0);
	assert_int_equal(history_count(f, "lines"), 0);
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
}

static void rows_that_were_held_back_are_deleted_once_they_are_old_enough(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + 10 * DAY), 0);
	for (int day = 1; day < 7; day++) {
		f->uptime += DAY;
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + (10 + day) * DAY), 0);
		assert_int_equal(history_count(f, "samples"), 360);
	}
	for (int day = 7; day < 9; day++) {
		f->uptime += DAY;
		assert_int_equal(maintenance_when_set_to(f, T0 + 2 * HOUR + (10 + day) * DAY), 0);
	}
	assert_int_equal(history_count(f, "samples"), 0);
	assert_int_equal(history_count(f, "samples_1min"), 60); /* 30 d */
	assert_int_equal(fake_host_metric(f->host, METRIC_RETENTION_HELD), 0);
}

/* It is by the database's clock that its rows are late. */
static void rows_of_a_host_that_is_behind_are_rolled_up(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	f->server_ahead = 4 * HOUR;
	maintenance_when_set_to(f, T0 + 2 * HOUR); /* it does not lead */
	f->server_ahead = 0;
	maintenance_at(f, T0 + 6 * HOUR);
	f->server_ahead = 4 * HOUR;
	fake_host_set_now(f->host, T0 + 2 * HOUR);
	history_minute(f, T0 + 2 * HOUR - MINUTE);
	assert_true(history_count(f, "tally.late") > 0);
	f->server_ahead = 0;
	maintenance_at(f, T0 + 6 * HOUR + MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 366);
}

static void rows_more_than_a_day_ahead_of_the_database_are_rejected_and_logged(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	f->server_ahead = -10 * DAY;
	fake_host_set_now(f->host, T0 + 2 * HOUR + 10 * DAY);
	history_minute(f, T0 + 2 * HOUR + 10 * DAY);
	assert_int_equal(fake_host_rejected(f->host), 6);
	assert_int_equal(history_count(f, "samples"), 360);
	/* Also if the host finds out only now; and it takes what is right. */
	history_minute(f, T0 + HOUR);
	assert_int_equal(history_count(f, "samples"), 366);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_host_ahead_of_the_database_warns_does_not_lead_and_deletes_nothing),
		STORE_TEST(a_host_behind_the_database_does_not_lead_either),
		STORE_TEST(when_both_clocks_jump_ahead_nothing_is_deleted_until_it_is_confirmed),
		STORE_TEST(rows_that_were_held_back_are_deleted_once_they_are_old_enough),
		STORE_TEST(rows_of_a_host_that_is_behind_are_rolled_up),
		STORE_TEST(rows_more_than_a_day_ahead_of_the_database_are_rejected_and_logged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
