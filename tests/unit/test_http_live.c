/* Streams over a socket: rows pass, and what a client gets of them. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "logs/logs_table.h"
#include "sse_fixture.h"
#include "test.h"
#include "waiting.h"

/* ---- What passes --------------------------------------------------------- */

static void a_row_that_passes_arrives_with_the_fields_of_its_list(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	sse_pass_line(fixture, 1, "abc", "line\none \"quoted\"");
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, "");
	assert_string_equal(sse_text(&event, "time"), "2026-01-01T12:00:01Z");
	assert_string_equal(sse_text(&event, "message"), "line\none \"quoted\"");
	assert_string_equal(sse_text(&event, "container_id"), "abc");
	assert_int_equal(json_object_size(event.data), LOGS_COLUMNS);
	json_decref(event.data);
	sse_leave(client);
}

static void each_stream_shows_its_own(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *logs = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	struct sse_client *events = sse_follow(fixture, "/api/v1/stream/events", NULL);
	sse_pass_event(fixture, 1, "start");
	sse_pass_line(fixture, 2, "abc", "hello");
	struct sse_event event = sse_next(events);
	assert_string_equal(sse_text(&event, "action"), "start");
	json_decref(event.data);
	sse_expect_line(logs, "hello", NULL);
	sse_leave(logs);
	sse_leave(events);
}

static void the_filters_of_the_lists_hold(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *one = sse_follow(fixture, "/api/v1/stream/logs?container=web", NULL);
	struct sse_client *bad =
		sse_follow(fixture, "/api/v1/stream/logs?level=error&level=critical", NULL);
	struct sse_client *some = sse_follow(fixture, "/api/v1/stream/logs?q=NEED&name=d*", NULL);
	sse_pass_line(fixture, 1, "def", "a needle");
	sse_pass_line(fixture, 2, "abc", "a needle too");
	sse_pass_line(fixture, 3, "def", "bad");
	sse_pass_line(fixture, 4, "abc", "last");
	sse_pass_line(fixture, 5, "def", "needles");
	sse_expect_line(one, "a needle too", NULL);
	sse_expect_line(one, "last", NULL);
	sse_expect_line(bad, "bad", NULL);
	sse_expect_line(some, "a needle", NULL);
	sse_expect_line(some, "needles", NULL);
	sse_leave(one);
	sse_leave(bad);
	sse_leave(some);
}

static void wrong_parameters_are_problems(void **state)
{
	http_expect_problem(*state, "/api/v1/stream/logs?level=loud", 400, "level", "none of");
	http_expect_problem(*state, "/api/v1/stream/logs?limit=1", 400, "limit", "no such");
	http_expect_problem(*state, "/api/v1/stream/logs?container=nope", 404, "container", "");
}

/* Whose length nobody knows: 0 would be a lie. */
static void head_tells_the_type_and_ends(void **state)
{
	static const char *const requests[] = {
		"HEAD /api/v1/stream/logs HTTP/1.1\r\nHost: localhost\r\n\r\n",
		("HEAD /api/v1/stream/stats HTTP/1.1\r\nHost: localhost\r\nConnection: "
		 "close\r\n\r\n"),
		"HEAD /api/v1/stream/events HTTP/1.0\r\n\r\n"};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		struct http_answer answer = http_raw(*state, requests[i]);
		assert_int_equal(answer.status, 200);
		assert_string_equal(http_header(&answer, "Content-Type"),
				    "text/event-stream; charset=utf-8");
		assert_null(http_header(&answer, "Content-Length"));
		assert_int_equal(answer.len, 0);
		http_free(&answer);
	}
}

/* ---- Slow and silent ----------------------------------------------------- */

static bool silence_is_broken(struct sse_client *client)
{
	char text[100];
	sse_read_to(client, "\n\n", text, sizeof(text));
	return strcmp(text, ":") == 0;
}

static void a_silent_stream_says_that_it_lives(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/events", NULL);
	fake_host_set_monotonic(fixture->host, sse_monotonic() + 20 * CLOCK_SECOND);
	assert_true(silence_is_broken(client));
	fake_host_set_monotonic(fixture->host, sse_monotonic() + 40 * CLOCK_SECOND);
	assert_true(silence_is_broken(client));
	sse_leave(client);
	fake_host_set_monotonic(fixture->host, 0);
}

enum { FLOOD = 20000 };

static void flood(struct http_fixture *fixture)
{
	static char message[1000];
	memset(message, 'x', sizeof(message) - 1);
	for (int i = 0; i < FLOOD / 100; i++) {
		struct tally_batch *batch = sse_batch(fixture, &logs_table);
		for (int k = 0; k < 100; k++) {
			struct tally_ctx *ctx = fake_host_ctx(fixture->host);
			sse_fill_line(tally_batch_row(ctx, batch), 2, "abc",
				      tally_batch_copy(ctx, batch, message, sizeof(message)));
		}
		sse_pass(fixture, batch);
	}
}

static void a_slow_client_is_told_how_much_it_missed(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	uint64_t got = 0, missed = 0;
	flood(fixture); /* 20 MB, of which the feed keeps one */
	sse_pass_line(fixture, 9, "abc", "the end");
	for (;;) {
		struct sse_event event = sse_next(client);
		const char *message = sse_text(&event, "message");
		bool end = message && strcmp(message, "the end") == 0;
		if (strcmp(event.name, "lagged") == 0)
			missed +=
				(uint64_t)json_integer_value(json_object_get(event.data, "missed"));
		else
			got += !end;
		json_decref(event.data);
		if (end)
			break;
	}
	assert_true(missed > 0);
	assert_int_equal(got + missed, FLOOD);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_STREAM_MISSED), missed);
	sse_leave(client);
}

static void an_event_larger_than_the_bound_is_missed(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	char *message = malloc(100001);
	memset(message, 'x', 100000);
	message[100000] = '\0';
	sse_pass_line(fixture, 1, "abc", message);
	sse_pass_line(fixture, 2, "abc", "small");
	assert_int_equal(sse_expect_lagged(client), 1);
	sse_expect_line(client, "small", NULL);
	sse_leave(client);
	free(message);
}

static void add_long_line(struct http_fixture *fixture, struct tally_batch *batch, int second,
			  char letter, size_t len)
{
	struct tally_ctx *ctx = fake_host_ctx(fixture->host);
	char *message = malloc(len + 1);
	memset(message, letter, len);
	message[len] = '\0';
	sse_fill_line(tally_batch_row(ctx, batch), second, "abc",
		      tally_batch_copy(ctx, batch, message, len + 1));
	free(message);
}

static void expect_long_line(struct sse_client *client, char letter, size_t len)
{
	struct sse_event event = sse_next(client);
	const char *message = sse_text(&event, "message");
	assert_non_null(message);
	assert_int_equal(message[0], letter);
	assert_int_equal(strlen(message), len);
	json_decref(event.data);
}

static void an_event_that_fits_alone_is_not_missed(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	struct tally_batch *batch = sse_batch(fixture, &logs_table);
	add_long_line(fixture, batch, 1, 'a', 3000);
	add_long_line(fixture, batch, 2, 'b', 64000); /* of 64 KiB */
	add_long_line(fixture, batch, 3, 'c', 80000);
	add_long_line(fixture, batch, 4, 'd', 64000);
	sse_pass(fixture, batch);
	expect_long_line(client, 'a', 3000);
	expect_long_line(client, 'b', 64000);
	assert_int_equal(sse_expect_lagged(client), 1);
	expect_long_line(client, 'd', 64000);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_STREAM_MISSED), 1);
	sse_leave(client);
}

static void there_are_only_so_many_streams(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *clients[32];
	for (int i = 0; i < 32; i++)
		clients[i] = sse_follow(fixture, "/api/v1/stream/stats", NULL);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_STREAMS), 32);
	sse_expect_excuse(fixture, "/api/v1/stream/logs", NULL, "max_streams");
	const uint32_t streams = HTTP_REQUESTS + HTTP_STREAM * HTTP_STATUS_CLASSES;
	assert_int_equal(fake_host_metric(fixture->host, streams), 32);
	assert_int_equal(fake_host_metric(fixture->host, streams + 2), 1);
	for (int i = 0; i < 32; i++)
		sse_leave(clients[i]);
}

static void stopping_ends_open_streams(void **state)
{
	struct http_fixture *fixture = *state;
	struct sse_client *clients[10];
	char rest[100];
	for (int i = 0; i < 10; i++)
		clients[i] = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	int64_t before = sse_monotonic();
	tally_plugin()->stop(fixture->plugin);
	assert_true(sse_monotonic() - before < 20 * CLOCK_SECOND);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(recv(clients[i]->fd, rest, sizeof(rest), 0), 0);
		sse_leave(clients[i]);
	}
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
}

static void *stop(void *arg)
{
	tally_plugin()->stop(((struct http_fixture *)arg)->plugin);
	return NULL;
}

static void streams_end_although_a_worker_is_still_with_the_store(void **state)
{
	static const char request[] = "GET /api/v1/containers HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct http_fixture *fixture = *state;
	struct sse_client *client = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	pthread_t stopping;
	char rest[100];
	fake_store_hang(fixture->store, true);
	int other = http_connect(fixture);
	http_send(other, request, sizeof(request) - 1);
	WAIT_UNTIL(fake_store_hanging(fixture->store) == 1);
	pthread_create(&stopping, NULL, stop, fixture);
	ssize_t got = recv(client->fd, rest, sizeof(rest), 0);
	bool hangs = fake_store_hanging(fixture->store) == 1;
	fake_store_hang(fixture->store, false);
	pthread_join(stopping, NULL);
	close(other);
	sse_leave(client);
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
	assert_true(hangs);
	assert_int_equal(got, 0);
}

static bool nobody_is_left(struct http_fixture *fixture)
{
	sse_pass_line(fixture, 1, "abc", "is anybody there?");
	return fake_host_metric(fixture->host, HTTP_STREAMS) == 0;
}

/* They are noticed when something is sent to them in vain. */
static void clients_that_leave_make_room(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 32; i++)
		sse_leave(sse_follow(fixture, "/api/v1/stream/logs", NULL));
	WAIT_UNTIL(nobody_is_left(fixture));
}

static int set_up_off(void **state)
{
	sse_prepare(state);
	((struct http_fixture *)*state)->config.live = HTTP_LIVE_OFF;
	http_start(*state);
	return 0;
}

static void streams_can_be_switched_off(void **state)
{
	struct http_fixture *fixture = *state;
	sse_pass_line(fixture, 1, "abc", "for nobody");
	http_expect_problem(fixture, "/api/v1/stream/logs", 404, NULL, "live = off");
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)
#define SERVED(test) WITH(test, sse_set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(a_row_that_passes_arrives_with_the_fields_of_its_list),
		SERVED(each_stream_shows_its_own),
		SERVED(the_filters_of_the_lists_hold),
		SERVED(wrong_parameters_are_problems),
		SERVED(head_tells_the_type_and_ends),
		SERVED(a_silent_stream_says_that_it_lives),
		SERVED(a_slow_client_is_told_how_much_it_missed),
		SERVED(an_event_larger_than_the_bound_is_missed),
		SERVED(an_event_that_fits_alone_is_not_missed),
		SERVED(there_are_only_so_many_streams),
		SERVED(stopping_ends_open_streams),
		SERVED(streams_end_although_a_worker_is_still_with_the_store),
		SERVED(clients_that_leave_make_room),
		WITH(streams_can_be_switched_off, set_up_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
