/* The cache alone, by a clock of the test's own: what is kept, and how long it is good. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cache/cache_policy.h"
#include "cache/response_cache.h"
#include "fake_host.h"
#include "message/request.h"
#include "routes/endpoint.h"
#include "test.h"

struct shelf {
	struct fake_host *host;
	struct http_config config;
	struct cache *cache;
	int64_t now;
};

static void advance(struct shelf *shelf, int64_t ns)
{
	shelf->now += ns;
	fake_host_set_monotonic(shelf->host, shelf->now);
}

static int set_up(void **state)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));
	shelf->host = fake_host_create("output.http_api");
	shelf->config.cache_size = 1 << 20;
	shelf->config.cache_ttl_containers = 10 * CLOCK_SECOND;
	shelf->config.cache_ttl_history = 30 * CLOCK_SECOND;
	advance(shelf, 100 * CLOCK_SECOND);
	shelf->cache = cache_create(fake_host_ctx(shelf->host), &shelf->config);
	*state = shelf;
	return 0;
}

static int tear_down(void **state)
{
	struct shelf *shelf = *state;
	cache_destroy(shelf->cache);
	fake_host_destroy(shelf->host);
	free(shelf);
	return 0;
}

static struct fetch *begin(struct shelf *shelf, const char *key, enum cache_class kind)
{
	struct request *request = request_create(key);
	request->kind = kind;
	struct fetch *fetch = fetch_create(request, key);
	request_drop(request);
	assert_int_equal(cache_begin(shelf->cache, fetch), 0);
	return fetch;
}

static void land_as(struct shelf *shelf, struct fetch *fetch, unsigned status, const char *body)
{
	struct response_builder builder;
	bool late;
	response_builder_init(&builder);
	builder.status = status;
	json_write_raw(&builder.body, body, strlen(body));
	struct response *response = response_create(&builder, shelf->now, false);
	response_drop(cache_finish(shelf->cache, fetch, response, &late));
	response_drop(response);
	fetch_drop(fetch);
}

static void land(struct shelf *shelf, struct fetch *fetch, const char *body)
{
	land_as(shelf, fetch, 200, body);
}

static void fill(struct shelf *shelf, const char *key, enum cache_class kind)
{
	land(shelf, begin(shelf, key, kind), "answer");
}

static enum cache_age age(struct shelf *shelf, const char *key)
{
	struct cache_found found;
	cache_find(shelf->cache, key, &found);
	cache_found_done(&found);
	return found.age;
}

static void a_change_makes_answers_of_its_kind_old(void **state)
{
	fill(*state, "/list", CACHE_CLASS_CONTAINERS);
	fill(*state, "/series", CACHE_CLASS_HISTORY);
	assert_int_equal(age(*state, "/list"), CACHE_FRESH);
	cache_invalidate(((struct shelf *)*state)->cache, CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(*state, "/list"), CACHE_STALE_IF_ERROR);
	assert_int_equal(age(*state, "/series"), CACHE_FRESH);
}

static void nobody_joins_a_flight_that_began_before_a_change(void **state)
{
	struct shelf *shelf = *state;
	struct cache_found found;
	struct fetch *early = begin(shelf, "/list", CACHE_CLASS_CONTAINERS);
	cache_invalidate(shelf->cache, CACHE_CLASS_CONTAINERS);
	cache_find(shelf->cache, "/list", &found);
	assert_null(found.fetch);
	cache_found_done(&found);
	struct fetch *late = begin(shelf, "/list", CACHE_CLASS_CONTAINERS);
	cache_find(shelf->cache, "/list", &found);
	assert_ptr_equal(found.fetch, late);
	cache_found_done(&found);
	land(shelf, late, "new");
	land(shelf, early, "old");
	cache_find(shelf->cache, "/list", &found);
	assert_int_equal(found.age, CACHE_FRESH);
	assert_memory_equal(found.response->body[RESPONSE_IDENTITY].data, "new", 3);
	cache_found_done(&found);
}

static void what_such_a_flight_brings_is_old(void **state)
{
	struct shelf *shelf = *state;
	struct fetch *fetch = begin(shelf, "/list", CACHE_CLASS_CONTAINERS);
	cache_invalidate(shelf->cache, CACHE_CLASS_CONTAINERS);
	land(shelf, fetch, "old");
	assert_int_equal(age(shelf, "/list"), CACHE_STALE_IF_ERROR);
}

/* The rows may reach the store after us. */
static void after_a_change_answers_are_kept_for_a_moment_only(void **state)
{
	struct shelf *shelf = *state;
	cache_invalidate(shelf->cache, CACHE_CLASS_CONTAINERS);
	advance(shelf, CLOCK_SECOND);
	fill(shelf, "/list", CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(shelf, "/list"), CACHE_FRESH);
	advance(shelf, CLOCK_SECOND);
	assert_int_equal(age(shelf, "/list"), CACHE_STALE_IF_ERROR);
	advance(shelf, 5 * CLOCK_SECOND);
	fill(shelf, "/list", CACHE_CLASS_CONTAINERS);
	advance(shelf, CLOCK_SECOND);
	assert_int_equal(age(shelf, "/list"), CACHE_FRESH);
}

/* ---- Mistakes ------------------------------------------------------------ */

static void a_mistake_is_given_for_a_second_and_then_no_more(void **state)
{
	struct shelf *shelf = *state;
	land_as(shelf, begin(shelf, "/nobody", CACHE_CLASS_CONTAINERS), 404, "nobody");
	advance(shelf, CLOCK_SECOND - 1);
	assert_int_equal(age(shelf, "/nobody"), CACHE_FRESH);
	advance(shelf, 1);
	assert_int_equal(age(shelf, "/nobody"), CACHE_NONE);
}

static void a_mistake_before_a_change_is_none_any_more(void **state)
{
	struct shelf *shelf = *state;
	land_as(shelf, begin(shelf, "/nobody", CACHE_CLASS_CONTAINERS), 404, "nobody");
	cache_invalidate(shelf->cache, CACHE_CLASS_CONTAINERS);
	assert_int_equal(age(shelf, "/nobody"), CACHE_NONE);
}

/* ---- Room ---------------------------------------------------------------- */

static void fill_with(struct shelf *shelf, const char *key, size_t len)
{
	char *body = malloc(len + 1);
	memset(body, 'x', len);
	body[len] = '\0';
	land(shelf, begin(shelf, key, CACHE_CLASS_CONTAINERS), body);
	free(body);
}

static void one_large_answer_drives_nothing_out(void **state)
{
	struct shelf *shelf = *state;
	fill_with(shelf, "/small", 100);
	fill_with(shelf, "/medium", 120 << 10);
	fill_with(shelf, "/large", 140 << 10); /* of 1 MiB */
	fill_with(shelf, "/huge", 2 << 20);
	assert_int_equal(age(shelf, "/small"), CACHE_FRESH);
	assert_int_equal(age(shelf, "/medium"), CACHE_FRESH);
	assert_int_equal(age(shelf, "/large"), CACHE_NONE);
	assert_int_equal(age(shelf, "/huge"), CACHE_NONE);
	assert_int_equal(fake_host_metric(shelf->host, HTTP_CACHE_EVICTIONS), 0);
	assert_int_equal(fake_host_metric(shelf->host, HTTP_CACHE_ENTRIES), 2);
}

static void every_question_to_the_store_has_a_kind(void **state)
{
	(void)state;
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++)
		if (!endpoint->direct && strncmp(endpoint->path, "/api/", 5) == 0 &&
		    !strstr(endpoint->path, "/stream/") &&
		    cache_class_of(endpoint) == CACHE_CLASS_NONE)
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
		TEST(a_change_makes_answers_of_its_kind_old),
		TEST(nobody_joins_a_flight_that_began_before_a_change),
		TEST(what_such_a_flight_brings_is_old),
		TEST(a_mistake_is_given_for_a_second_and_then_no_more),
		TEST(a_mistake_before_a_change_is_none_any_more),
		TEST(one_large_answer_drives_nothing_out),
		cmocka_unit_test(every_question_to_the_store_has_a_kind),
		TEST(after_a_change_answers_are_kept_for_a_moment_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
