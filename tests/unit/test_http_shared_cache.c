/* Caches behind the memory: shared by two API plugins, damaged, slow, gone, and never trusted. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

#define LIST "/api/v1/containers"

/* ---- A cache ------------------------------------------------------------- */

enum { FAKE_CACHE_ENTRIES = 32 };

struct fake_cache {
	pthread_mutex_t lock;
	struct {
		char *key, *data;
		size_t len;
	} entries[FAKE_CACHE_ENTRIES];
	size_t n;
	int error;
	unsigned sets;
	/* What is published; NULL ends the connection. */
	int channel[2];
	atomic_uint messages; /* calls of the subscriber that have returned */
};

static int fake_cache_get(void *self, const char *key, struct tally_blob *ret)
{
	struct fake_cache *fake_cache = self;
	pthread_mutex_lock(&fake_cache->lock);
	int r = fake_cache->error ? fake_cache->error : -ENOENT;
	for (size_t i = 0; !fake_cache->error && i < fake_cache->n; i++) {
		if (strcmp(fake_cache->entries[i].key, key) != 0)
			continue;
		char *copy = malloc(fake_cache->entries[i].len + 1);
		memcpy(copy, fake_cache->entries[i].data, fake_cache->entries[i].len);
		*ret = (struct tally_blob){copy, fake_cache->entries[i].len, free, copy, NULL};
		r = 0;
	}
	pthread_mutex_unlock(&fake_cache->lock);
	return r;
}

static int fake_cache_put(struct fake_cache *fake_cache, const char *key, const void *data,
			  size_t len)
{
	size_t i = 0;
	pthread_mutex_lock(&fake_cache->lock);
	while (i < fake_cache->n && strcmp(fake_cache->entries[i].key, key) != 0)
		i++;
	assert_true(i < FAKE_CACHE_ENTRIES);
	if (i == fake_cache->n)
		fake_cache->entries[fake_cache->n++].key = strdup(key);
	free(fake_cache->entries[i].data);
	fake_cache->entries[i].data = malloc(len + 1);
	memcpy(fake_cache->entries[i].data, data, len);
	fake_cache->entries[i].len = len;
	pthread_mutex_unlock(&fake_cache->lock);
	return 0;
}

static int fake_cache_set(void *self, const char *key, const void *data, size_t len, int64_t ttl_ns)
{
	struct fake_cache *fake_cache = self;
	assert_true(ttl_ns > 0);
	pthread_mutex_lock(&fake_cache->lock);
	int error = fake_cache->error;
	fake_cache->sets++;
	pthread_mutex_unlock(&fake_cache->lock);
	return error ? error : fake_cache_put(fake_cache, key, data, len);
}

static void fake_cache_fail(struct fake_cache *fake_cache, int error)
{
	pthread_mutex_lock(&fake_cache->lock);
	fake_cache->error = error;
	pthread_mutex_unlock(&fake_cache->lock);
}

static int fake_cache_subscribe(void *self, const char *const *channels, int stop_fd,
				tally_message_fn *message, void *arg)
{
	struct fake_cache *fake_cache = self;
	struct pollfd fds[] = {{.fd = fake_cache->channel[0], .events = POLLIN},
			       {.fd = stop_fd, .events = POLLIN}};
	assert_string_equal(channels[0], "rows:container_events");
	for (;;) {
		const char *channel;
		char text[] = "{}";
		message(arg, NULL, NULL, 0);
		atomic_fetch_add(&fake_cache->messages, 1);
		assert_true(poll(fds, 2, -1) > 0);
		if (fds[1].revents)
			return -ECANCELED;
		assert_int_equal(read(fds[0].fd, &channel, sizeof(channel)), sizeof(channel));
		if (!channel)
			return -ECONNRESET;
		message(arg, channel, text, 2);
	}
}

static const struct tally_cache_ops fake_cache_ops = {
	.size = sizeof(fake_cache_ops), .get = fake_cache_get, .set = fake_cache_set};
static const struct tally_cache_ops fake_cache_with_channels = {
	.size = sizeof(fake_cache_with_channels),
	.get = fake_cache_get,
	.set = fake_cache_set,
	.subscribe = fake_cache_subscribe};

/* ---- Two APIs over it ---------------------------------------------------- */

struct pair {
	struct fake_cache fake_cache;
	struct tally_cache *cache, *with_channels; /* the same one */
	struct tally_named_cache shared[3], subscribed[3];
	struct http_fixture first, second;
};

static void prepare(struct pair *pair, struct http_fixture *fixture)
{
	http_prepare(fixture);
	http_add_container(fixture, "alpha", "abc1", "web1", "running");
	http_add_container(fixture, "alpha", "abc2", "web2", "exited");
	fixture->config.cache = pair->shared;
	fixture->config.cache_scope = "pair";
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 3600 * CLOCK_SECOND;
	fixture->config.cache_ttl_stats = 3600 * CLOCK_SECOND;
}

static int set_up(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	pthread_mutex_init(&pair->fake_cache.lock, NULL);
	pair->cache = fake_host_cache(&fake_cache_ops, &pair->fake_cache);
	pair->shared[0].name = "memory";
	pair->shared[1] = (struct tally_named_cache){"redis", pair->cache};
	assert_int_equal(pipe(pair->fake_cache.channel), 0);
	pair->with_channels = fake_host_cache(&fake_cache_with_channels, &pair->fake_cache);
	pair->subscribed[0].name = "memory";
	pair->subscribed[1] = (struct tally_named_cache){"redis", pair->with_channels};
	prepare(pair, &pair->first);
	prepare(pair, &pair->second);
	http_start(&pair->first);
	*state = pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;
	http_finish(&pair->first);
	http_finish(&pair->second);
	for (size_t i = 0; i < pair->fake_cache.n; i++) {
		free(pair->fake_cache.entries[i].key);
		free(pair->fake_cache.entries[i].data);
	}
	pthread_mutex_destroy(&pair->fake_cache.lock);
	close(pair->fake_cache.channel[0]);
	close(pair->fake_cache.channel[1]);
	fake_host_cache_free(pair->cache);
	fake_host_cache_free(pair->with_channels);
	free(pair);
	return 0;
}

static void stop_first(struct pair *pair)
{
	tally_plugin()->stop(pair->first.plugin);
	tally_plugin()->destroy(pair->first.plugin);
	pair->first.plugin = NULL;
}

static uint64_t counted(const struct http_fixture *fixture, enum http_level_result result)
{
	return fake_host_metric(fixture->host, HTTP_LEVEL_REQUESTS +
						       CACHE_CLASS_CONTAINERS * HTTP_LEVEL_RESULTS +
						       (uint32_t)result);
}

/* The same body from both, and from the second with that X-Cache. */
static void expect_same(struct pair *pair, const char *target, const char *origin)
{
	struct http_answer one = http_get(&pair->first, target);
	struct http_answer two = http_get(&pair->second, target);
	const char *is = http_header(&two, "X-Cache");
	assert_int_equal(one.status, two.status);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.body, two.body, one.len);
	if (strcmp(is, origin) != 0)
		fail_msg("X-Cache: %s instead of %s", is, origin);
	char etag[64];
	snprintf(etag, sizeof(etag), "%s", http_header(&one, "ETag"));
	assert_string_equal(http_header(&two, "ETag"), etag);
	http_free(&one);
	http_free(&two);
}

static void what_one_has_fetched_another_finds(void **state)
{
	struct pair *pair = *state;
	http_start(&pair->second);
	expect_same(pair, LIST "?limit=1", "hit");
	assert_int_equal(fake_store_queries(pair->second.store), 0);
	assert_int_equal(counted(&pair->first, HTTP_LEVEL_MISS), 1);
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_HIT), 1);
	struct http_answer answer = http_get(&pair->second, LIST "?limit=1");
	assert_non_null(http_header(&answer, "Link"));
	assert_string_equal(http_header(&answer, "Age"), "0");
	http_free(&answer);
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_HIT), 1); /* it is in memory now */
}

static void another_scope_is_another_world(void **state)
{
	struct pair *pair = *state;
	pair->second.config.cache_scope = "elsewhere";
	http_start(&pair->second);
	expect_same(pair, LIST, "miss");
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_MISS), 1);
}

/* Its store may be another one. */
static void without_a_scope_each_instance_has_answers_of_its_own(void **state)
{
	struct pair *pair = *state;
	stop_first(pair);
	pair->first.config.cache_scope = pair->second.config.cache_scope = NULL;
	fake_host_ctx(pair->second.host)->name = "output.http_api:b";
	http_start(&pair->first);
	http_start(&pair->second);
	expect_same(pair, LIST, "miss");
	assert_int_equal(pair->fake_cache.sets, 2);
	stop_first(pair);
	http_start(&pair->first); /* and finds them again */
	struct http_answer answer = http_get(&pair->first, LIST);
	assert_string_equal(http_header(&answer, "X-Cache"), "hit");
	http_free(&answer);
}

static void other_limits_are_another_answer(void **state)
{
	struct pair *pair = *state;
	pair->second.config.max_results_per_query = 1;
	http_start(&pair->second);
	struct http_answer first = http_get(&pair->first, LIST);
	struct http_answer second = http_get(&pair->second, LIST);
	assert_string_equal(http_header(&second, "X-Cache"), "miss");
	http_free(&first);
	http_free(&second);
}

static void only_good_answers_are_shared(void **state)
{
	struct pair *pair = *state;
	struct http_answer answer = http_get(&pair->first, LIST "/nobody");
	assert_int_equal(answer.status, 404);
	http_free(&answer);
	fake_store_fail(pair->first.store, -EIO);
	answer = http_get(&pair->first, LIST);
	assert_int_equal(answer.status, 503);
	http_free(&answer);
	assert_int_equal(pair->fake_cache.sets, 0);
}

static void what_is_damaged_is_refused_counted_and_replaced(void **state)
{
	struct pair *pair = *state;
	struct http_answer answer = http_get(&pair->first, LIST);
	http_free(&answer);
	assert_int_equal(pair->fake_cache.n, 1);
	pair->fake_cache.entries[0].data[pair->fake_cache.entries[0].len / 2] ^= 1;
	http_start(&pair->second);
	expect_same(pair, LIST, "miss");
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_REFUSED), 1);
	assert_int_equal(pair->fake_cache.sets, 2);
}

static void a_cache_that_fails_changes_no_answer(void **state)
{
	static const struct {
		int error;
		enum http_level_result result;
	} cases[] = {{-EIO, HTTP_LEVEL_ERROR},
		     {-EBUSY, HTTP_LEVEL_ERROR},
		     {-ETIMEDOUT, HTTP_LEVEL_TIMEOUT}};
	struct pair *pair = *state;
	char target[64];
	http_start(&pair->second);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		fake_cache_fail(&pair->fake_cache, cases[i].error);
		uint64_t before = counted(&pair->second, cases[i].result);
		snprintf(target, sizeof(target), LIST "?limit=%zu", i + 1);
		expect_same(pair, target, "miss");
		/* neither got nor set */
		assert_int_equal(counted(&pair->second, cases[i].result), before + 2);
	}
}

static bool is_origin(struct http_fixture *fixture, const char *origin)
{
	struct http_answer answer = http_get(fixture, LIST);
	bool is = strcmp(http_header(&answer, "X-Cache"), origin) == 0;
	http_free(&answer);
	return is;
}

/* ---- Clocks -------------------------------------------------------------- */

/* An event passes through both. */
static void pass_event(struct pair *pair)
{
	static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME}};
	static const struct tally_table events = {
		.name = "container_events", .columns = columns, .n_columns = 1, .kind = TALLY_LOG};
	struct http_fixture *fixtures[] = {&pair->first, &pair->second};
	for (int i = 0; i < 2; i++) {
		struct tally_ctx *ctx = fake_host_ctx(fixtures[i]->host);
		struct tally_batch *batch = tally_batch_new(ctx, &events);
		tally_put_int(tally_batch_row(ctx, batch), 0, HTTP_NOW);
		tally_plugin()->watcher->watch(fixtures[i]->plugin, batch);
		tally_batch_drop(ctx, batch);
	}
}

static void set_clocks(struct pair *pair, int64_t now, int64_t monotonic)
{
	fake_host_set_now(pair->first.host, now);
	fake_host_set_now(pair->second.host, now);
	fake_host_set_monotonic(pair->first.host, monotonic);
	fake_host_set_monotonic(pair->second.host, monotonic);
}

static void a_clock_that_is_set_back_does_not_end_sharing(void **state)
{
	struct pair *pair = *state;
	struct timespec ts;
	http_start(&pair->second);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	pass_event(pair);
	int64_t now = HTTP_NOW - 3600 * CLOCK_SECOND, later = (ts.tv_sec + 10) * CLOCK_SECOND;
	set_clocks(pair, now, later);
	struct http_answer answer = http_get(&pair->second, LIST "?limit=1");
	http_free(&answer);
	set_clocks(pair, now + CLOCK_SECOND, later + CLOCK_SECOND);
	expect_same(pair, LIST "?limit=2", "hit");
}

/* ---- Changes elsewhere --------------------------------------------------- */

static void publish(struct pair *pair, const char *channel)
{
	assert_int_equal(write(pair->fake_cache.channel[1], &channel, sizeof(channel)),
			 sizeof(channel));
}

/* The second has subscribed, and that is so long ago that its answers are cached for their TTL. */
static void start_subscribed(struct pair *pair)
{
	struct timespec ts;
	pair->second.config.cache = pair->subscribed;
	http_start(&pair->second);
	WAIT_UNTIL(atomic_load(&pair->fake_cache.messages) == 1);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	set_clocks(pair, HTTP_NOW + 10 * CLOCK_SECOND, (ts.tv_sec + 10) * CLOCK_SECOND);
}

static void a_change_elsewhere_shows_though_the_memory_is_fresh(void **state)
{
	struct pair *pair = *state;
	start_subscribed(pair);
	assert_true(is_origin(&pair->second, "miss"));
	assert_true(is_origin(&pair->second, "hit"));
	publish(pair, "rows:container_info"); /* nothing depends on it */
	WAIT_UNTIL(atomic_load(&pair->fake_cache.messages) == 2);
	assert_true(is_origin(&pair->second, "hit"));
	publish(pair, "rows:container_events");
	WAIT_UNTIL(atomic_load(&pair->fake_cache.messages) == 3);
	assert_true(is_origin(&pair->second, "miss"));
}

static void what_is_published_while_the_connection_is_lost_counts_as_a_change(void **state)
{
	struct pair *pair = *state;
	start_subscribed(pair);
	assert_true(is_origin(&pair->second, "miss"));
	publish(pair, NULL);
	WAIT_UNTIL(atomic_load(&pair->fake_cache.messages) == 2);
	assert_true(is_origin(&pair->second, "miss"));
}

static void what_was_shared_before_it_subscribed_is_not_taken(void **state)
{
	struct pair *pair = *state;
	assert_true(is_origin(&pair->first, "miss"));
	start_subscribed(pair);
	assert_true(is_origin(&pair->second, "miss"));
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_MISS), 1);
	expect_same(pair, LIST "?limit=1", "hit"); /* and what is shared since then is */
}

static void *get_the_list(void *fixture)
{
	struct http_answer answer = http_get(fixture, LIST);
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	return NULL;
}

/* The first one asks its store before the change and shares the answer after it. */
static void an_answer_that_a_change_overtakes_is_not_taken(void **state)
{
	struct pair *pair = *state;
	pthread_t getter;
	start_subscribed(pair);
	fake_store_hang(pair->first.store, true);
	assert_int_equal(pthread_create(&getter, NULL, get_the_list, &pair->first), 0);
	WAIT_UNTIL(fake_store_hanging(pair->first.store) == 1);
	fake_host_set_now(pair->first.host, HTTP_NOW + 11 * CLOCK_SECOND);
	fake_host_set_now(pair->second.host, HTTP_NOW + 11 * CLOCK_SECOND);
	publish(pair, "rows:container_events");
	WAIT_UNTIL(atomic_load(&pair->fake_cache.messages) == 2);
	fake_store_hang(pair->first.store, false);
	pthread_join(getter, NULL);
	assert_int_equal(pair->fake_cache.sets, 1);
	assert_true(is_origin(&pair->second, "miss"));
	assert_int_equal(counted(&pair->second, HTTP_LEVEL_MISS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_one_has_fetched_another_finds),
		TEST(another_scope_is_another_world),
		TEST(without_a_scope_each_instance_has_answers_of_its_own),
		TEST(other_limits_are_another_answer),
		TEST(only_good_answers_are_shared),
		TEST(what_is_damaged_is_refused_counted_and_replaced),
		TEST(a_cache_that_fails_changes_no_answer),
		TEST(a_clock_that_is_set_back_does_not_end_sharing),
		TEST(a_change_elsewhere_shows_though_the_memory_is_fresh),
		TEST(what_is_published_while_the_connection_is_lost_counts_as_a_change),
		TEST(what_was_shared_before_it_subscribed_is_not_taken),
		TEST(an_answer_that_a_change_overtakes_is_not_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
