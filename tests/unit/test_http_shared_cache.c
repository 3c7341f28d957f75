/* Caches behind the memory: shared by two API plugins, damaged, slow, gone, and never believed. */
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

enum { SHELVES = 32 };

struct pantry {
	pthread_mutex_t lock;
	struct {
		char *key, *data;
		size_t len;
	} shelves[SHELVES];
	size_t n;
	int error;
	unsigned sets;
	/* What is published; NULL ends the connection. */
	int channel[2];
	atomic_uint heard; /* calls of the subscriber that have returned */
};

static int pantry_get(void *self, const char *key, struct tally_blob *ret)
{
	struct pantry *pantry = self;
	pthread_mutex_lock(&pantry->lock);
	int r = pantry->error ? pantry->error : -ENOENT;
	for (size_t i = 0; !pantry->error && i < pantry->n; i++) {
		if (strcmp(pantry->shelves[i].key, key) != 0)
			continue;
		char *copy = malloc(pantry->shelves[i].len + 1);
		memcpy(copy, pantry->shelves[i].data, pantry->shelves[i].len);
		*ret = (struct tally_blob){copy, pantry->shelves[i].len, free, copy};
		r = 0;
	}
	pthread_mutex_unlock(&pantry->lock);
	return r;
}

static int pantry_put(struct pantry *pantry, const char *key, const void *data, size_t len)
{
	size_t i = 0;
	pthread_mutex_lock(&pantry->lock);
	while (i < pantry->n && strcmp(pantry->shelves[i].key, key) != 0)
		i++;
	assert_true(i < SHELVES);
	if (i == pantry->n)
		pantry->shelves[pantry->n++].key = strdup(key);
	free(pantry->shelves[i].data);
	pantry->shelves[i].data = malloc(len + 1);
	memcpy(pantry->shelves[i].data, data, len);
	pantry->shelves[i].len = len;
	pthread_mutex_unlock(&pantry->lock);
	return 0;
}

static int pantry_set(void *self, const char *key, const void *data, size_t len, int64_t ttl_ns)
{
	struct pantry *pantry = self;
	assert_true(ttl_ns > 0);
	pthread_mutex_lock(&pantry->lock);
	int error = pantry->error;
	pantry->sets++;
	pthread_mutex_unlock(&pantry->lock);
	return error ? error : pantry_put(pantry, key, data, len);
}

static void pantry_fail(struct pantry *pantry, int error)
{
	pthread_mutex_lock(&pantry->lock);
	pantry->error = error;
	pthread_mutex_unlock(&pantry->lock);
}

static int pantry_subscribe(void *self, const char *const *channels, int stop_fd,
			    tally_message_fn *heard, void *arg)
{
	struct pantry *pantry = self;
	struct pollfd fds[] = {{.fd = pantry->channel[0], .events = POLLIN},
			       {.fd = stop_fd, .events = POLLIN}};
	assert_string_equal(channels[0], "rows:container_events");
	for (;;) {
		const char *channel;
		char text[] = "{}";
		heard(arg, NULL, NULL, 0);
		atomic_fetch_add(&pantry->heard, 1);
		assert_true(poll(fds, 2, -1) > 0);
		if (fds[1].revents)
			return -ECANCELED;
		assert_int_equal(read(fds[0].fd, &channel, sizeof(channel)), sizeof(channel));
		if (!channel)
			return -ECONNRESET;
		heard(arg, channel, text, 2);
	}
}

static const struct tally_cache_ops pantry_keeper = {
	.size = sizeof(pantry_keeper), .get = pantry_get, .set = pantry_set};
static const struct tally_cache_ops pantry_with_channels = {.size = sizeof(pantry_with_channels),
							 .get = pantry_get,
							 .set = pantry_set,
							 .subscribe = pantry_subscribe};

/* ---- Two APIs over it ---------------------------------------------------- */

struct house {
	struct pantry pantry;
	struct tally_cache *cache, *with_channels; /* the same one */
	struct tally_named_cache shared[3], subscribed[3];
	struct http_fixture first, second;
};

static void prepare(struct house *house, struct http_fixture *fixture)
{
	http_prepare(fixture);
	http_add_container(fixture, "alpha", "abc1", "web1", "running");
	http_add_container(fixture, "alpha", "abc2", "web2", "exited");
	fixture->config.cache = house->shared;
	fixture->config.cache_scope = "house";
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 3600 * CLOCK_SECOND;
	fixture->config.cache_ttl_stats = 3600 * CLOCK_SECOND;
}

static int set_up(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	pthread_mutex_init(&house->pantry.lock, NULL);
	house->cache = fake_host_cache(&pantry_keeper, &house->pantry);
	house->shared[0].name = "memory";
	house->shared[1] = (struct tally_named_cache){"redis", house->cache};
	assert_int_equal(pipe(house->pantry.channel), 0);
	house->with_channels = fake_host_cache(&pantry_with_channels, &house->pantry);
	house->subscribed[0].name = "memory";
	house->subscribed[1] = (struct tally_named_cache){"redis", house->with_channels};
	prepare(house, &house->first);
	prepare(house, &house->second);
	http_start(&house->first);
	*state = house;
	return 0;
}

static int tear_down(void **state)
{
	struct house *house = *state;
	http_finish(&house->first);
	http_finish(&house->second);
	for (size_t i = 0; i < house->pantry.n; i++) {
		free(house->pantry.shelves[i].key);
		free(house->pantry.shelves[i].data);
	}
	pthread_mutex_destroy(&house->pantry.lock);
	close(house->pantry.channel[0]);
	close(house->pantry.channel[1]);
	fake_host_cache_free(house->cache);
	fake_host_cache_free(house->with_channels);
	free(house);
	return 0;
}

static void stop_first(struct house *house)
{
	tally_plugin()->stop(house->first.plugin);
	tally_plugin()->destroy(house->first.plugin);
	house->first.plugin = NULL;
}

static uint64_t counted(const struct http_fixture *fixture, enum http_level_result result)
{
	return fake_host_metric(fixture->host, HTTP_LEVEL_REQUESTS +
						       CACHE_CLASS_CONTAINERS * HTTP_LEVEL_RESULTS +
						       (uint32_t)result);
}

/* The same body from both, and from the second with that X-Cache. */
static void expect_same(struct house *house, const char *target, const char *origin)
{
	struct http_answer one = http_get(&house->first, target);
	struct http_answer two = http_get(&house->second, target);
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
	struct house *house = *state;
	http_start(&house->second);
	expect_same(house, LIST "?limit=1", "hit");
	assert_int_equal(fake_store_queries(house->second.store), 0);
	assert_int_equal(counted(&house->first, HTTP_LEVEL_MISS), 1);
	assert_int_equal(counted(&house->second, HTTP_LEVEL_HIT), 1);
	struct http_answer answer = http_get(&house->second, LIST "?limit=1");
	assert_non_null(http_header(&answer, "Link"));
	assert_string_equal(http_header(&answer, "Age"), "0");
	http_free(&answer);
	assert_int_equal(counted(&house->second, HTTP_LEVEL_HIT), 1); /* it is in memory now */
}

static void another_scope_is_another_world(void **state)
{
	struct house *house = *state;
	house->second.config.cache_scope = "elsewhere";
	http_start(&house->second);
	expect_same(house, LIST, "miss");
	assert_int_equal(counted(&house->second, HTTP_LEVEL_MISS), 1);
}

/* Its store may be another one. */
static void without_a_scope_each_instance_has_answers_of_its_own(void **state)
{
	struct house *house = *state;
	stop_first(house);
	house->first.config.cache_scope = house->second.config.cache_scope = NULL;
	fake_host_ctx(house->second.host)->name = "output.http_api:b";
	http_start(&house->first);
	http_start(&house->second);
	expect_same(house, LIST, "miss");
	assert_int_equal(house->pantry.sets, 2);
	stop_first(house);
	http_start(&house->first); /* and finds them again */
	struct http_answer answer = http_get(&house->first, LIST);
	assert_string_equal(http_header(&answer, "X-Cache"), "hit");
	http_free(&answer);
}

static void other_limits_are_another_answer(void **state)
{
	struct house *house = *state;
	house->second.config.max_results_per_query = 1;
	http_start(&house->second);
	struct http_answer first = http_get(&house->first, LIST);
	struct http_answer second = http_get(&house->second, LIST);
	assert_string_equal(http_header(&second, "X-Cache"), "miss");
	http_free(&first);
	http_free(&second);
}

static void only_good_answers_are_shared(void **state)
{
	struct house *house = *state;
	struct http_answer answer = http_get(&house->first, LIST "/nobody");
	assert_int_equal(answer.status, 404);
	http_free(&answer);
	fake_store_fail(house->first.store, -EIO);
	answer = http_get(&house->first, LIST);
	assert_int_equal(answer.status, 503);
	http_free(&answer);
	assert_int_equal(house->pantry.sets, 0);
}

static void what_is_damaged_is_refused_counted_and_replaced(void **state)
{
	struct house *house = *state;
	struct http_answer answer = http_get(&house->first, LIST);
	http_free(&answer);
	assert_int_equal(house->pantry.n, 1);
	house->pantry.shelves[0].data[house->pantry.shelves[0].len / 2] ^= 1;
	http_start(&house->second);
	expect_same(house, LIST, "miss");
	assert_int_equal(counted(&house->second, HTTP_LEVEL_REFUSED), 1);
	assert_int_equal(house->pantry.sets, 2);
}

static void a_cache_that_fails_changes_no_answer(void **state)
{
	static const struct {
		int error;
		enum http_level_result result;
	} cases[] = {{-EIO, HTTP_LEVEL_ERROR},
		     {-EBUSY, HTTP_LEVEL_ERROR},
		     {-ETIMEDOUT, HTTP_LEVEL_TIMEOUT}};
	struct house *house = *state;
	char target[64];
	http_start(&house->second);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		pantry_fail(&house->pantry, cases[i].error);
		uint64_t before = counted(&house->second, cases[i].result);
		snprintf(target, sizeof(target), LIST "?limit=%zu", i + 1);
		expect_same(house, target, "miss");
		/* neither found nor kept */
		assert_int_equal(counted(&house->second, cases[i].result), before + 2);
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
static void pass_event(struct house *house)
{
	static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME}};
	static const struct tally_table events = {
		.name = "container_events", .columns = columns, .n_columns = 1, .kind = TALLY_LOG};
	struct http_fixture *fixtures[] = {&house->first, &house->second};
	for (int i = 0; i < 2; i++) {
		struct tally_ctx *ctx = fake_host_ctx(fixtures[i]->host);
		struct tally_batch *batch = tally_batch_new(ctx, &events);
		tally_put_int(tally_batch_row(ctx, batch), 0, HTTP_NOW);
		tally_plugin()->watcher->watch(fixtures[i]->plugin, batch);
		tally_batch_drop(ctx, batch);
	}
}

static void set_clocks(struct house *house, int64_t now, int64_t monotonic)
{
	fake_host_set_now(house->first.host, now);
	fake_host_set_now(house->second.host, now);
	fake_host_set_monotonic(house->first.host, monotonic);
	fake_host_set_monotonic(house->second.host, monotonic);
}

static void a_clock_that_is_set_back_does_not_end_sharing(void **state)
{
	struct house *house = *state;
	struct timespec ts;
	http_start(&house->second);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	pass_event(house);
	int64_t now = HTTP_NOW - 3600 * CLOCK_SECOND, later = (ts.tv_sec + 10) * CLOCK_SECOND;
	set_clocks(house, now, later);
	struct http_answer answer = http_get(&house->second, LIST "?limit=1");
	http_free(&answer);
	set_clocks(house, now + CLOCK_SECOND, later + CLOCK_SECOND);
	expect_same(house, LIST "?limit=2", "hit");
}

/* ---- Changes elsewhere --------------------------------------------------- */

static void publish(struct house *house, const char *channel)
{
	assert_int_equal(write(house->pantry.channel[1], &channel, sizeof(channel)),
			 sizeof(channel));
}

/* The second has subscribed, and that is so long ago that its answers are kept again. */
static void start_subscribed(struct house *house)
{
	struct timespec ts;
	house->second.config.cache = house->subscribed;
	http_start(&house->second);
	WAIT_UNTIL(atomic_load(&house->pantry.heard) == 1);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	set_clocks(house, HTTP_NOW + 10 * CLOCK_SECOND, (ts.tv_sec + 10) * CLOCK_SECOND);
}

static void a_change_elsewhere_shows_though_the_memory_is_fresh(void **state)
{
	struct house *house = *state;
	start_subscribed(house);
	assert_true(is_origin(&house->second, "miss"));
	assert_true(is_origin(&house->second, "hit"));
	publish(house, "rows:container_info"); /* nothing depends on it */
	WAIT_UNTIL(atomic_load(&house->pantry.heard) == 2);
	assert_true(is_origin(&house->second, "hit"));
	publish(house, "rows:container_events");
	WAIT_UNTIL(atomic_load(&house->pantry.heard) == 3);
	assert_true(is_origin(&house->second, "miss"));
}

static void what_is_published_while_the_connection_is_lost_counts_as_a_change(void **state)
{
	struct house *house = *state;
	start_subscribed(house);
	assert_true(is_origin(&house->second, "miss"));
	publish(house, NULL);
	WAIT_UNTIL(atomic_load(&house->pantry.heard) == 2);
	assert_true(is_origin(&house->second, "miss"));
}

static void what_was_shared_before_it_subscribed_is_not_taken(void **state)
{
	struct house *house = *state;
	assert_true(is_origin(&house->first, "miss"));
	start_subscribed(house);
	assert_true(is_origin(&house->second, "miss"));
	assert_int_equal(counted(&house->second, HTTP_LEVEL_MISS), 1);
	expect_same(house, LIST "?limit=1", "hit"); /* and what is shared since then is */
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
	struct house *house = *state;
	pthread_t getter;
	start_subscribed(house);
	fake_store_hang(house->first.store, true);
	assert_int_equal(pthread_create(&getter, NULL, get_the_list, &house->first), 0);
	WAIT_UNTIL(fake_store_hanging(house->first.store) == 1);
	fake_host_set_now(house->first.host, HTTP_NOW + 11 * CLOCK_SECOND);
	fake_host_set_now(house->second.host, HTTP_NOW + 11 * CLOCK_SECOND);
	publish(house, "rows:container_events");
	WAIT_UNTIL(atomic_load(&house->pantry.heard) == 2);
	fake_store_hang(house->first.store, false);
	pthread_join(getter, NULL);
	assert_int_equal(house->pantry.sets, 1);
	assert_true(is_origin(&house->second, "miss"));
	assert_int_equal(counted(&house->second, HTTP_LEVEL_MISS), 1);
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
