/* What every store does when its clock was wrong, or its daemon away. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "store_fixture.h"
#include "test.h"

/* The SQL with a time in place of each @t. */
static int64_t sql_at(struct fixture *f, const char *sql, int64_t time)
{
	char expanded[500] = "", text[60];
	const char *at;
	backend_time(time, text, sizeof(text));
	for (; (at = strstr(sql, "@t")); sql = at + 2)
		snprintf(expanded + strlen(expanded), sizeof(expanded) - strlen(expanded), "%.*s%s",
			 (int)(at - sql), sql, text);
	snprintf(expanded + strlen(expanded), sizeof(expanded) - strlen(expanded), "%s", sql);
	return fixture_sql(f, expanded);
}

static int64_t watermarks_after(struct fixture *f, int64_t time)
{
	char sql[200];
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE rolled_to > @t OR kept_from > @t",
		 backend_watermarks);
	return sql_at(f, sql, time);
}

static void a_daemon_that_was_away_for_longer_than_retention_deletes_when_it_is_back(void **state)
{
	struct fixture *f = *state;
	history_hour(f);
	f->plugin->stop(f->store);
	time_passes(f, T0 + 12 * DAY);
	assert_int_equal(f->plugin->start(f->store), 0);
	maintenance_at(f, T0 + 12 * DAY);
	assert_int_equal(history_count(f, "samples"), 0);
	assert_int_equal(history_count(f, "samples_1min"), 60);
}

/* Ahead for five minutes, and right again. */
static void after_a_jump_minutes_are_rolled_up_again_by_the_right_time(void **state)
{
	struct fixture *f = *state;
	int64_t now = T0 + 2 * HOUR;
	history_hour(f);
	assert_int_equal(maintenance_when_set_to(f, now + 10 * DAY), 0);
	history_minute(f, now + 10 * DAY);
	assert_int_equal(maintenance_when_set_to(f, now + 10 * DAY + 5 * MINUTE), 0);
	assert_true(watermarks_after(f, now + 9 * DAY) > 0);
	fake_host_set_now(f->host, now + MINUTE);
	history_minute(f, now + MINUTE); /* before anybody has put it right */
	maintenance_at(f, now + 2 * MINUTE);
	assert_non_null(strstr(fake_host_log(f->host, TALLY_WARNING), "still to come"));
	for (int i = 3; i < 10; i++) {
		fake_host_set_now(f->host, now + i * MINUTE);
		history_minute(f, now + i * MINUTE);
	}
	maintenance_at(f, now + 20 * MINUTE);
	assert_int_equal(sql_at(f, "SELECT sum(rows) FROM samples_1min WHERE time < @t", T0 + DAY),
			 360 + 48);
	assert_int_equal(sql_at(f, "SELECT count(*) FROM samples_1min WHERE time < @t", T0 + DAY),
			 60 + 8);
	assert_int_equal(watermarks_after(f, T0 + DAY), 0);
	assert_int_equal(history_count(f, "@late"), 0);
}

/* As older versions left them behind. */
static void watermarks_that_lie_in_the_future_are_rewound(void **state)
{
	struct fixture *f = *state;
	char sql[100];
	history_hour(f);
	snprintf(sql, sizeof(sql), "UPDATE %s SET rolled_to = @t, kept_from = @t",
		 backend_watermarks);
	sql_at(f, sql, T0 + 10 * DAY);
	fixture_restart(f);
	history_minute(f, T0 + 2 * HOUR - 10 * SECOND);
	maintenance_at(f, T0 + 2 * HOUR + 10 * MINUTE);
	assert_int_equal(fixture_sql(f, "SELECT sum(rows) FROM samples_1min"), 366);
	assert_int_equal(watermarks_after(f, T0 + 2 * HOUR + 10 * MINUTE), 0);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		STORE_TEST(
			a_daemon_that_was_away_for_longer_than_retention_deletes_when_it_is_back),
		STORE_TEST(after_a_jump_minutes_are_rolled_up_again_by_the_right_time),
		STORE_TEST(watermarks_that_lie_in_the_future_are_rewound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
