/* Clients of streams that come back: what they missed comes out of the feed, or of the store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "message/cursor.h"
#include "sse_fixture.h"
#include "test.h"

static void who_comes_back_misses_none_and_gets_none_twice(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	sse_pass_line(fixture, 5, "abc", "one");
	sse_pass_line(fixture, 2, "def", "two"); /* another clock, or another way */
	sse_expect_line(client, "one", id);
	sse_expect_line(client, "two", NULL);
	sse_leave(client);
	sse_pass_line(fixture, 3, "def", "three");
	client = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_expect_line(client, "two", id);
	sse_expect_line(client, "three", id);
	sse_leave(client);
	client = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_pass_line(fixture, 1, "abc", "four");
	sse_expect_line(client, "four", NULL);
	sse_leave(client);
}

/* An id of an earlier process: its key is all that counts. */
static void make_id(struct http_fixture *fixture, int second, const char *message, char id[400])
{
	char old[400];
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	sse_pass_line(fixture, second, "abc", message);
	sse_expect_line(client, message, old);
	sse_leave(client);
	snprintf(id, 400, "00000001.7%s", strrchr(old, '.'));
}

static int set_up_stored(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	sse_store_line(fixture, 1, "abc", "one");
	sse_store_line(fixture, 1, "def", "same time, after it");
	sse_store_line(fixture, 2, "abc", "two");
	sse_store_line(fixture, 3, "def", "three");
	http_start(fixture);
	return 0;
}

static void what_only_the_store_has_is_brought_first(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	sse_pass_line(fixture, 3, "def", "three"); /* stored too, by now */
	sse_pass_line(fixture, 4, "abc", "four");  /* not yet */
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_expect_line(client, "same time, after it", NULL);
	sse_expect_line(client, "two", NULL);
	sse_expect_line(client, "three", NULL);
	sse_expect_line(client, "four", NULL);
	sse_pass_line(fixture, 5, "abc", "five");
	sse_expect_line(client, "five", NULL);
	sse_leave(client);
	client = sse_follow(fixture, "/api/v1/stream/logs?container=db", id);
	sse_expect_line(client, "same time, after it", NULL);
	sse_expect_line(client, "three", id);
	sse_leave(client);
	client = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_expect_line(client, "four", NULL);
	sse_leave(client);
}

static void an_id_that_is_none_begins_anew_and_says_so(void **state)
{
	static const char *const ids[] = {"7",           "zz",   "00000001.5.AAAA",
					  "00000001.5.", "....", "-1"};
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 6; i++) {
		struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", ids[i]);
		assert_int_equal(sse_expect_lagged(client), 0);
		sse_pass_line(fixture, 10 + i, "abc", "now");
		sse_expect_line(client, "now", NULL);
		sse_leave(client);
	}
}

static int set_up_many(void **state)
{
	char message[1000];
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	memset(message, 'x', sizeof(message));
	for (int i = 0; i < 100; i++) {
		snprintf(message, sizeof(message), "%0900d", i);
		sse_store_line(fixture, 2 + i, "abc", message);
	}
	http_start(fixture);
	return 0;
}

/* Far more than one client's buffer holds. */
static void all_that_was_missed_comes_a_part_at_a_time(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", id);
	for (int i = 0; i < 100; i++) {
		struct sse_event event = sse_next(client);
		assert_int_equal(strtol(sse_text(&event, "message"), NULL, 10), i);
		json_decref(event.data);
	}
	sse_leave(client);
}

enum { HUGE_ROWS = 2500, HUGE_SENT = 2000 };

static int set_up_huge(void **state)
{
	char message[12000];
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 0; i < HUGE_ROWS; i++) {
		snprintf(message, sizeof(message), "%011990d", i);
		sse_store_line(fixture, 2 + i, "abc", message);
	}
	http_start(fixture);
	return 0;
}

/* Two pages of the store are more than the 16 MiB that one client may hold. */
static void of_too_much_the_newest_come_and_it_is_said(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", id);
	assert_int_equal(sse_expect_lagged(client), 0);
	for (int i = HUGE_ROWS - HUGE_SENT; i < HUGE_ROWS; i++) {
		struct sse_event event = sse_next(client);
		assert_int_equal(strtol(sse_text(&event, "message"), NULL, 10), i);
		json_decref(event.data);
	}
	sse_leave(client);
}

static int set_up_readings(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 5; i++) {
		http_add_stats(fixture, "alpha", "abc", "web", 50 - 10 * i, i, 0);
		http_add_stats(fixture, "alpha", "def", "db", 49 - 10 * i, 10 + i, 0);
	}
	fixture->config.live = HTTP_LIVE_STORE;
	http_start(fixture);
	return 0;
}

static void make_reading_id(int second, char id[400])
{
	static const uint16_t types[] = {TALLY_TIME, TALLY_TEXT, TALLY_TEXT, TALLY_TEXT};
	struct tally_cell key[4];
	tally_put_int(key, 0, sse_at(second));
	sse_put_text(key, 1, "alpha");
	sse_put_text(key, 2, "abc");
	sse_put_text(key, 3, "web");
	char *cursor = cursor_write(types, key, 4);
	snprintf(id, 400, "00000001.1.%s", cursor);
	free(cursor);
}

static void expect_reading(struct sse_client *client, const char *name, double cpu)
{
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, "");
	assert_string_equal(sse_text(&event, "name"), name);
	assert_true(json_number_value(json_object_get(event.data, "cpu_percent")) == cpu);
	json_decref(event.data);
}

static void of_readings_the_newest_of_each_container_comes(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_reading_id(-50, id);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/stats", id);
	expect_reading(client, "web", 4);
	expect_reading(client, "db", 14);
	sse_leave(client);
}

static int set_up_one_that_has_stopped(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	fixture->config.max_results_per_query = 3;
	http_add_stats(fixture, "alpha", "def", "db", 49, 7, 0);
	for (int i = 0; i < 5; i++)
		http_add_stats(fixture, "alpha", "abc", "web", 40 - i, i, 0);
	fixture->config.live = HTTP_LIVE_STORE;
	http_start(fixture);
	return 0;
}

static void whose_newest_reading_is_older_than_all_others_comes_too(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_reading_id(-60, id);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/stats", id);
	expect_reading(client, "db", 7);
	expect_reading(client, "web", 4);
	sse_leave(client);
}

/* ---- Readings that are no longer true ------------------------------------ */

enum { READING_TIME, READING_HOST, READING_ID, READING_NAME, READING_CPU };
static const struct tally_column reading_columns[] = {
	[READING_TIME] = {.name = "time", .type = TALLY_TIME},
	[READING_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[READING_ID] = {.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	[READING_NAME] = {.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	[READING_CPU] = {.name = "cpu_percent", .type = TALLY_REAL},
};
static const struct tally_table reading_table = {.name = "container_stats",
						 .kind = TALLY_SERIES,
						 .columns = reading_columns,
						 .n_columns = READING_CPU + 1};

static void pass_reading(struct http_fixture *fixture, int second, double cpu)
{
	struct tally_batch *batch = sse_batch(fixture, &reading_table);
	struct tally_cell *row = tally_batch_row(fake_host_ctx(fixture->host), batch);
	tally_put_int(row, READING_TIME, sse_at(second));
	sse_put_text(row, READING_HOST, "alpha");
	sse_put_text(row, READING_ID, "abc");
	sse_put_text(row, READING_NAME, "web");
	tally_put_real(row, READING_CPU, cpu);
	sse_pass(fixture, batch);
}

static void readings_of_hours_ago_are_counted_not_shown(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/stats", NULL);
	pass_reading(fixture, -12 * 3600, 1);
	assert_int_equal(sse_expect_lagged(client), 1);
	pass_reading(fixture, -601, 2);
	assert_int_equal(sse_expect_lagged(client), 1);
	pass_reading(fixture, -599, 3);
	expect_reading(client, "web", 3);
	sse_leave(client);
}

/* While it was away the clock went on; the feed still has what came then. */
static void who_comes_back_after_hours_gets_what_is_true_now(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/stats", NULL);
	pass_reading(fixture, 0, 1);
	struct sse_event event = sse_next(client);
	char id[400];
	snprintf(id, sizeof(id), "%s", event.id);
	json_decref(event.data);
	sse_leave(client);
	for (int i = 1; i <= 3; i++)
		pass_reading(fixture, i, 1 + i);
	fake_host_set_now(fixture->host, sse_at(12 * 3600));
	pass_reading(fixture, 12 * 3600, 5);
	client = sse_follow(fixture, "/api/v1/stream/stats", id);
	assert_int_equal(sse_expect_lagged(client), 3);
	expect_reading(client, "web", 5);
	sse_leave(client);
}

static void lines_are_shown_however_old_they_are(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	sse_pass_line(fixture, -12 * 3600, "abc", "read after a restart");
	sse_expect_line(client, "read after a restart", NULL);
	sse_leave(client);
}

/* ---- Not now ------------------------------------------------------------- */

static void what_cannot_begin_now_ends_as_browsers_survive_it(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	fake_store_fail(fixture->store, -ENOTCONN);
	sse_expect_excuse(fixture, "/api/v1/stream/logs", id, "cannot be reached");
	sse_expect_excuse(fixture, "/api/v1/stream/logs?container=web", NULL, "cannot be reached");
	sse_leave(sse_follow(fixture, "/api/v1/stream/logs", NULL));
	fake_store_fail(fixture->store, 0);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_expect_line(client, "same time, after it", NULL);
	sse_leave(client);
}

static int set_up_impatient(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	fixture->config.query_timeout = CLOCK_SECOND / 2;
	http_start(fixture);
	return 0;
}

static void a_store_that_hangs_is_no_reason_to_give_up(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_hang(fixture->store, true);
	sse_expect_excuse(fixture, "/api/v1/stream/logs?container=web", NULL, "in time");
	assert_int_equal(fake_host_metric(fixture->host,
					  HTTP_REQUESTS + 2 + HTTP_STREAM * HTTP_STATUS_CLASSES),
			 1);
	fake_store_hang(fixture->store, false);
	sse_leave(sse_follow(fixture, "/api/v1/stream/logs", NULL));
}

static int set_up_empty(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fixture->config.live = HTTP_LIVE_PIPELINE;
	http_start(fixture);
	*state = fixture;
	return 0;
}

static void where_the_store_has_no_table_yet_who_comes_back_waits(void **state)
{
	sse_expect_excuse(*state, "/api/v1/stream/logs", "00000001.7.AAAA", "no container_logs");
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)
#define SERVED(test) WITH(test, sse_set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(who_comes_back_misses_none_and_gets_none_twice),
		WITH(what_only_the_store_has_is_brought_first, set_up_stored),
		SERVED(an_id_that_is_none_begins_anew_and_says_so),
		WITH(all_that_was_missed_comes_a_part_at_a_time, set_up_many),
		WITH(of_too_much_the_newest_come_and_it_is_said, set_up_huge),
		WITH(of_readings_the_newest_of_each_container_comes, set_up_readings),
		WITH(whose_newest_reading_is_older_than_all_others_comes_too,
		     set_up_one_that_has_stopped),
		SERVED(readings_of_hours_ago_are_counted_not_shown),
		SERVED(who_comes_back_after_hours_gets_what_is_true_now),
		SERVED(lines_are_shown_however_old_they_are),
		WITH(what_cannot_begin_now_ends_as_browsers_survive_it, set_up_stored),
		WITH(a_store_that_hangs_is_no_reason_to_give_up, set_up_impatient),
		WITH(where_the_store_has_no_table_yet_who_comes_back_waits, set_up_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
