/* Streams over a socket: rows pass, or are in a store, and what a client gets of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "docker_logs/logs_table.h"
#include "docker_status/events_table.h"
#include "cursor.h"
#include "http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

const struct tally_plugin *tally_plugin(void);

static int prepare(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fake_store_table(fixture->store, &logs_table);
	fake_store_table(fixture->store, &events_table);
	http_add_container(fixture, "alpha", "abc", "web", "running");
	http_add_container(fixture, "alpha", "def", "db", "running");
	fixture->config.live = HTTP_LIVE_PIPELINE;
	*state = fixture;
	return 0;
}

static int set_up(void **state)
{
	prepare(state);
	http_start(*state);
	return 0;
}

/* ---- Rows ---------------------------------------------------------------- */

static int64_t at(int second)
{
	return HTTP_NOW + second * HTTP_SECOND;
}

static void put_text(struct tally_cell *row, uint32_t column, const char *text)
{
	tally_put_text(row, column, text, strlen(text));
}

static struct tally_batch *new_batch(struct http_fixture *fixture, const struct tally_table *table)
{
	struct tally_batch *batch = tally_batch_new(fake_host_ctx(fixture->host), table);
	assert_non_null(batch);
	return batch;
}

static void pass(struct http_fixture *fixture, struct tally_batch *batch)
{
	tally_plugin()->watcher->watch(fixture->plugin, batch);
	tally_batch_drop(fake_host_ctx(fixture->host), batch);
}

static void fill_line(struct tally_cell *row, int second, const char *id, const char *message)
{
	tally_put_int(row, LOGS_TIME, at(second));
	put_text(row, LOGS_HOST, "alpha");
	put_text(row, LOGS_CONTAINER_ID, id);
	put_text(row, LOGS_NAME, strcmp(id, "abc") == 0 ? "web" : "db");
	put_text(row, LOGS_STREAM, "stdout");
	put_text(row, LOGS_MESSAGE, message);
	put_text(row, LOGS_LEVEL, strstr(message, "bad") ? "error" : "info");
	tally_put_int(row, LOGS_SEQUENCE, 0);
}

static void pass_line(struct http_fixture *fixture, int second, const char *id, const char *message)
{
	struct tally_batch *batch = new_batch(fixture, &logs_table);
	fill_line(tally_batch_row(fake_host_ctx(fixture->host), batch), second, id, message);
	pass(fixture, batch);
}

static void store_line(struct http_fixture *fixture, int second, const char *id,
		       const char *message)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_logs");
	fake_store_int(store, row, "time", at(second));
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "container_id", id);
	fake_store_text(store, row, "name", strcmp(id, "abc") == 0 ? "web" : "db");
	fake_store_text(store, row, "stream", "stdout");
	fake_store_text(store, row, "message", message);
	fake_store_text(store, row, "level", "info");
	fake_store_int(store, row, "sequence", 0);
}

static void pass_event(struct http_fixture *fixture, int second, const char *action)
{
	struct tally_batch *batch = new_batch(fixture, &events_table);
	struct tally_cell *row = tally_batch_row(fake_host_ctx(fixture->host), batch);
	tally_put_int(row, EVENTS_TIME, at(second));
	put_text(row, EVENTS_HOST, "alpha");
	put_text(row, EVENTS_CONTAINER_ID, "abc");
	put_text(row, EVENTS_ACTION, action);
	put_text(row, EVENTS_NAME, "web");
	pass(fixture, batch);
}

/* ---- A client ------------------------------------------------------------ */

struct client {
	int fd;
	size_t len;
	char text[1 << 20];
};

struct event {
	char id[400], name[40];
	json_t *data;
};

/* As HTTP/1.0, so that no chunks stand between the events. */
static void ask_for(const struct http_fixture *fixture, const char *target, const char *last,
		    struct client *client)
{
	const struct timeval limit = {.tv_sec = 30};
	char request[1000];
	client->fd = http_connect(fixture);
	client->len = 0;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n%s%s\r\n\r\n",
		 target, last ? "Last-Event-ID: " : "", last ? last : "");
	http_send(client->fd, request, strlen(request));
}

/* Reads on until that is there; returns what stands before it, and forgets both. */
static void read_to(struct client *client, const char *end, char *ret, size_t size)
{
	for (;;) {
		char *found = memmem(client->text, client->len, end, strlen(end));
		if (found) {
			size_t len = (size_t)(found - client->text);
			assert_true(len < size);
			memcpy(ret, client->text, len);
			ret[len] = '\0';
			client->len -= len + strlen(end);
			memmove(client->text, found + strlen(end), client->len);
			return;
		}
		ssize_t got = recv(client->fd, client->text + client->len,
				   sizeof(client->text) - client->len, 0);
		if (got <= 0)
			fail_msg("the stream has ended, or says nothing; so far: %.*s",
				 (int)client->len, client->text);
		client->len += (size_t)got;
	}
}

/* Up to the first events: the stream is open. */
static struct client *follow(const struct http_fixture *fixture, const char *target,
			     const char *last)
{
	struct client *client = malloc(sizeof(*client));
	char head[2000];
	ask_for(fixture, target, last, client);
	read_to(client, "\r\n\r\n", head, sizeof(head));
	assert_non_null(strstr(head, " 200 "));
	assert_non_null(strstr(head, "Content-Type: text/event-stream"));
	assert_non_null(strstr(head, "Cache-Control: no-store"));
	read_to(client, "\n\n", head, sizeof(head));
	assert_string_equal(head, "retry: 2000");
	return client;
}

static void leave(struct client *client)
{
	close(client->fd);
	free(client);
}

static struct event next_event(struct client *client)
{
	static char text[256 << 10];
	struct event event = {.data = NULL};
	char *rest;
	int beats = 0;
	do
		read_to(client, "\n\n", text, sizeof(text));
	while (text[0] == ':' && beats++ < 3);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "id: ", 4) == 0)
			snprintf(event.id, sizeof(event.id), "%s", line + 4);
		else if (strncmp(line, "event: ", 7) == 0)
			snprintf(event.name, sizeof(event.name), "%s", line + 7);
		else if (strncmp(line, "data: ", 6) == 0)
			event.data = json_loads(line + 6, JSON_REJECT_DUPLICATES, NULL);
	}
	assert_non_null(event.data);
	return event;
}

static const char *text_of(const struct event *event, const char *field)
{
	return json_string_value(json_object_get(event->data, field));
}

/* Wants that line next; keeps its id if asked to. */
static void expect_line(struct client *client, const char *message, char ret_id[400])
{
	struct event event = next_event(client);
	const char *said = text_of(&event, "message");
	if (!said || strcmp(said, message) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", event.name, said ? said : "-", message);
	assert_true(event.id[0]);
	if (ret_id)
		memcpy(ret_id, event.id, sizeof(event.id));
	json_decref(event.data);
}

static uint64_t expect_lagged(struct client *client)
{
	struct event event = next_event(client);
	assert_string_equal(event.name, "lagged");
	uint64_t missed = (uint64_t)json_integer_value(json_object_get(event.data, "missed"));
	json_decref(event.data);
	return missed;
}

/* ---- What passes --------------------------------------------------------- */

static void a_row_that_passes_arrives_with_the_fields_of_its_list(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *client = follow(fixture, "/api/v1/stream/logs", NULL);
	pass_line(fixture, 1, "abc", "line\none \"quoted\"");
	struct event event = next_event(client);
	assert_string_equal(event.name, "");
	assert_string_equal(text_of(&event, "time"), "2026-01-01T12:00:01Z");
	assert_string_equal(text_of(&event, "message"), "line\none \"quoted\"");
	assert_string_equal(text_of(&event, "container_id"), "abc");
	assert_int_equal(json_object_size(event.data), LOGS_COLUMNS);
	json_decref(event.data);
	leave(client);
}

static void each_stream_shows_its_own(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *logs = follow(fixture, "/api/v1/stream/logs", NULL);
	struct client *events = follow(fixture, "/api/v1/stream/events", NULL);
	pass_event(fixture, 1, "start");
	pass_line(fixture, 2, "abc", "hello");
	struct event event = next_event(events);
	assert_string_equal(text_of(&event, "action"), "start");
	json_decref(event.data);
	expect_line(logs, "hello", NULL);
	leave(logs);
	leave(events);
}

static void the_filters_of_the_lists_hold(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *one = follow(fixture, "/api/v1/stream/logs?container=web", NULL);
	struct client *bad =
		follow(fixture, "/api/v1/stream/logs?level=error&level=critical", NULL);
	struct client *some = follow(fixture, "/api/v1/stream/logs?q=NEED&name=d*", NULL);
	pass_line(fixture, 1, "def", "a needle");
	pass_line(fixture, 2, "abc", "a needle too");
	pass_line(fixture, 3, "def", "bad");
	pass_line(fixture, 4, "abc", "last");
	pass_line(fixture, 5, "def", "needles");
	expect_line(one, "a needle too", NULL);
	expect_line(one, "last", NULL);
	expect_line(bad, "bad", NULL);
	expect_line(some, "a needle", NULL);
	expect_line(some, "needles", NULL);
	leave(one);
	leave(bad);
	leave(some);
}

static void wrong_parameters_are_problems(void **state)
{
	http_expect_problem(*state, "/api/v1/stream/logs?level=loud", 400, "level", "none of");
	http_expect_problem(*state, "/api/v1/stream/logs?limit=1", 400, "limit", "no such");
	http_expect_problem(*state, "/api/v1/stream/logs?container=nope", 404, "container", "");
}

static void head_tells_the_type_and_ends(void **state)
{
	struct http_answer answer =
		http_raw(*state, "HEAD /api/v1/stream/logs HTTP/1.1\r\nHost: localhost\r\n"
				 "Connection: close\r\n\r\n");
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "text/event-stream; charset=utf-8");
	assert_int_equal(answer.len, 0);
	http_free(&answer);
}

/* ---- Coming back --------------------------------------------------------- */

static void who_comes_back_misses_none_and_gets_none_twice(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct client *client = follow(fixture, "/api/v1/stream/logs", NULL);
	pass_line(fixture, 5, "abc", "one");
	pass_line(fixture, 2, "def", "two"); /* another clock, or another way */
	expect_line(client, "one", id);
	expect_line(client, "two", NULL);
	leave(client);
	pass_line(fixture, 3, "def", "three");
	client = follow(fixture, "/api/v1/stream/logs", id);
	expect_line(client, "two", id);
	expect_line(client, "three", id);
	leave(client);
	client = follow(fixture, "/api/v1/stream/logs", id);
	pass_line(fixture, 1, "abc", "four");
	expect_line(client, "four", NULL);
	leave(client);
}

/* An id of an earlier process: its key is all that counts. */
static void make_id(struct http_fixture *fixture, int second, const char *message, char id[400])
{
	char old[400];
	struct client *client = follow(fixture, "/api/v1/stream/logs", NULL);
	pass_line(fixture, second, "abc", message);
	expect_line(client, message, old);
	leave(client);
	snprintf(id, 400, "00000001.7%s", strrchr(old, '.'));
}

static int set_up_stored(void **state)
{
	prepare(state);
	struct http_fixture *fixture = *state;
	store_line(fixture, 1, "abc", "one");
	store_line(fixture, 1, "def", "same time, after it");
	store_line(fixture, 2, "abc", "two");
	store_line(fixture, 3, "def", "three");
	http_start(fixture);
	return 0;
}

static void what_only_the_store_has_is_brought_first(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	pass_line(fixture, 3, "def", "three"); /* stored too, by now */
	pass_line(fixture, 4, "abc", "four");  /* not yet */
	struct client *client = follow(fixture, "/api/v1/stream/logs", id);
	expect_line(client, "same time, after it", NULL);
	expect_line(client, "two", NULL);
	expect_line(client, "three", NULL);
	expect_line(client, "four", NULL);
	pass_line(fixture, 5, "abc", "five");
	expect_line(client, "five", NULL);
	leave(client);
	client = follow(fixture, "/api/v1/stream/logs?container=db", id);
	expect_line(client, "same time, after it", NULL);
	expect_line(client, "three", id);
	leave(client);
	client = follow(fixture, "/api/v1/stream/logs", id);
	expect_line(client, "four", NULL);
	leave(client);
}

static void an_id_that_is_none_begins_anew_and_says_so(void **state)
{
	static const char *const ids[] = {"7",           "zz",   "00000001.5.AAAA",
					  "00000001.5.", "....", "-1"};
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 6; i++) {
		struct client *client = follow(fixture, "/api/v1/stream/logs", ids[i]);
		assert_int_equal(expect_lagged(client), 0);
		pass_line(fixture, 10 + i, "abc", "now");
		expect_line(client, "now", NULL);
		leave(client);
	}
}

static int set_up_many(void **state)
{
	char message[1000];
	prepare(state);
	struct http_fixture *fixture = *state;
	memset(message, 'x', sizeof(message));
	for (int i = 0; i < 100; i++) {
		snprintf(message, sizeof(message), "%0900d", i);
		store_line(fixture, 2 + i, "abc", message);
	}
	http_start(fixture);
	return 0;
}

static void of_too_much_the_newest_come_and_the_rest_is_counted(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	make_id(fixture, 1, "one", id);
	struct client *client = follow(fixture, "/api/v1/stream/logs", id);
	uint64_t missed = expect_lagged(client);
	assert_in_range(missed, 10, 90); /* 64 KiB hold about half */
	for (int i = (int)missed; i < 100; i++) {
		struct event event = next_event(client);
		assert_int_equal(strtol(text_of(&event, "message"), NULL, 10), i);
		json_decref(event.data);
	}
	leave(client);
}

static int set_up_readings(void **state)
{
	prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 5; i++) {
		http_add_stats(fixture, "alpha", "abc", "web", 50 - 10 * i, i, 0);
		http_add_stats(fixture, "alpha", "def", "db", 49 - 10 * i, 10 + i, 0);
	}
	fixture->config.live = HTTP_LIVE_STORE;
	http_start(fixture);
	return 0;
}

static void of_readings_the_newest_of_each_container_comes(void **state)
{
	struct http_fixture *fixture = *state;
	static const uint16_t types[] = {TALLY_TIME, TALLY_TEXT, TALLY_TEXT, TALLY_TEXT};
	struct tally_cell key[4];
	char id[400];
	tally_put_int(key, 0, at(-50));
	put_text(key, 1, "alpha");
	put_text(key, 2, "abc");
	put_text(key, 3, "web");
	char *cursor = cursor_write(types, key, 4);
	snprintf(id, sizeof(id), "00000001.1.%s", cursor);
	free(cursor);
	struct client *client = follow(fixture, "/api/v1/stream/stats", id);
	struct event event = next_event(client);
	assert_string_equal(event.name, "");
	assert_true(json_number_value(json_object_get(event.data, "cpu_percent")) == 4);
	json_decref(event.data);
	event = next_event(client);
	assert_true(json_number_value(json_object_get(event.data, "cpu_percent")) == 14);
	json_decref(event.data);
	leave(client);
}

/* ---- Slow and silent ----------------------------------------------------- */

static bool silence_is_broken(struct client *client)
{
	char text[100];
	read_to(client, "\n\n", text, sizeof(text));
	return strcmp(text, ":") == 0;
}

static int64_t monotonic(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * HTTP_SECOND + ts.tv_nsec;
}

static void a_silent_stream_says_that_it_lives(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *client = follow(fixture, "/api/v1/stream/events", NULL);
	fake_host_set_monotonic(fixture->host, monotonic() + 20 * HTTP_SECOND);
	assert_true(silence_is_broken(client));
	fake_host_set_monotonic(fixture->host, monotonic() + 40 * HTTP_SECOND);
	assert_true(silence_is_broken(client));
	leave(client);
	fake_host_set_monotonic(fixture->host, 0);
}

enum { FLOOD = 20000 };

static void flood(struct http_fixture *fixture)
{
	static char message[1000];
	memset(message, 'x', sizeof(message) - 1);
	for (int i = 0; i < FLOOD / 100; i++) {
		struct tally_batch *batch = new_batch(fixture, &logs_table);
		for (int k = 0; k < 100; k++) {
			struct tally_ctx *ctx = fake_host_ctx(fixture->host);
			fill_line(tally_batch_row(ctx, batch), 2, "abc",
				  tally_batch_copy(ctx, batch, message, sizeof(message)));
		}
		pass(fixture, batch);
	}
}

static void a_slow_client_is_told_how_much_it_missed(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *client = follow(fixture, "/api/v1/stream/logs", NULL);
	uint64_t got = 0, missed = 0;
	flood(fixture); /* 20 MB, of which the feed keeps one */
	pass_line(fixture, 9, "abc", "the end");
	for (;;) {
		struct event event = next_event(client);
		const char *message = text_of(&event, "message");
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
	leave(client);
}

static void an_event_larger_than_the_bound_is_missed(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *client = follow(fixture, "/api/v1/stream/logs", NULL);
	char *message = malloc(100001);
	memset(message, 'x', 100000);
	message[100000] = '\0';
	pass_line(fixture, 1, "abc", message);
	pass_line(fixture, 2, "abc", "small");
	assert_int_equal(expect_lagged(client), 1);
	expect_line(client, "small", NULL);
	leave(client);
	free(message);
}

static void there_are_only_so_many_streams(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *clients[32];
	for (int i = 0; i < 32; i++)
		clients[i] = follow(fixture, "/api/v1/stream/stats", NULL);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_STREAMS), 32);
	http_expect_problem(fixture, "/api/v1/stream/logs", 503, NULL, "max_streams");
	for (int i = 0; i < 32; i++)
		leave(clients[i]);
}

static void stopping_ends_open_streams(void **state)
{
	struct http_fixture *fixture = *state;
	struct client *clients[10];
	char rest[100];
	for (int i = 0; i < 10; i++)
		clients[i] = follow(fixture, "/api/v1/stream/logs", NULL);
	int64_t before = monotonic();
	tally_plugin()->stop(fixture->plugin);
	assert_true(monotonic() - before < 20 * HTTP_SECOND);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(recv(clients[i]->fd, rest, sizeof(rest), 0), 0);
		leave(clients[i]);
	}
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
}

/* They are noticed when something is sent to them in vain. */
static void clients_that_leave_make_room(void **state)
{
	struct http_fixture *fixture = *state;
	int64_t end = monotonic() + 30 * HTTP_SECOND;
	for (int i = 0; i < 32; i++)
		leave(follow(fixture, "/api/v1/stream/logs", NULL));
	while (fake_host_metric(fixture->host, HTTP_STREAMS) > 0 && monotonic() < end) {
		pass_line(fixture, 1, "abc", "is anybody there?");
		usleep(1000);
	}
	assert_int_equal(fake_host_metric(fixture->host, HTTP_STREAMS), 0);
}

/* ---- What comes out of the store ----------------------------------------- */

static int set_up_polled(void **state)
{
	prepare(state);
	struct http_fixture *fixture = *state;
	store_line(fixture, -10, "abc", "before anybody came");
	store_line(fixture, 1, "abc", "one");
	store_line(fixture, 2, "def", "two");
	fixture->config.live = HTTP_LIVE_AUTO;
	http_start(fixture);
	return 0;
}

static void where_no_rows_pass_the_store_is_asked(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct client *all = follow(fixture, "/api/v1/stream/logs", NULL);
	expect_line(all, "one", id);
	expect_line(all, "two", NULL);
	struct client *back = follow(fixture, "/api/v1/stream/logs", id);
	expect_line(back, "two", NULL);
	/* From the first row that passes on the store is left alone. */
	pass_line(fixture, 3, "abc", "three");
	expect_line(all, "three", NULL);
	expect_line(back, "three", NULL);
	leave(all);
	leave(back);
}

static unsigned queries_of(struct http_fixture *fixture, int clients)
{
	struct client *list[8];
	for (int i = 0; i < clients; i++)
		list[i] = follow(fixture, "/api/v1/stream/logs", NULL);
	unsigned before = fake_store_queries(fixture->store);
	while (fake_store_queries(fixture->store) < before + 2)
		usleep(1000);
	int64_t first = monotonic();
	while (fake_store_queries(fixture->store) < before + 4)
		usleep(1000);
	int64_t took = monotonic() - first;
	for (int i = 0; i < clients; i++)
		leave(list[i]);
	return (unsigned)(took / (HTTP_SECOND / 2));
}

static void however_many_follow_one_question_is_asked(void **state)
{
	/* Two more questions take two seconds, with eight clients as with one. */
	assert_true(queries_of(*state, 8) >= 3);
}

/* ---- What it makes old --------------------------------------------------- */

static int set_up_cached(void **state)
{
	static const struct tally_named_cache memory[] = {{.name = "memory"}, {.name = NULL}};
	prepare(state);
	struct http_fixture *fixture = *state;
	fixture->config.cache = memory;
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 3600 * HTTP_SECOND;
	http_start(fixture);
	return 0;
}

static void assert_cache(struct http_fixture *fixture, const char *said)
{
	struct http_answer answer = http_get(fixture, "/api/v1/containers");
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "X-Cache"), said);
	http_free(&answer);
}

static void what_happens_to_a_container_shows_at_once(void **state)
{
	struct http_fixture *fixture = *state;
	assert_cache(fixture, "miss");
	assert_cache(fixture, "hit");
	pass_line(fixture, 1, "abc", "no change");
	assert_cache(fixture, "hit");
	pass_event(fixture, 2, "die");
	assert_cache(fixture, "miss");
}

static int set_up_off(void **state)
{
	prepare(state);
	((struct http_fixture *)*state)->config.live = HTTP_LIVE_OFF;
	http_start(*state);
	return 0;
}

static void streams_can_be_switched_off(void **state)
{
	struct http_fixture *fixture = *state;
	pass_line(fixture, 1, "abc", "for nobody");
	http_expect_problem(fixture, "/api/v1/stream/logs", 404, NULL, "live = off");
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)
#define SERVED(test) WITH(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(a_row_that_passes_arrives_with_the_fields_of_its_list),
		SERVED(each_stream_shows_its_own),
		SERVED(the_filters_of_the_lists_hold),
		SERVED(wrong_parameters_are_problems),
		SERVED(head_tells_the_type_and_ends),
		SERVED(who_comes_back_misses_none_and_gets_none_twice),
		WITH(what_only_the_store_has_is_brought_first, set_up_stored),
		SERVED(an_id_that_is_none_begins_anew_and_says_so),
		WITH(of_too_much_the_newest_come_and_the_rest_is_counted, set_up_many),
		WITH(of_readings_the_newest_of_each_container_comes, set_up_readings),
		SERVED(a_silent_stream_says_that_it_lives),
		SERVED(a_slow_client_is_told_how_much_it_missed),
		SERVED(an_event_larger_than_the_bound_is_missed),
		SERVED(there_are_only_so_many_streams),
		SERVED(stopping_ends_open_streams),
		SERVED(clients_that_leave_make_room),
		WITH(where_no_rows_pass_the_store_is_asked, set_up_polled),
		WITH(however_many_follow_one_question_is_asked, set_up_polled),
		WITH(what_happens_to_a_container_shows_at_once, set_up_cached),
		WITH(streams_can_be_switched_off, set_up_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
