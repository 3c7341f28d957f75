#include "http_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

#define COLUMN(n, u, t, r)                                                                         \
	{                                                                                          \
		.name = n, .unit = u, .type = TALLY_##t, .role = TALLY_##r                         \
	}
#define COLUMNS(list) .columns = list, .n_columns = sizeof(list) / sizeof(*(list))

static const struct tally_column info_columns[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG),
	COLUMN("name", NULL, TEXT, FIELD),
	COLUMN("image", NULL, TEXT, FIELD),
	COLUMN("state", NULL, TEXT, FIELD),
	COLUMN("health", NULL, TEXT, FIELD),
	COLUMN("labels", NULL, JSON, FIELD),
	COLUMN("compose_project", NULL, TEXT, FIELD),
	COLUMN("compose_service", NULL, TEXT, FIELD),
	COLUMN("service", NULL, TEXT, FIELD),
	COLUMN("oom_killed", NULL, BOOL, FIELD),
	COLUMN("created", NULL, TIME, FIELD),
	COLUMN("gone_at", NULL, TIME, GONE),
};
static const struct tally_column stats_columns[] = {
	COLUMN("time", NULL, TIME, FIELD),
	COLUMN("host", NULL, TEXT, TAG),
	COLUMN("container_id", NULL, TEXT, TAG),
	COLUMN("name", NULL, TEXT, TAG),
	COLUMN("cpu_percent", "percent", REAL, FIELD),
	COLUMN("mem_used_bytes", "bytes", INT, FIELD),
	COLUMN("net_rx_bytes", "bytes", INT, COUNTER),
	COLUMN("net_tx_bytes", "bytes", INT, COUNTER),
};
static const struct tally_column note_columns[] = {
	COLUMN("time", NULL, TIME, FIELD), COLUMN("author", NULL, TEXT, TAG),
	COLUMN("number", NULL, INT, ORDER), COLUMN("text", NULL, TEXT, FIELD)};

static const struct tally_table info_table = {
	.name = "container_info", .kind = TALLY_STATE, COLUMNS(info_columns)};
static const struct tally_table stats_table = {
	.name = "container_stats", .kind = TALLY_SERIES, COLUMNS(stats_columns)};
static const struct tally_table note_table = {.name = "notes",
					      .help = "What a third party keeps",
					      .kind = TALLY_LOG,
					      COLUMNS(note_columns)};

void http_prepare(struct http_fixture *fixture)
{
	*fixture = (struct http_fixture){.host = fake_host_create("output.http_api"),
					 .store = fake_store_create()};
	fake_store_table(fixture->store, &info_table);
	fake_store_table(fixture->store, &stats_table);
	fake_store_table(fixture->store, &note_table);
	fake_host_set_now(fixture->host, HTTP_NOW);
	fixture->config = (struct http_config){
		.listen = "127.0.0.1:0",
		.store = fake_host_store(fixture->host, fake_store_reader(), fixture->store),
		.max_query_range_days = 30,
		.max_results_per_query = 10000,
		.session_life = CLOCK_HOUR,
		.session_idle = 10 * CLOCK_MINUTE,
		.query_timeout = 5 * CLOCK_SECOND,
		.search_time = 4 * CLOCK_SECOND,
		.client_timeout = 30 * CLOCK_SECOND,
		.threads = 2,
		.max_connections = 64,
		.max_connections_per_address = 64,
		.live_memory = 1 << 20,
		.live_client_memory = 64 << 10,
		.live_heartbeat = 15 * CLOCK_SECOND,
		.max_streams = 32,
	};
}

void http_start(struct http_fixture *fixture)
{
	const struct tally_plugin *plugin = tally_plugin();
	struct tally_ctx *ctx = fake_host_ctx(fixture->host);
	assert_int_equal(plugin->create(ctx, &fixture->config, &fixture->plugin), 0);
	assert_int_equal(plugin->start(fixture->plugin), 0);
	const char *log = fake_host_log(fixture->host, TALLY_NOTICE);
	const char *colon = strrchr(log, ':');
	assert_non_null(colon);
	fixture->port = (int)strtol(colon + 1, NULL, 10);
	assert_true(fixture->port > 0);
}

void http_finish(struct http_fixture *fixture)
{
	if (fixture->plugin) {
		tally_plugin()->stop(fixture->plugin);
		tally_plugin()->destroy(fixture->plugin);
	}
	fake_host_store_free(fixture->config.store);
	fake_store_destroy(fixture->store);
	fake_host_destroy(fixture->host);
}

int http_tear_down(void **state)
{
	http_finish(*state);
	free(*state);
	return 0;
}

/* ---- Rows ---------------------------------------------------------------- */

static int64_t ago(int seconds)
{
	return HTTP_NOW - seconds * CLOCK_SECOND;
}

void http_add_container(struct http_fixture *fixture, const char *host, const char *id,
			const char *name, const char *state)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_info");
	char labels[256];
	snprintf(labels, sizeof(labels), "{\"app\":\"%s\",\"env\":\"prod\"}", name);
	fake_store_int(store, row, "time", ago(10));
	fake_store_text(store, row, "host", host);
	fake_store_text(store, row, "container_id", id);
	fake_store_text(store, row, "name", name);
	fake_store_text(store, row, "image", "nginx:1.25");
	fake_store_text(store, row, "state", strcmp(state, "gone") == 0 ? "removed" : state);
	fake_store_text(store, row, "labels", labels);
	fake_store_int(store, row, "oom_killed", 0);
	if (strcmp(state, "gone") == 0)
		fake_store_int(store, row, "gone_at", ago(60));
}

void http_add_stats(struct http_fixture *fixture, const char *host, const char *id,
		    const char *name, int age, double cpu, int64_t rx)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_stats");
	fake_store_int(store, row, "time", ago(age));
	fake_store_text(store, row, "host", host);
	fake_store_text(store, row, "container_id", id);
	fake_store_text(store, row, "name", name);
	fake_store_real(store, row, "cpu_percent", cpu);
	fake_store_int(store, row, "mem_used_bytes", 1000 + age);
	fake_store_int(store, row, "net_rx_bytes", rx);
}

void http_add_note(struct http_fixture *fixture, int age, const char *author, int64_t number,
		   const char *text)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "notes");
	fake_store_int(store, row, "time", ago(age));
	fake_store_text(store, row, "author", author);
	fake_store_int(store, row, "number", number);
	fake_store_text(store, row, "text", text);
}

/* ---- The client ---------------------------------------------------------- */

int http_connect(const struct http_fixture *fixture)
{
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons((in_port_t)fixture->port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const struct timeval limit = {.tv_sec = 10};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void http_send(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
		if (sent < 0)
			return; /* refused before all of it was read: the answer says so */
		text += sent;
		len -= (size_t)sent;
	}
}

static void answer_split(struct http_answer *answer, char *text, size_t len)
{
	char *end = memmem(text, len, "\r\n\r\n", 4);
	answer->head = text;
	if (!end)
		return;
	end[2] = '\0';
	answer->len = len - (size_t)(end + 4 - text);
	answer->body = malloc(answer->len + 1);
	assert_non_null(answer->body);
	memcpy(answer->body, end + 4, answer->len);
	answer->body[answer->len] = '\0';
	sscanf(text, "HTTP/1.%*d %d", &answer->status);
	const char *type = http_header(answer, "Content-Type");
	if (type && strstr(type, "json") && !strstr(type, "ndjson"))
		answer->json = json_loadb(answer->body, answer->len, JSON_REJECT_DUPLICATES, NULL);
}

struct http_answer http_read(int fd)
{
	struct http_answer answer = {.status = 0};
	size_t len = 0, size = 4096;
	char *text = malloc(size);
	for (;;) {
		assert_non_null(text);
		ssize_t got = recv(fd, text + len, size - len - 1, 0);
		if (got < 0 && errno != ECONNRESET)
			fail_msg("no answer in 10 s");
		if (got <= 0)
			break;
		len += (size_t)got;
		if (size - len < 2)
			text = realloc(text, size *= 2);
	}
	text[len] = '\0';
	answer_split(&answer, text, len);
	return answer;
}

struct http_answer http_raw(const struct http_fixture *fixture, const char *request)
{
	int fd = http_connect(fixture);
	http_send(fd, request, strlen(request));
	struct http_answer answer = http_read(fd);
	close(fd);
	return answer;
}

struct http_answer http_get(const struct http_fixture *fixture, const char *target)
{
	char *request = NULL;
	assert_true(asprintf(&request,
			     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			     target) > 0);
	struct http_answer answer = http_raw(fixture, request);
	free(request);
	return answer;
}

struct http_answer http_ok(void **state, const char *target)
{
	struct http_answer answer = http_get(*state, target);
	if (answer.status != 200)
		fail_msg("%s: %d %s", target, answer.status, answer.body ? answer.body : "");
	return answer;
}

void http_free(struct http_answer *answer)
{
	json_decref(answer->json);
	free(answer->head);
	free(answer->body);
	*answer = (struct http_answer){.status = 0};
}

const char *http_header(const struct http_answer *answer, const char *name)
{
	static _Thread_local char value[4096];
	char wanted[128];
	snprintf(wanted, sizeof(wanted), "\r\n%s: ", name);
	const char *at = strcasestr(answer->head, wanted);
	if (!at)
		return NULL;
	at += strlen(wanted);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
	return value;
}

void http_expect_problem(const struct http_fixture *fixture, const char *target, int status,
			 const char *parameter, const char *detail)
{
	struct http_answer answer = http_get(fixture, target);
	assert_int_equal(answer.status, status);
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "application/problem+json; charset=utf-8");
	assert_string_equal(http_header(&answer, "Cache-Control"), "no-store");
	assert_non_null(answer.json);
	assert_int_equal(json_integer_value(json_object_get(answer.json, "status")), status);
	assert_string_equal(json_string_value(json_object_get(answer.json, "type")), "about:blank");
	assert_true(strlen(json_string_value(json_object_get(answer.json, "title"))) > 0);
	if (parameter)
		assert_string_equal(json_string_value(json_object_get(answer.json, "parameter")),
				    parameter);
	else
		assert_null(json_object_get(answer.json, "parameter"));
	const char *said = json_string_value(json_object_get(answer.json, "detail"));
	if (!strstr(said, detail))
		fail_msg("\"%s\" does not say \"%s\"", said, detail);
	http_free(&answer);
}
