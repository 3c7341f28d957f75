/* The cache alone, by a clock of the test's own: what is cached, and for how long. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cache/cache_policy.h"
#include "cache/response_cache.h"
#include "fake_host.h"
#include "message/request.h"
#include "routes/endpoint.h"
#include "test.h"

struct fixture {
	struct fake_host *host;
	struct http_config config;
	struct cache *cache;
	int64_t now;
};

static void advance(struct fixture *fixture, int64_t ns)
{
	fixture->now += ns;
	fake_host_set_monotonic(fixture->host, fixture->now);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	fixture->host = fake_host_create("output.http_api");
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 10 * CLOCK_SECOND;
	fixture->config.cache_ttl_stats = 2 * CLOCK_SECOND;
	fixture->config.cache_ttl_history = 30 * CLOCK_SECOND;
	advance(fixture, 100 * CLOCK_SECOND);
	fixture->cache = cache_create(fake_host_ctx(fixture->host), &fixture->config);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	cache_destroy(fixture->cache);
	fake_host_destroy(fixture->host);
	free(fixture);
	return 0;
}

static struct fetch *begin(struct fixture *fixture, const char *key, enum cache_class kind)
{
	struct request *request = request_create(key);
	request->kind = kind;
	struct fetch *fetch = fetch_create(request, key);
	request_drop(request);
	assert_int_equal(cache_begin(fixture->cache, fetch), 0);
	return fetch;
}

static void finish_as(struct fixture *fixture, struct fetch *fetch, unsigned status,
		      const char *body)
{
	struct response_builder builder;
	bool late;
	response_builder_init(&builder);
	builder.status = status;
	json_write_raw(&builder.body, body, strlen(body));
	struct response *response = response_create(&builder, fixture->now, false);
	response_drop(cache_finish(fixture->cache, fetch, response, &late));
	response_drop(response);
	fetch_drop(fetch);
}

static void finish(struct fixture *fixture, struct fetch *fetch, const char *body)
{
	finish_as(fixture, fetch, 200, body);
}

static void fill(struct fixture *fixture, const char *key, enum cache_class kind)
{
	finish(fixture, begin(fixture, key, kind), "answer");
}

static enum cache_age age(struct fixture *fixture, const char *key)
{
	struct cache_found found;
	cache_find(fixture->cache, key, &found);
	cache_found_done(&found);
	return found.age;
}

static void a_change_makes_answers_of_its_class_stale(void **state)
{
	fill(*state, "/list", CACHE_CLASS_CONTAINERS);
	fill(*state, "/series", CACHE_CLASS_HISTORY);
	assert_int_equal(age(*state, "/list"), CACHE_FRESH);
	cache_invalidate(((struct fixture *)*state)->cache, CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(*state, "/list"), CACHE_STALE_IF_ERROR);
	assert_int_equal(age(*state, "/series"), CACHE_FRESH);
}

static void nobody_joins_a_fetch_from_before_a_change(void **state)
{
	struct fixture *fixture = *state;
	struct cache_found found;
	struct fetch *early = begin(fixture, "/list", CACHE_CLASS_CONTAINERS);
	cache_invalidate(fixture->cache, CACHE_CLASS_CONTAINERS);
	cache_find(fixture->cache, "/list", &found);
	assert_null(found.fetch);
	cache_found_done(&found);
	struct fetch *late = begin(fixture, "/list", CACHE_CLASS_CONTAINERS);
	cache_find(fixture->cache, "/list", &found);
	assert_ptr_equal(found.fetch, late);
	cache_found_done(&found);
	finish(fixture, late, "new");
	finish(fixture, early, "old");
	cache_find(fixture->cache, "/list", &found);
	assert_int_equal(found.age, CACHE_FRESH);
	assert_memory_equal(found.response->body[RESPONSE_IDENTITY].data, "new", 3);
	cache_found_done(&found);
}

static void the_answer_of_such_a_fetch_is_stale(void **state)
{
	struct fixture *fixture = *state;
	struct fetch *fetch = begin(fixture, "/list", CACHE_CLASS_CONTAINERS);
	cache_invalidate(fixture->cache, CACHE_CLASS_CONTAINERS);
	finish(fixture, fetch, "old");
	assert_int_equal(age(fixture, "/list"), CACHE_STALE_IF_ERROR);
}

/* The rows may reach the store after us. */
static void after_a_change_answers_are_cached_for_a_moment_only(void **state)
{
	struct fixture *fixture = *state;
	cache_invalidate(fixture->cache, CACHE_CLASS_CONTAINERS);
	advance(fixture, CLOCK_SECOND);
	fill(fixture, "/list", CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(fixture, "/list"), CACHE_FRESH);
	advance(fixture, CLOCK_SECOND);
	assert_int_equal(age(fixture, "/list"), CACHE_STALE_IF_ERROR);
	advance(fixture, 5 * CLOCK_SECOND);
	fill(fixture, "/list", CACHE_CLASS_CONTAINERS);
	advance(fixture, CLOCK_SECOND);
	assert_int_equal(age(fixture, "/list"), CACHE_FRESH);
}

/* ---- Newest rows ---- */

/* Of what a user has: made when, 0: nothing yet. */
struct seen {
	const char *key;
	enum cache_class kind;
	int64_t made;
};

/* As dispatch.c does: what is fresh or ageing is given, and ageing what is fetched for the next. */
static void ask(struct fixture *fixture, struct seen *seen)
{
	struct cache_found found;
	cache_find(fixture->cache, seen->key, &found);
	if (found.age == CACHE_FRESH || found.age == CACHE_STALE_WHILE_REVALIDATE)
		seen->made = found.response->made;
	else
		seen->made = fixture->now;
	if (found.age != CACHE_FRESH)
		fill(fixture, seen->key, seen->kind);
	cache_found_done(&found);
}

/* Sweeps come every 5 s and are stored a second later; somebody asks every 2 s, or less often. */
static void nobody_sees_less_than_what_was_stored_two_seconds_ago(void **state)
{
	static const int64_t every[] = {300, 1000, 2000, 2300, 3700}; /* ms */
	struct fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(every) / sizeof(*every); i++) {
		struct seen seen[] = {{"/list", CACHE_CLASS_CONTAINERS, 0},
				      {"/stats/latest", CACHE_CLASS_STATS, 0}};
		int64_t stored = 0; /* when the newest were that have been there for 2 s */
		for (int64_t ms = 1; ms <= 60000; ms++) {
			advance(fixture, CLOCK_MS);
			if (ms % 5000 == 1)
				for (int k = 0; k < 2; k++)
					cache_rows_came(fixture->cache, seen[k].kind);
			if (ms % 5000 == 3001)
				stored = fixture->now - 2 * CLOCK_SECOND;
			for (int k = 0; k < 2 && ms % every[i] == 0; k++) {
				ask(fixture, &seen[k]);
				if (seen[k].made < stored)
					fail_msg("%s every %d ms: %d ms too old", seen[k].key,
						 (int)every[i],
						 (int)((stored - seen[k].made) / CLOCK_MS));
			}
		}
	}
}

static void without_new_rows_answers_are_kept_for_their_time(void **state)
{
	struct fixture *fixture = *state;
	fill(fixture, "/list", CACHE_CLASS_CONTAINERS);
	advance(fixture, 9 * CLOCK_SECOND);
	assert_int_equal(age(fixture, "/list"), CACHE_FRESH);
	cache_rows_came(fixture->cache, CACHE_CLASS_STATS);
	assert_int_equal(age(fixture, "/list"), CACHE_FRESH);
	cache_rows_came(fixture->cache, CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(fixture, "/list"), CACHE_STALE_IF_ERROR);
	assert_true(cache_class_shows(CACHE_CLASS_CONTAINERS, "container_stats"));
	assert_false(cache_class_shows(CACHE_CLASS_CONTAINERS, "container_logs"));
	assert_true(cache_class_shows(CACHE_CLASS_STATS, "container_logs"));
	assert_false(cache_class_shows(CACHE_CLASS_HISTORY, "container_stats"));
}

/* ---- Mistakes ------------------------------------------------------------ */

static void a_4xx_is_cached_for_a_second(void **state)
{
	struct fixture *fixture = *state;
	finish_as(fixture, begin(fixture, "/nobody", CACHE_CLASS_CONTAINERS), 404, "nobody");
	advance(fixture, CLOCK_SECOND - 1);
	assert_int_equal(age(fixture, "/nobody"), CACHE_FRESH);
	advance(fixture, 1);
	assert_int_equal(age(fixture, "/nobody"), CACHE_NONE);
}

static void a_change_ends_a_cached_4xx(void **state)
{
	struct fixture *fixture = *state;
	finish_as(fixture, begin(fixture, "/nobody", CACHE_CLASS_CONTAINERS), 404, "nobody");
	cache_invalidate(fixture->cache, CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(fixture, "/nobody"), CACHE_NONE);
}

/* ---- Size ---------------------------------------------------------------- */

static void fill_with(struct fixture *fixture, const char *key, size_t len)
{
	char *body = malloc(len + 1);
	memset(body, 'x', len);
	body[len] = '\0';
	finish(fixture, begin(fixture, key, CACHE_CLASS_CONTAINERS), body);
	free(body);
}

static void one_large_answer_evicts_nothing(void **state)
{
	struct fixture *fixture = *state;
	fill_with(fixture, "/small", 100);
	fill_with(fixture, "/medium", 120 << 10);
	fill_with(fixture, "/large", 140 << 10); /* of 1 MiB */
	fill_with(fixture, "/huge", 2 << 20);
	assert_int_equal(age(fixture, "/small"), CACHE_FRESH);
	assert_int_equal(age(fixture, "/medium"), CACHE_FRESH);
	assert_int_equal(age(fixture, "/large"), CACHE_NONE);
	assert_int_equal(age(fixture, "/huge"), CACHE_NONE);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CACHE_EVICTIONS), 0);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CACHE_ENTRIES), 2);
}

static void every_endpoint_that_asks_the_store_has_a_class(void **state)
{
	(void)state;
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++)
		if (!endpoint->direct && strncmp(endpoint->path, "/api/", 5) == 0 &&
		    endpoint->class != HTTP_STREAM && endpoint->cached == CACHE_CLASS_NONE)
			fail_msg("%s", endpoint->path);
	assert_true(cache_class_depends_on(CACHE_CLASS_CONTAINERS, "container_events"));
	assert_false(cache_class_depends_on(CACHE_CLASS_CONTAINERS, "docker_images"));
	assert_true(cache_class_depends_on(CACHE_CLASS_IMAGES, NULL));
	assert_false(cache_class_depends_on(CACHE_CLASS_HISTORY, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_makes_answers_of_its_class_stale),
		TEST(nobody_joins_a_fetch_from_before_a_change),
		TEST(the_answer_of_such_a_fetch_is_stale),
		TEST(nobody_sees_less_than_what_was_stored_two_seconds_ago),
		TEST(without_new_rows_answers_are_kept_for_their_time),
		TEST(a_4xx_is_cached_for_a_second),
		TEST(a_change_ends_a_cached_4xx),
		TEST(one_large_answer_evicts_nothing),
		cmocka_unit_test(every_endpoint_that_asks_the_store_has_a_class),
		TEST(after_a_change_answers_are_cached_for_a_moment_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
