/* Where no rows pass, streams hear what workers publish on the channels of a cache. */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sse_fixture.h"
#include "test.h"
#include "waiting.h"

#define LOGS "/api/v1/stream/logs"

/* A cache whose channels carry what a test says; a message of NULL ends the connection. */
struct fake_cache {
	int pipe[2];
	atomic_uint subscribers;   /* so far */
	atomic_bool has_logs_only; /* what was asked for last */
};

static struct fake_cache fake_cache;

static int fake_cache_subscribe(void *self, const char *const *channels, int stop_fd,
				tally_message_fn *message, void *arg)
{
	struct pollfd fds[] = {{.fd = fake_cache.pipe[0], .events = POLLIN},
			       {.fd = stop_fd, .events = POLLIN}};
	(void)self;
	if (channels[1] && strcmp(channels[1], "rows:docker_images") == 0)
		return -ENOTSUP; /* the cache, which would take messages away from the streams */
	atomic_store(&fake_cache.has_logs_only,
		     strcmp(channels[0], "rows:container_logs") == 0 && !channels[1]);
	atomic_fetch_add(&fake_cache.subscribers, 1);
	for (;;) {
		char *text;
		message(arg, NULL, NULL, 0);
		assert_true(poll(fds, 2, -1) > 0);
		if (fds[1].revents)
			return -ECANCELED;
		assert_int_equal(read(fake_cache.pipe[0], &text, sizeof(text)), sizeof(text));
		if (!text)
			return -ECONNRESET;
		message(arg, "rows:container_logs", text, strlen(text));
		free(text);
	}
}

static int fake_cache_get(void *self, const char *key, struct tally_blob *ret)
{
	(void)self;
	(void)key;
	(void)ret;
	return -ENOENT;
}

static const struct tally_cache_ops fake_cache_ops = {
	.size = sizeof(fake_cache_ops), .get = fake_cache_get, .subscribe = fake_cache_subscribe};

static void say(const char *text)
{
	char *copy = text ? strdup(text) : NULL;
	assert_int_equal(write(fake_cache.pipe[1], &copy, sizeof(copy)), sizeof(copy));
}

static void say_line(int second, const char *message)
{
	char text[400];
	snprintf(text, sizeof(text),
		 "{\"time\":\"2026-01-01T12:00:%02dZ\",\"host\":\"alpha\",\"container_id\":\"abc\","
		 "\"name\":\"web\",\"stream\":\"stdout\",\"message\":\"%s\",\"level\":null,"
		 "\"sequence\":0,\"new\":{\"a\":[1]}}",
		 second, message);
	say(text);
}

/* What the store has of `lines` when the daemon starts. */
enum { LINES = 3000, STORED = 2000 };

static void store_line_at(struct http_fixture *fixture, int i)
{
	char message[80];
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_logs");
	snprintf(message, sizeof(message), "line %d", i);
	fake_store_int(store, row, "time", sse_at(2) + i * 1000);
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "container_id", "abc");
	fake_store_text(store, row, "name", "web");
	fake_store_text(store, row, "stream", "stdout");
	fake_store_text(store, row, "message", message);
	fake_store_text(store, row, "level", "info");
	fake_store_int(store, row, "sequence", 0);
}

static int set_up_with(void **state, int n_stored)
{
	static struct tally_named_cache caches[3] = {{.name = "memory"}, {.name = "redis"}};
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	assert_int_equal(pipe(fake_cache.pipe), 0);
	atomic_store(&fake_cache.subscribers, 0);
	caches[1].cache = fake_host_cache(&fake_cache_ops, NULL);
	fixture->config.cache = caches;
	fixture->config.cache_size = 1 << 20;
	fixture->config.live = HTTP_LIVE_AUTO;
	sse_store_line(fixture, 1, "abc", "stored");
	for (int i = 0; i < n_stored; i++)
		store_line_at(fixture, i);
	http_start(fixture);
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, 0);
}

static int set_up_stored(void **state)
{
	return set_up_with(state, STORED);
}

static int tear_down(void **state)
{
	struct tally_cache *cache = ((struct http_fixture *)*state)->config.cache[1].cache;
	http_tear_down(state);
	fake_host_cache_free(cache);
	close(fake_cache.pipe[0]);
	close(fake_cache.pipe[1]);
	return 0;
}

static void wait_for(struct http_fixture *fixture, uint32_t metric, uint64_t value)
{
	WAIT_UNTIL(fake_host_metric(fixture->host, metric) == value);
}

/* Its first line comes from the store, so that the columns are known. */
static struct sse_client *open_subscribed_stream(struct http_fixture *fixture)
{
	struct sse_client *client = sse_follow(fixture, LOGS, NULL);
	sse_expect_line(client, "stored", NULL);
	wait_for(fixture, HTTP_STREAM_SUBSCRIBED, 1);
	return client;
}

static void a_published_row_is_shown_once(void **state)
{
	struct sse_client *client = open_subscribed_stream(*state);
	assert_true(atomic_load(&fake_cache.has_logs_only));
	say_line(1, "stored");
	say_line(2, "one");
	say_line(2, "one");
	say_line(3, "two");
	sse_expect_line(client, "one", NULL);
	sse_expect_line(client, "two", NULL);
	sse_leave(client);
}

static void a_row_older_than_half_a_minute_is_not_shown(void **state)
{
	struct sse_client *client = open_subscribed_stream(*state);
	say("{\"time\":\"2026-01-01T11:59:29Z\",\"message\":\"long ago\"}");
	say_line(2, "now");
	sse_expect_line(client, "now", NULL);
	sse_leave(client);
}

static void a_message_that_is_no_row_is_counted(void **state)
{
	static const char *const garbage[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"time\":null}",
		"{\"time\":12}",
		"{\"time\":\"2026-01-01\"}",
		"{\"time\":\"2026-01-01T12:00:02Z\"}}",
		"{\"time\":\"2026-01-01T12:00:02Z\",\"host\":{}}",
		"{\"time\":\"2026-01-01T12:00:02Z\",\"sequence\":\"1\"}",
		"{\"time\":\"2026-01-01T12:00:02Z\",\"host\":\"a\",\"host\":\"b\"}",
	};
	struct sse_client *client = open_subscribed_stream(*state);
	for (size_t i = 0; i < sizeof(garbage) / sizeof(*garbage); i++)
		say(garbage[i]);
	say_line(2, "good");
	sse_expect_line(client, "good", NULL);
	wait_for(*state, HTTP_STREAM_REFUSED, sizeof(garbage) / sizeof(*garbage));
	sse_leave(client);
}

static void a_lost_connection_is_replaced(void **state)
{
	struct sse_client *client = open_subscribed_stream(*state);
	char id[400];
	for (unsigned i = 2; i < 4; i++) {
		say_line((int)i, "published");
		sse_expect_line(client, "published", id);
		say(NULL);
		WAIT_UNTIL(atomic_load(&fake_cache.subscribers) >= i);
	}
	wait_for(*state, HTTP_STREAM_SUBSCRIBED, 1);
	sse_leave(client);
	say_line(4, "while it was away");
	client = sse_follow(*state, LOGS, id);
	sse_expect_line(client, "while it was away", NULL);
	sse_leave(client);
}

/* More than may wait for the poll that comes first: the store has what was published before it. */
static void rows_that_may_not_wait_come_in_their_order(void **state)
{
	struct sse_client *client = open_subscribed_stream(*state);
	char text[400], message[80];
	for (int i = 0; i < LINES; i++) {
		snprintf(message, sizeof(message), "line %d", i);
		snprintf(text, sizeof(text),
			 "{\"time\":\"2026-01-01T12:00:02.%06dZ\",\"host\":\"alpha\","
			 "\"container_id\":\"abc\",\"name\":\"web\",\"stream\":\"stdout\","
			 "\"message\":\"%s\",\"level\":\"info\",\"sequence\":0}",
			 i, message);
		say(text);
	}
	for (int i = 0; i < LINES; i++) {
		snprintf(message, sizeof(message), "line %d", i);
		sse_expect_line(client, message, NULL);
	}
	sse_leave(client);
}

static void once_rows_pass_nothing_is_subscribed(void **state)
{
	struct sse_client *client = open_subscribed_stream(*state);
	sse_pass_line(*state, 2, "abc", "passes");
	sse_expect_line(client, "passes", NULL);
	wait_for(*state, HTTP_STREAM_SUBSCRIBED, 0);
	sse_leave(client);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_published_row_is_shown_once),
		TEST(a_row_older_than_half_a_minute_is_not_shown),
		TEST(a_message_that_is_no_row_is_counted),
		TEST(a_lost_connection_is_replaced),
		cmocka_unit_test_setup_teardown(rows_that_may_not_wait_come_in_their_order,
						set_up_stored, tear_down),
		TEST(once_rows_pass_nothing_is_subscribed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
