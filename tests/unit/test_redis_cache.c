/* Redis as a cache: what it keeps, and what it costs when it does not answer. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis_fixture.h"
#include "test.h"
#include "waiting.h"

static int get(struct redis_fixture *fixture, const char *key, struct tally_blob *ret)
{
	return tally_plugin()->cache->get(fixture->plugin, key, ret);
}

static int set(struct redis_fixture *fixture, const char *key, const char *value)
{
	return tally_plugin()->cache->set(fixture->plugin, key, value, strlen(value),
					  60 * CLOCK_SECOND);
}

static void expect(struct redis_fixture *fixture, const char *key, const char *value)
{
	struct tally_blob blob;
	assert_int_equal(get(fixture, key, &blob), 0);
	assert_int_equal(blob.len, strlen(value));
	assert_memory_equal(blob.data, value, blob.len);
	blob.release(blob.owner);
}

static void what_is_set_is_got(void **state)
{
	struct tally_blob blob;
	assert_int_equal(get(*state, "k", &blob), -ENOENT);
	assert_int_equal(set(*state, "k", "a\r\nvalue"), 0);
	expect(*state, "k", "a\r\nvalue");
	redis_expect(*state, "a\r\nvalue", "GET tally:v1:cache:k");
	redisReply *reply = redis_ask(*state, "PTTL tally:v1:cache:k");
	assert_in_range(reply->integer, 30 * 1000, 60 * 1000);
	freeReplyObject(reply);
}

static void a_value_that_is_too_long_is_not_set(void **state)
{
	char *value = calloc(1, REDIS_MAX_VALUE + 1);
	memset(value, 'x', REDIS_MAX_VALUE);
	assert_int_equal(set(*state, "k", value), -E2BIG);
	value[REDIS_MAX_VALUE - 1000] = '\0';
	assert_int_equal(set(*state, "k", value), 0);
	expect(*state, "k", value);
	free(value);
}

static void another_type_under_the_key_is_an_error(void **state)
{
	struct tally_blob blob;
	redisReply *reply = redis_ask(*state, "HSET tally:v1:cache:k a b");
	freeReplyObject(reply);
	assert_int_equal(get(*state, "k", &blob), -EPROTO);
	assert_int_equal(set(*state, "other", "x"), 0); /* and the link is as good as before */
}

static void *ask_often(void *arg)
{
	struct redis_fixture *fixture = arg;
	char key[32];
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "k%d", i % 7);
		assert_int_equal(set(fixture, key, key), 0);
		expect(fixture, key, key);
	}
	return NULL;
}

static void more_threads_than_links_all_get_their_own_answers(void **state)
{
	pthread_t threads[24];
	for (size_t i = 0; i < 24; i++)
		pthread_create(&threads[i], NULL, ask_often, *state);
	for (size_t i = 0; i < 24; i++)
		pthread_join(threads[i], NULL);
	assert_true(fake_host_metric(((struct redis_fixture *)*state)->host, REDIS_CONNECTS) <= 17);
}

static bool answers(void *arg)
{
	return set(arg, "k", "x") == 0;
}

static void after_a_late_answer_redis_is_left_alone_and_then_asked_again(void **state)
{
	struct redis_fixture *fixture = *state;
	struct tally_blob blob;
	assert_int_equal(set(fixture, "k", "x"), 0);
	redis_signal(SIGSTOP);
	fixture->config.cache_timeout = CLOCK_SECOND / 20;
	int late = get(fixture, "k", &blob);
	fixture->config.cache_timeout = 30 * CLOCK_SECOND; /* which a second one would take */
	int resting = get(fixture, "k", &blob);
	uint64_t available = fake_host_metric(fixture->host, REDIS_CACHE_AVAILABLE);
	redis_signal(SIGCONT);
	assert_int_equal(late, -ETIMEDOUT);
	assert_int_equal(resting, -EBUSY);
	assert_int_equal(available, 0);
	WAIT_UNTIL(answers(fixture));
	expect(fixture, "k", "x");
}

/* A connection that the server has closed while it was idle is no failure. */
static void idle_links_that_were_closed_are_replaced(void **state)
{
	struct redis_fixture *fixture = *state;
	assert_int_equal(set(fixture, "k", "x"), 0);
	freeReplyObject(redis_ask(fixture, "CLIENT KILL TYPE normal"));
	expect(fixture, "k", "x");
	assert_int_equal(fake_host_metric(fixture->host, REDIS_CACHE_AVAILABLE), 1);
}

/* What its host's name points to may be another one by then. */
static bool is_gone(void *fixture)
{
	return !redis_is_available(fixture);
}

/* As in a worker, which only publishes. */
static void a_redis_that_is_gone_is_logged_though_nobody_asks(void **state)
{
	struct redis_fixture *fixture = *state;
	redis_signal(SIGSTOP);
	bool gone = WAITED_FOR(is_gone(fixture));
	redis_signal(SIGCONT);
	assert_true(gone);
	assert_non_null(
		strstr(fake_host_log(fixture->host, TALLY_ERROR), "the cache is unavailable"));
	WAIT_UNTIL(redis_is_available(fixture));
	assert_non_null(
		strstr(fake_host_log(fixture->host, TALLY_NOTICE), "the cache is available again"));
}

static void a_redis_that_takes_no_writes_is_connected_to_again(void **state)
{
	struct redis_fixture *fixture = *state;
	assert_int_equal(set(fixture, "k", "x"), 0);
	redis_expect(fixture, "OK", "REPLICAOF 127.0.0.1 1");
	uint64_t before = fake_host_metric(fixture->host, REDIS_CONNECTS);
	assert_int_equal(set(fixture, "k", "y"), -EPROTO);
	assert_non_null(strstr(tally_reason(fixture->ctx), "READONLY"));
	redis_expect(fixture, "OK", "REPLICAOF NO ONE");
	WAIT_UNTIL(answers(fixture));
	assert_true(fake_host_metric(fixture->host, REDIS_CONNECTS) > before);
}

static void *ask(void *arg)
{
	struct tally_blob blob;
	if (get(arg, "k", &blob) == 0)
		blob.release(blob.owner);
	return NULL;
}

/* The writer's, the cache's and the test's own. */
static bool three_are_connected(void *arg)
{
	redisReply *reply = redis_ask(arg, "CLIENT LIST TYPE normal");
	int n = 0;
	for (const char *at = reply->str; (at = strchr(at, '\n')); at++)
		n++;
	freeReplyObject(reply);
	return n == 3;
}

/* One waits for its answer and another for a link of its own, when the first gives up. */
static void a_link_that_was_being_opened_at_a_failure_is_closed(void **state)
{
	struct redis_fixture *fixture = *state;
	pthread_t threads[2];
	assert_int_equal(set(fixture, "k", "x"), 0);
	assert_true(three_are_connected(fixture));
	redis_signal(SIGSTOP);
	fixture->config.cache_timeout = CLOCK_SECOND;
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, ask, fixture);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	redis_signal(SIGCONT);
	WAIT_UNTIL(answers(fixture));
	WAIT_UNTIL(three_are_connected(fixture));
}

static void a_cache_that_rests_can_be_stopped(void **state)
{
	struct redis_fixture *fixture = redis_prepare();
	struct tally_blob blob;
	(void)state;
	assert_int_equal(redis_begin(fixture), 0);
	WAIT_UNTIL(redis_is_available(fixture));
	redis_signal(SIGSTOP);
	fixture->config.cache_timeout = 1;
	int r = get(fixture, "k", &blob);
	tally_plugin()->stop(fixture->plugin);
	redis_signal(SIGCONT);
	tally_plugin()->destroy(fixture->plugin);
	fixture->plugin = NULL;
	redis_finish(fixture);
	assert_int_equal(r, -ETIMEDOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, redis_set_up, redis_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_set_is_got),
		TEST(a_value_that_is_too_long_is_not_set),
		TEST(another_type_under_the_key_is_an_error),
		TEST(more_threads_than_links_all_get_their_own_answers),
		TEST(after_a_late_answer_redis_is_left_alone_and_then_asked_again),
		TEST(idle_links_that_were_closed_are_replaced),
		TEST(a_redis_that_is_gone_is_logged_though_nobody_asks),
		TEST(a_redis_that_takes_no_writes_is_connected_to_again),
		TEST(a_link_that_was_being_opened_at_a_failure_is_closed),
		TEST(a_cache_that_rests_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
