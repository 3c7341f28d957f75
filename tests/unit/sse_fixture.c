/* As sse_fixture.h has it; asks as HTTP/1.0, so that no chunks stand between the events. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "logs/logs_table.h"
#include "docker_status/events_table.h"
#include "sse_fixture.h"
#include "test.h"

int sse_prepare(void **state)
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

int sse_set_up(void **state)
{
	sse_prepare(state);
	http_start(*state);
	return 0;
}

/* ---- Rows ---------------------------------------------------------------- */

int64_t sse_at(int second)
{
	return HTTP_NOW + second * CLOCK_SECOND;
}

void sse_put_text(struct tally_cell *row, uint32_t column, const char *text)
{
	tally_put_text_borrowed(row, column, text, strlen(text));
}

struct tally_batch *sse_batch(struct http_fixture *fixture, const struct tally_table *table)
{
	struct tally_batch *batch = tally_batch_new(fake_host_ctx(fixture->host), table);
	assert_non_null(batch);
	return batch;
}

void sse_pass(struct http_fixture *fixture, struct tally_batch *batch)
{
	tally_plugin()->watcher->watch(fixture->plugin, batch);
	tally_batch_drop(fake_host_ctx(fixture->host), batch);
}

void sse_fill_line(struct tally_cell *row, int second, const char *id, const char *message)
{
	tally_put_int(row, LOGS_TIME, sse_at(second));
	sse_put_text(row, LOGS_HOST, "alpha");
	sse_put_text(row, LOGS_CONTAINER_ID, id);
	sse_put_text(row, LOGS_NAME, strcmp(id, "abc") == 0 ? "web" : "db");
	sse_put_text(row, LOGS_STREAM, "stdout");
	sse_put_text(row, LOGS_MESSAGE, message);
	sse_put_text(row, LOGS_LEVEL, strstr(message, "bad") ? "error" : "info");
	tally_put_int(row, LOGS_SEQUENCE, 0);
}

void sse_pass_line(struct http_fixture *fixture, int second, const char *id, const char *message)
{
	struct tally_batch *batch = sse_batch(fixture, &logs_table);
	sse_fill_line(tally_batch_row(fake_host_ctx(fixture->host), batch), second, id, message);
	sse_pass(fixture, batch);
}

void sse_store_line(struct http_fixture *fixture, int second, const char *id, const char *message)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_logs");
	fake_store_int(store, row, "time", sse_at(second));
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "container_id", id);
	fake_store_text(store, row, "name", strcmp(id, "abc") == 0 ? "web" : "db");
	fake_store_text(store, row, "stream", "stdout");
	fake_store_text(store, row, "message", message);
	fake_store_text(store, row, "level", "info");
	fake_store_int(store, row, "sequence", 0);
}

void sse_pass_event(struct http_fixture *fixture, int second, const char *action)
{
	struct tally_batch *batch = sse_batch(fixture, &events_table);
	struct tally_cell *row = tally_batch_row(fake_host_ctx(fixture->host), batch);
	tally_put_int(row, EVENTS_TIME, sse_at(second));
	sse_put_text(row, EVENTS_HOST, "alpha");
	sse_put_text(row, EVENTS_CONTAINER_ID, "abc");
	sse_put_text(row, EVENTS_ACTION, action);
	sse_put_text(row, EVENTS_NAME, "web");
	sse_pass(fixture, batch);
}

/* ---- A client ------------------------------------------------------------ */

/* As HTTP/1.0, so that no chunks stand between the events. */
struct sse_client *sse_ask(const struct http_fixture *fixture, const char *target, const char *last)
{
	struct sse_client *client = malloc(sizeof(*client));
	const struct timeval limit = {.tv_sec = 30};
	char request[1000];
	client->fd = http_connect(fixture);
	client->len = 0;
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n%s%s\r\n\r\n",
		 target, last ? "Last-Event-ID: " : "", last ? last : "");
	http_send(client->fd, request, strlen(request));
	return client;
}

void sse_read_to(struct sse_client *client, const char *end, char *ret, size_t size)
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

static void expect_stream(struct sse_client *client)
{
	char head[2000];
	sse_read_to(client, "\r\n\r\n", head, sizeof(head));
	assert_non_null(strstr(head, " 200 "));
	assert_non_null(strstr(head, "Content-Type: text/event-stream"));
	assert_non_null(strstr(head, "Cache-Control: no-store"));
}

void sse_open(struct sse_client *client)
{
	char text[20];
	expect_stream(client);
	sse_read_to(client, "\n\n", text, sizeof(text));
	assert_string_equal(text, "retry: 2000");
}

struct sse_client *sse_follow(const struct http_fixture *fixture, const char *target,
			      const char *last)
{
	struct sse_client *client = sse_ask(fixture, target, last);
	sse_open(client);
	return client;
}

void sse_leave(struct sse_client *client)
{
	close(client->fd);
	free(client);
}

struct sse_event sse_next(struct sse_client *client)
{
	static char text[256 << 10];
	struct sse_event event = {.data = NULL};
	char *rest;
	int beats = 0;
	do
		sse_read_to(client, "\n\n", text, sizeof(text));
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

const char *sse_text(const struct sse_event *event, const char *field)
{
	return json_string_value(json_object_get(event->data, field));
}

void sse_expect_line(struct sse_client *client, const char *message, char ret_id[400])
{
	struct sse_event event = sse_next(client);
	const char *said = sse_text(&event, "message");
	if (!said || strcmp(said, message) != 0)
		fail_msg("%s: \"%s\" instead of \"%s\"", event.name, said ? said : "-", message);
	assert_true(event.id[0]);
	if (ret_id)
		memcpy(ret_id, event.id, sizeof(event.id));
	json_decref(event.data);
}

uint64_t sse_expect_lagged(struct sse_client *client)
{
	struct sse_event event = sse_next(client);
	assert_string_equal(event.name, "lagged");
	uint64_t missed = (uint64_t)json_integer_value(json_object_get(event.data, "missed"));
	json_decref(event.data);
	return missed;
}

int64_t sse_monotonic(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * CLOCK_SECOND + ts.tv_nsec;
}

void sse_expect_excuse(const struct http_fixture *fixture, const char *target, const char *last,
		       const char *detail)
{
	struct sse_client *client = sse_ask(fixture, target, last);
	static const char begin[] = "retry: 2000\n: ";
	char rest[2000];
	expect_stream(client);
	sse_read_to(client, "\n\n", rest, sizeof(rest));
	assert_memory_equal(rest, begin, sizeof(begin) - 1);
	json_t *problem = json_loads(rest + sizeof(begin) - 1, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(problem, "status")), 503);
	if (!strstr(json_string_value(json_object_get(problem, "detail")), detail))
		fail_msg("%s does not say %s", rest, detail);
	json_decref(problem);
	assert_int_equal(client->len, 0);
	assert_int_equal(recv(client->fd, rest, sizeof(rest), 0), 0);
	sse_leave(client);
}
