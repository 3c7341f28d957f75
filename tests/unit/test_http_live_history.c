/* The past and what comes, in one stream: each row once, in order, and several kinds together. */
#include "logs/logs_table.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "containers/stats_table.h"
#include "sse_fixture.h"
#include "test.h"
#include "waiting.h"

static int set_up(void **state)
{
	char message[20];
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 1; i <= 5; i++) {
		snprintf(message, sizeof(message), "%d", i);
		sse_store_line(fixture, i - 100, i % 2 ? "abc" : "def", message);
	}
	http_start(fixture);
	return 0;
}

static void pass(struct http_fixture *fixture, int number)
{
	/* Rows that pass keep a pointer to their texts. */
	static const char *const numbers[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
	sse_pass_line(fixture, number - 100, number % 2 ? "abc" : "def", numbers[number]);
}

static void expect_lines(struct sse_client *client, int from, int to)
{
	char message[20];
	for (int i = from; i <= to; i++) {
		snprintf(message, sizeof(message), "%d", i);
		sse_expect_line(client, message, NULL);
	}
}

static void expect_named(struct sse_client *client, const char *name, const char *field,
			 const char *text, char ret_id[400])
{
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, name);
	if (field)
		assert_string_equal(sse_text(&event, field), text);
	if (ret_id)
		memcpy(ret_id, event.id, 400);
	json_decref(event.data);
}

static void expect_reading(struct sse_client *client, double cpu)
{
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, "stats");
	assert_true(json_number_value(json_object_get(event.data, "cpu_percent")) == cpu);
	json_decref(event.data);
}

#define READY(client) expect_named(client, "ready", NULL, NULL, NULL)

/* 4 and 5 have passed and are stored, 6 and 7 are not stored yet, 8 comes later. */
static void the_last_lines_come_first_and_each_once(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 4; i <= 7; i++)
		pass(fixture, i);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?tail=3", NULL);
	expect_lines(client, 3, 7);
	READY(client);
	pass(fixture, 8);
	expect_lines(client, 8, 8);
	sse_leave(client);
	client = sse_follow(fixture, "/api/v1/stream/logs?tail=100&container=web", NULL);
	expect_lines(client, 1, 1);
	expect_lines(client, 3, 3);
	expect_lines(client, 5, 5);
	expect_lines(client, 7, 7);
	READY(client);
	sse_leave(client);
}

static void rows_from_a_time_on_come_first_and_each_once(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 2; i <= 7; i++)
		pass(fixture, i);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?since=now-97s", NULL);
	expect_lines(client, 3, 7);
	READY(client);
	sse_leave(client);
	client = sse_follow(fixture, "/api/v1/stream/logs?since=now-97s&tail=1", NULL);
	expect_lines(client, 5, 7);
	READY(client);
	sse_leave(client);
}

static void without_a_past_it_begins_now_and_says_so(void **state)
{
	struct http_fixture *fixture = *state;
	pass(fixture, 6);
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?tail=0", NULL);
	READY(client);
	pass(fixture, 7);
	expect_lines(client, 7, 7);
	sse_leave(client);
}

/* It is read late, and older than all that was given: it has come since, so it is shown. */
static void a_late_line_comes_when_it_comes(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?tail=2", NULL);
	expect_lines(client, 4, 5);
	READY(client);
	sse_pass_line(fixture, -1000, "abc", "late");
	sse_expect_line(client, "late", NULL);
	sse_leave(client);
}

/* The store is slow, and what passes while it is asked is stored when it answers. */
static void the_last_lines_are_those_when_the_store_answers(void **state)
{
	struct http_fixture *fixture = *state;
	sse_leave(sse_follow(fixture, "/api/v1/stream/logs?tail=2", NULL)); /* tables are known */
	fake_store_hang(fixture->store, true);
	struct sse_client *client = sse_ask(fixture, "/api/v1/stream/logs?tail=2", NULL);
	WAIT_UNTIL(fake_store_hanging(fixture->store) == 1);
	for (int i = 6; i <= 8; i++) {
		char message[20];
		snprintf(message, sizeof(message), "%d", i);
		pass(fixture, i);
		sse_store_line(fixture, i - 100, i % 2 ? "abc" : "def", message);
	}
	fake_store_hang(fixture->store, false);
	sse_open(client);
	expect_lines(client, 7, 8);
	READY(client);
	pass(fixture, 9);
	expect_lines(client, 9, 9);
	sse_leave(client);
}

/* The tables that are known are from before it was made; the clock stands, so they stay so. */
static void a_table_of_just_now_has_its_past(void **state)
{
	struct http_fixture *fixture = *state;
	struct http_answer answer = http_ok(state, "/api/v1/logs");
	http_free(&answer);
	fake_store_table(fixture->store, &logs_table);
	sse_store_line(fixture, -1, "abc", "first");
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?tail=5", NULL);
	sse_expect_line(client, "first", NULL);
	READY(client);
	sse_leave(client);
}

static int set_up_without_logs(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	fake_store_drop(fixture->store, logs_table.name);
	http_start(fixture);
	return 0;
}

/* As EventSource does when it comes back: the URL is as it was, the header says more. */
static void the_header_comes_before_the_parameters(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs?tail=2", NULL);
	expect_lines(client, 4, 4);
	sse_expect_line(client, "5", id);
	sse_leave(client);
	pass(fixture, 6);
	client = sse_follow(fixture, "/api/v1/stream/logs?tail=2", id);
	expect_lines(client, 6, 6);
	sse_leave(client);
	char target[600];
	snprintf(target, sizeof(target), "/api/v1/stream/logs?last_event_id=%s", id);
	client = sse_follow(fixture, target, NULL);
	expect_lines(client, 6, 6);
	READY(client);
	sse_leave(client);
}

/* The list's last row is 5; 4 was stored after the list was made, though it is older. */
static void a_list_says_where_its_stream_goes_on(void **state)
{
	struct http_fixture *fixture = *state;
	char target[1000];
	pass(fixture, 5);
	struct http_answer answer = http_get(fixture, "/api/v1/logs?limit=2");
	snprintf(target, sizeof(target), "/api/v1/stream/logs?last_event_id=%s",
		 json_string_value(json_object_get(answer.json, "position")));
	http_free(&answer);
	sse_store_line(fixture, 5 - 100, "ghi", "late");
	sse_pass_line(fixture, 5 - 100, "ghi", "late");
	pass(fixture, 6);
	struct sse_client *client = sse_follow(fixture, target, NULL);
	sse_expect_line(client, "late", NULL);
	expect_lines(client, 6, 6);
	READY(client);
	sse_leave(client);
	answer = http_get(fixture, "/api/v1/logs?limit=2&order=asc");
	assert_true(json_is_null(json_object_get(answer.json, "position"))); /* there is more */
	http_free(&answer);
	answer = http_get(fixture, "/api/v1/logs?q=nothing");
	snprintf(target, sizeof(target), "/api/v1/stream/logs?q=7&last_event_id=%s",
		 json_string_value(json_object_get(answer.json, "position")));
	http_free(&answer);
	client = sse_follow(fixture, target, NULL);
	READY(client);
	pass(fixture, 7);
	expect_lines(client, 7, 7);
	sse_leave(client);
}

/* Of containers and of readings, both in one. */
static void a_list_of_containers_says_so_for_two_topics(void **state)
{
	struct http_fixture *fixture = *state;
	char target[1000];
	struct http_answer answer = http_get(fixture, "/api/v1/containers");
	snprintf(target, sizeof(target), "/api/v1/stream?topics=stats,containers&last_event_id=%s",
		 json_string_value(json_object_get(answer.json, "position")));
	http_free(&answer);
	http_add_stats(fixture, "alpha", "abc", "web", 5, 50, 0);
	sse_pass_event(fixture, 1, "die");
	struct sse_client *client = sse_follow(fixture, target, NULL);
	expect_reading(client, 50);
	expect_named(client, "containers", "action", "die", NULL);
	READY(client);
	sse_leave(client);
}

/* ---- Several topics ------------------------------------------------------ */

static void one_connection_has_several_topics(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct sse_client *client = sse_follow(
		fixture, "/api/v1/stream?topics=logs,events,containers&tail=1&stream=stdout", NULL);
	expect_named(client, "logs", "message", "5", NULL);
	READY(client);
	pass(fixture, 6);
	expect_named(client, "logs", "message", "6", NULL);
	sse_pass_event(fixture, 7, "die");
	expect_named(client, "events", "action", "die", NULL);
	expect_named(client, "containers", "action", "die", id);
	sse_leave(client);
	/* Back where it was, in each. */
	pass(fixture, 8);
	sse_pass_event(fixture, 9, "start");
	client = sse_follow(
		fixture, "/api/v1/stream?topics=logs,events,containers&tail=1&stream=stdout", id);
	READY(client);
	expect_named(client, "logs", "message", "8", NULL);
	expect_named(client, "events", "action", "start", NULL);
	expect_named(client, "containers", "action", "start", NULL);
	sse_leave(client);
}

static void a_filter_may_be_for_one_topic(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(
		fixture, "/api/v1/stream?topics=logs,events&tail=1&logs.container=db&host=alpha",
		NULL);
	expect_named(client, "logs", "message", "4", NULL);
	READY(client);
	pass(fixture, 7); /* of web */
	sse_pass_event(fixture, 7, "die");
	expect_named(client, "events", "name", "web", NULL);
	pass(fixture, 8);
	expect_named(client, "logs", "message", "8", NULL);
	sse_leave(client);
	static const struct {
		const char *query, *parameter, *detail;
	} cases[] = {
		{"line.level=error", "line.level", "\"line\" is not a topic (stats, logs,"},
		{".level=error", ".level", "\"\" is not a topic"},
		{"events.action=die", "events.action", "events is not among the topics"},
		{"stats.level=error", "stats.level", "the topic stats has no filter level"},
		{"logs.level=errors", "logs.level", "\"errors\" is none of"},
		{"logs.levels=error", "logs.levels", "no such parameter"},
		{"logs.tail=5", "logs.tail", "the topic logs has no filter tail"},
		{"logs.fields=massage", "logs.fields", "did you mean message?"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[200];
		snprintf(target, sizeof(target), "/api/v1/stream?topics=logs,stats&%s",
			 cases[i].query);
		http_expect_problem(fixture, target, 400, cases[i].parameter, cases[i].detail);
	}
	http_expect_problem(fixture, "/api/v1/stream/logs?logs.level=error", 400, "logs.level",
			    "no such parameter");
}

static void events_are_written_as_the_rows_of_a_list(void **state)
{
	struct sse_client *client =
		sse_follow(*state, "/api/v1/stream/logs?tail=1&fields=message,time&times=ms", NULL);
	struct sse_event event = sse_next(client);
	assert_int_equal(json_object_size(event.data), 2);
	assert_string_equal(sse_text(&event, "message"), "5");
	assert_int_equal(json_integer_value(json_object_get(event.data, "time")),
			 sse_at(5 - 100) / CLOCK_MS);
	json_decref(event.data);
	sse_leave(client);
	client = sse_follow(*state,
			    "/api/v1/stream?topics=logs,events&tail=1&logs.fields=message&fields="
			    "cpu_percent&times=s",
			    NULL);
	event = sse_next(client);
	assert_int_equal(json_object_size(event.data), 1);
	json_decref(event.data);
	READY(client);
	sse_pass_event(*state, 7, "die");
	event = sse_next(client);
	assert_true(json_is_number(json_object_get(event.data, "time")));
	assert_string_equal(sse_text(&event, "action"), "die");
	json_decref(event.data);
	sse_leave(client);
}

static void topics_that_are_none_are_refused(void **state)
{
	http_expect_problem(*state, "/api/v1/stream?topics=logs,lines", 400, "topics",
			    "\"lines\" is not a topic (stats, logs, events, containers)");
	http_expect_problem(*state, "/api/v1/stream?topics=,", 400, "topics",
			    "\"\" is not a topic (stats, logs, events, containers)");
	http_expect_problem(*state, "/api/v1/stream", 400, "topics", "is required");
	http_expect_problem(*state, "/api/v1/stream?topics=logs&since=yesterday", 400, "since",
			    "\"yesterday\" is not a time (try now-5m or RFC 3339)");
}

static int set_up_readings(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 5; i++) {
		http_add_stats(fixture, "alpha", "abc", "web", 50 - 10 * i, i, 0);
		http_add_stats(fixture, "alpha", "def", "db", 49 - 10 * i, 10 + i, 0);
	}
	http_start(fixture);
	return 0;
}

static void readings_have_the_fields_that_are_wanted(void **state)
{
	struct sse_client *client = sse_follow(
		*state, "/api/v1/stream?topics=stats&since=now-5m&fields=cpu_percent", NULL);
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, "stats");
	assert_int_equal(json_object_size(event.data), 5); /* time, host, container_id, name */
	assert_true(json_is_number(json_object_get(event.data, "cpu_percent")));
	json_decref(event.data);
	expect_named(client, "stats", "name", "db", NULL);
	READY(client);
	sse_leave(client);
	http_expect_problem(*state, "/api/v1/stream/stats?fields=cpu_percents", 400, "fields",
			    "did you mean cpu_percent?");
}

static void pass_reading(struct http_fixture *fixture, int second, double cpu)
{
	struct tally_batch *batch = sse_batch(fixture, &stats_table);
	struct tally_cell *row = tally_batch_row(fake_host_ctx(fixture->host), batch);
	tally_put_int(row, STATS_TIME, sse_at(second));
	sse_put_text(row, STATS_HOST, "alpha");
	sse_put_text(row, STATS_CONTAINER_ID, "abc");
	sse_put_text(row, STATS_NAME, "web");
	tally_put_real(row, STATS_CPU_PERCENT, cpu);
	sse_pass(fixture, batch);
}

/* Two pass while the store is asked, and it knows both when it answers. */
static void readings_do_not_go_back_in_time(void **state)
{
	static const char target[] = "/api/v1/stream?topics=stats&since=now-5m&fields=cpu_percent";
	struct http_fixture *fixture = *state;
	sse_leave(sse_follow(fixture, target, NULL)); /* tables are known */
	fake_store_hang(fixture->store, true);
	struct sse_client *client = sse_ask(fixture, target, NULL);
	WAIT_UNTIL(fake_store_hanging(fixture->store) == 1);
	for (int second = -2; second < 0; second++) {
		pass_reading(fixture, second, 50 + second);
		http_add_stats(fixture, "alpha", "abc", "web", -second, 50 + second, 0);
	}
	fake_store_hang(fixture->store, false);
	sse_open(client);
	expect_reading(client, 14); /* db */
	expect_reading(client, 49);
	READY(client);
	pass_reading(fixture, 0, 50);
	expect_reading(client, 50);
	sse_leave(client);
}

#define WITH(name, before) cmocka_unit_test_setup_teardown(name, before, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(the_last_lines_come_first_and_each_once, set_up),
		WITH(rows_from_a_time_on_come_first_and_each_once, set_up),
		WITH(without_a_past_it_begins_now_and_says_so, set_up),
		WITH(a_late_line_comes_when_it_comes, set_up),
		WITH(the_last_lines_are_those_when_the_store_answers, set_up),
		WITH(a_table_of_just_now_has_its_past, set_up_without_logs),
		WITH(the_header_comes_before_the_parameters, set_up),
		WITH(a_list_says_where_its_stream_goes_on, set_up),
		WITH(a_list_of_containers_says_so_for_two_topics, set_up_readings),
		WITH(one_connection_has_several_topics, set_up),
		WITH(a_filter_may_be_for_one_topic, set_up),
		WITH(events_are_written_as_the_rows_of_a_list, set_up),
		WITH(topics_that_are_none_are_refused, set_up),
		WITH(readings_have_the_fields_that_are_wanted, set_up_readings),
		WITH(readings_do_not_go_back_in_time, set_up_readings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
