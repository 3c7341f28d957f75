/* Caches behind the memory: shared by two API plugins, damaged, slow, gone, and never believed. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

#define LIST "/api/v1/containers"
#define MARK "rows:container_events"

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
	unsigned sets, looks; /* at the mark */
};

static int pantry_get(void *self, const char *key, struct tally_blob *ret)
{
	struct pantry *pantry = self;
	pthread_mutex_lock(&pantry->lock);
	int r = pantry->error ? pantry->error : -ENOENT;
	pantry->looks += strcmp(key, MARK) == 0;
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

static const struct tally_cache_ops pantry_keeper = {
	.size = sizeof(pantry_keeper), .get = pantry_get, .set = pantry_set};

/* ---- Two APIs over it ---------------------------------------------------- */

struct house {
	struct pantry pantry;
	struct tally_cache *cache;
	struct tally_named_cache shared[3];
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
	fake_host_cache_free(house->cache);
	free(house);
	return 0;
}

static void stop_first(struct house *house)
{
	tally_plugin()->stop(house->first.plugin);
	tally_plugin()->destroy(house->first.plugin);
	house->first.plugin = NULL;
	house->pantry.looks = 0;
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

/* So that what the first look found has been taken in. */
static void wait_for_two_looks(struct house *house)
{
	unsigned looks = 0;
	for (int i = 0; i < 3000 && looks < 2; i++) {
		usleep(10000);
		pthread_mutex_lock(&house->pantry.lock);
		looks = house->pantry.looks;
		pthread_mutex_unlock(&house->pantry.lock);
	}
	assert_true(looks >= 2);
}

/* The mark is moved by whoever writes rows of events there: another process, on another machine. */
static void a_change_elsewhere_shows_though_the_memory_is_fresh(void **state)
{
	struct house *house = *state;
	stop_first(house);
	pantry_put(&house->pantry, MARK, "worker:1", 8);
	http_start(&house->second);
	wait_for_two_looks(house);
	assert_true(is_origin(&house->second, "miss"));
	assert_true(is_origin(&house->second, "hit"));
	pantry_put(&house->pantry, MARK, "worker:2", 8);
	for (int i = 0; i < 3000; i++) {
		if (is_origin(&house->second, "miss"))
			return;
		usleep(10000);
	}
	fail_msg("the list is still that of before the change");
}

/* It may have moved before it could be read. */
static void a_mark_that_is_seen_late_counts_as_a_change(void **state)
{
	struct house *house = *state;
	stop_first(house);
	pantry_fail(&house->pantry, -EBUSY);
	http_start(&house->second);
	wait_for_two_looks(house);
	assert_true(is_origin(&house->second, "miss"));
	assert_true(is_origin(&house->second, "hit"));
	pantry_put(&house->pantry, MARK, "worker:1", 8);
	pantry_fail(&house->pantry, 0);
	for (int i = 0; i < 3000; i++) {
		if (is_origin(&house->second, "miss"))
			return;
		usleep(10000);
	}
	fail_msg("the list is still that of before");
}

static void what_was_made_before_a_change_is_not_taken(void **state)
{
	struct house *house = *state;
	assert_true(is_origin(&house->first, "miss"));
	stop_first(house);
	pantry_put(&house->pantry, MARK, "worker:1", 8);
	http_start(&house->second);
	wait_for_two_looks(house);
	assert_true(is_origin(&house->second, "miss"));
	assert_int_equal(counted(&house->second, HTTP_LEVEL_MISS), 1);
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
		TEST(a_change_elsewhere_shows_though_the_memory_is_fresh),
		TEST(a_mark_that_is_seen_late_counts_as_a_change),
		TEST(what_was_made_before_a_change_is_not_taken),
		TEST(a_clock_that_is_set_back_does_not_end_sharing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
