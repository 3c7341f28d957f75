/* Answers that are cached, shared, compressed and validated, over real sockets. */
#include <errno.h>
#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "message/accept.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

#define LIST "/api/v1/containers"
#define MS (CLOCK_SECOND / 1000)

static const struct tally_named_cache memory[] = {{"memory", NULL}, {NULL, NULL}};

static struct http_fixture *begin(const struct tally_named_cache *cache, int64_t ttl)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	char id[16], name[16];
	http_prepare(fixture);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "abc%d", i);
		snprintf(name, sizeof(name), "web%d", i);
		http_add_container(fixture, "alpha", id, name, "running");
		http_add_stats(fixture, "alpha", id, name, 5, 1.5 * i, 1000);
		http_add_stats(fixture, "alpha", id, name, 65, 2.5 * i, 500);
	}
	fixture->config.cache = cache;
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = ttl;
	fixture->config.cache_ttl_stats = ttl;
	fixture->config.cache_ttl_history = ttl;
	return fixture;
}

static int set_up(void **state)
{
	*state = begin(memory, 3600 * CLOCK_SECOND);
	http_start(*state);
	return 0;
}

/* Fresh for 100 ms, ageing for 100 more. */
static int set_up_short(void **state)
{
	*state = begin(memory, 100 * MS);
	http_start(*state);
	return 0;
}

static int tear_down(void **state)
{
	fake_store_hang(((struct http_fixture *)*state)->store, false);
	http_finish(*state);
	free(*state);
	return 0;
}

static struct http_answer get_with(struct http_fixture *fixture, const char *target,
				   const char *headers)
{
	char *request = NULL;
	assert_true(asprintf(&request,
			     "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
			     target, headers) > 0);
	struct http_answer answer = http_raw(fixture, request);
	free(request);
	return answer;
}

static void assert_header(const struct http_answer *answer, const char *name, const char *value)
{
	const char *is = http_header(answer, name);
	if (!value)
		assert_null(is);
	else if (!is || strcmp(is, value) != 0)
		fail_msg("%s: %s instead of %s", name, is ? is : "(none)", value);
}

/* GETs, and wants that status and X-Cache. */
static void expect(struct http_fixture *fixture, const char *target, int status, const char *origin)
{
	struct http_answer answer = http_get(fixture, target);
	if (answer.status != status)
		fail_msg("%s: %d instead of %d", target, answer.status, status);
	assert_header(&answer, "X-Cache", origin);
	http_free(&answer);
}

/* ---- Headers of requests ------------------------------------------------- */

static void gzip_is_taken_only_where_it_is_liked(void **state)
{
	static const struct {
		const char *header;
		bool gzip;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"gzip", true},
		{"GZIP", true},
		{"x-gzip", true},
		{"deflate, gzip;q=1.0, *;q=0.5", true},
		{"br;q=1.0, gzip;q=0.8", true},
		{"gzip;q=0", false},
		{"gzip; q=0.000", false},
		{"gzip;q=0.001", true},
		{"gzip ; q=0.5 , identity;q=0.4", true},
		{"identity;q=1, gzip;q=0.5", false},
		{"*", true},
		{"*;q=0", false},
		{"*, gzip;q=0", false},
		{"br, deflate", false},
		{"gzipped", false},
		{"gzip;q=2", false},
		{"gzip;q=abc", false},
		{"gzip;level=9", false},
		{",,, gzip", true},
		{";;", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (accept_gzip(cases[i].header) != cases[i].gzip)
			fail_msg("Accept-Encoding: %s", cases[i].header);
}

static void no_cache_is_found_among_directives(void **state)
{
	(void)state;
	assert_true(accept_no_cached("no-cache"));
	assert_true(accept_no_cached("max-age=0, No-Cache"));
	assert_true(accept_no_cached(" , no-cache ,x"));
	assert_false(accept_no_cached("max-age=0"));
	assert_false(accept_no_cached("no-cached, no-store"));
	assert_false(accept_no_cached(""));
	assert_false(accept_no_cached(NULL));
}

static void etags_are_found_in_lists(void **state)
{
	(void)state;
	assert_true(accept_none_match("\"a\"", "\"a\""));
	assert_true(accept_none_match("W/\"a\"", "\"a\""));
	assert_true(accept_none_match("\"b\", \"a,\" ,W/\"a\"", "\"a\""));
	assert_true(accept_none_match("*", "\"a\""));
	assert_false(accept_none_match(NULL, "\"a\""));
	assert_false(accept_none_match("\"b\"", "\"a\""));
	assert_false(accept_none_match("a", "\"a\""));
	assert_false(accept_none_match("\"a", "\"a\""));
	assert_false(accept_none_match("\"aa\"", "\"a\""));
}

/* ---- Validating and compressing ------------------------------------------ */

static void who_has_an_answer_already_gets_304(void **state)
{
	char headers[200], etag[64];
	struct http_answer first = http_get(*state, LIST);
	snprintf(etag, sizeof(etag), "%s", http_header(&first, "ETag"));
	snprintf(headers, sizeof(headers), "If-None-Match: \"x\", %s\r\n", etag);
	struct http_answer second = get_with(*state, LIST, headers);
	assert_int_equal(second.status, 304);
	assert_int_equal(second.len, 0);
	assert_header(&second, "ETag", etag);
	assert_header(&second, "Cache-Control", "max-age=3600");
	assert_header(&second, "Vary", "Accept-Encoding");
	http_free(&second);
	struct http_answer other = get_with(*state, LIST "?name=web1", headers);
	assert_int_equal(other.status, 200);
	http_free(&other);
	http_free(&first);
}

static void gzip_holds_the_same_bytes_under_another_etag(void **state)
{
	struct http_answer plain = http_get(*state, LIST);
	struct http_answer packed = get_with(*state, LIST, "Accept-Encoding: br, gzip\r\n");
	char *unpacked = malloc(plain.len);
	size_t len = 0;
	struct libdeflate_decompressor *gzip = libdeflate_alloc_decompressor();
	assert_header(&plain, "Content-Encoding", NULL);
	assert_header(&packed, "Content-Encoding", "gzip");
	assert_header(&packed, "X-Cache", "hit");
	assert_true(packed.len < plain.len / 2);
	assert_int_equal(libdeflate_gzip_decompress(gzip, packed.body, packed.len, unpacked,
						    plain.len, &len),
			 LIBDEFLATE_SUCCESS);
	assert_int_equal(len, plain.len);
	assert_memory_equal(unpacked, plain.body, len);
	char etag[64];
	snprintf(etag, sizeof(etag), "%s", http_header(&plain, "ETag"));
	assert_string_not_equal(etag, http_header(&packed, "ETag"));
	libdeflate_free_decompressor(gzip);
	free(unpacked);
	http_free(&plain);
	http_free(&packed);
}

static void short_answers_are_not_compressed(void **state)
{
	struct http_answer answer = get_with(*state, "/healthz", "Accept-Encoding: gzip\r\n");
	assert_header(&answer, "Content-Encoding", NULL);
	assert_header(&answer, "Vary", "Accept-Encoding");
	assert_header(&answer, "ETag", NULL);
	assert_header(&answer, "Cache-Control", "no-store");
	http_free(&answer);
}

/* ---- Keeping ------------------------------------------------------------- */

static void a_second_request_asks_the_store_nothing(void **state)
{
	struct http_fixture *fixture = *state;
	expect(fixture, LIST, 200, "miss");
	unsigned queries = fake_store_queries(fixture->store);
	struct http_answer answer = http_get(fixture, LIST);
	assert_header(&answer, "X-Cache", "hit");
	assert_header(&answer, "Age", "0");
	http_free(&answer);
	assert_int_equal(fake_store_queries(fixture->store), queries);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CACHE_REQUESTS + HTTP_CACHE_HIT), 1);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CACHE_REQUESTS + HTTP_CACHE_MISS), 1);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_CACHE_ENTRIES), 1);
	assert_true(fake_host_metric(fixture->host, HTTP_CACHE_BYTES) > 1000);
}

static void health_and_daemon_info_are_never_cached(void **state)
{
	static const char *const targets[] = {"/readyz", "/metrics", "/api/v1/version", "/"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		expect(*state, targets[i], 200, "off");
		expect(*state, targets[i], 200, "off");
	}
	/* Refused before it waits for anything. */
	expect(*state, LIST "?limt=3", 400, "off");
	expect(*state, LIST "?limt=3", 400, "off");
}

static const char *const same_targets[] = {
	LIST,
	LIST "?limit=3",
	LIST "?name=web1*&limit=2",
	LIST "/web3",
	LIST "/nobody",
	LIST "/web3/stats?from=now-5m",
	LIST "/web3/stats?from=2026-01-01T11:00:00Z&to=2026-01-01T12:00:00Z&format=csv",
	"/api/v1/stats?ids=web3,web4&from=now-2m&times=ms",
	"/api/v1/stats/latest",
	"/api/v1/top?by=mem",
	"/api/v1/hosts",
	"/api/v1/summary",
	"/api/v1/tables",
	"/api/v1/tables/container_stats?limit=5",
};

static void answers_are_the_same_with_the_cache_on_and_off(void **state)
{
	static const struct tally_named_cache off[] = {{"off", NULL}, {NULL, NULL}};
	struct http_fixture *without = begin(off, CLOCK_SECOND);
	http_start(without);
	for (size_t i = 0; i < sizeof(same_targets) / sizeof(*same_targets); i++) {
		struct http_answer plain = http_get(without, same_targets[i]);
		assert_header(&plain, "X-Cache", "off");
		for (int k = 0; k < 2; k++) { /* a miss, then a hit */
			struct http_answer cached = http_get(*state, same_targets[i]);
			assert_header(&cached, "X-Cache", k ? "hit" : "miss");
			assert_int_equal(cached.status, plain.status);
			assert_int_equal(cached.len, plain.len);
			assert_memory_equal(cached.body, plain.body, plain.len);
			http_free(&cached);
		}
		http_free(&plain);
	}
	http_finish(without);
	free(without);
}

static void times_in_one_step_share_an_answer(void **state)
{
#define SERIES LIST "/web3/stats?fields=cpu_percent&step=60s"
	expect(*state, SERIES "&from=2026-01-01T11:00:05Z&to=2026-01-01T11:59:10Z", 200, "miss");
	expect(*state, SERIES "&from=2026-01-01T11:00:59Z&to=2026-01-01T11:59:59Z", 200, "hit");
	expect(*state, SERIES "&from=1767265205&to=1767268799", 200, "hit");
	expect(*state, SERIES "&from=2026-01-01T11:01:00Z&to=2026-01-01T11:59:59Z", 200, "miss");
	expect(*state, SERIES "&from=2026-01-01T11:00:05Z", 200, "miss");
	expect(*state, SERIES "&from=2026-01-01T11:00:25Z", 200, "hit");
	expect(*state, SERIES "&from=now-1h", 200, "miss");
	expect(*state, SERIES "&from=now-1h", 200, "hit");
	/* The names and values of parameters cannot be moved into each other. */
	expect(*state, SERIES "&from=1767265205&to=1767268799&host=alpha", 200, "miss");
	expect(*state, SERIES "%261:%26&from=1767265205&to=1767268799", 400, "off");
}

/* Answers made from now on are that old once it is set back by 0. */
static void set_clock_back(struct http_fixture *fixture, int64_t age)
{
	fake_host_set_monotonic(fixture->host, age ? clock_monotonic() - age : 0);
}

static void mistakes_are_remembered_briefly(void **state)
{
	struct http_fixture *fixture = *state;
	set_clock_back(fixture, 2 * CLOCK_SECOND);
	expect(fixture, LIST "/nobody", 404, "miss");
	expect(fixture, LIST "/nobody", 404, "hit");
	set_clock_back(fixture, 0);
	expect(fixture, LIST "/nobody", 404, "miss"); /* though the TTL of its class is an hour */
}

static void the_bytes_stay_within_their_bound(void **state)
{
	struct http_fixture *fixture = *state;
	char target[100];
	for (int i = 0; i < 600; i++) {
		snprintf(target, sizeof(target), LIST "?gone=no&limit=%d", 100 + i);
		expect(fixture, target, 200, "miss");
		assert_true(fake_host_metric(fixture->host, HTTP_CACHE_BYTES) <= 1 << 20);
	}
	assert_true(fake_host_metric(fixture->host, HTTP_CACHE_EVICTIONS) > 50);
	expect(fixture, LIST "?gone=no&limit=699", 200, "hit");
	expect(fixture, LIST "?gone=no&limit=100", 200, "miss");
}

/* ---- Sharing ------------------------------------------------------------- */

static void *get_list(void *arg)
{
	struct http_answer *answer = malloc(sizeof(*answer));
	*answer = http_get(arg, LIST);
	return answer;
}

static void requests_for_the_same_answer_cost_one_query(void **state)
{
	enum { CLIENTS = 16 };
	struct http_fixture *fixture = *state;
	pthread_t clients[CLIENTS];
	expect(fixture, LIST "?limit=1", 200, "miss"); /* the tables are known from here on */
	unsigned before = fake_store_queries(fixture->store);
	expect(fixture, LIST "?limit=2", 200, "miss");
	unsigned one = fake_store_queries(fixture->store) - before;
	fake_store_hang(fixture->store, true);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, get_list, fixture);
	WAIT_UNTIL(fake_host_metric(fixture->host, HTTP_IN_FLIGHT) == CLIENTS);
	WAIT_UNTIL(fake_store_hanging(fixture->store) == 1);
	expect(fixture, "/healthz", 200, "off");
	fake_store_hang(fixture->store, false);
	for (int i = 0; i < CLIENTS; i++) {
		void *got;
		pthread_join(clients[i], &got);
		struct http_answer *answer = got;
		assert_int_equal(answer->status, 200);
		assert_header(answer, "X-Cache", "miss");
		http_free(answer);
		free(answer);
	}
	assert_int_equal(fake_store_queries(fixture->store) - before, 2 * one);
}

struct hammer {
	struct http_fixture *fixture;
	unsigned seed;
};

static void *hammer(void *arg)
{
	struct hammer *own = arg;
	for (int i = 0; i < 60; i++) {
		char target[100];
		snprintf(target, sizeof(target), LIST "/web%d", rand_r(&own->seed) % 20);
		struct http_answer answer =
			get_with(own->fixture, target, i % 2 ? "Accept-Encoding: gzip\r\n" : "");
		assert_int_equal(answer.status, 200);
		http_free(&answer);
	}
	return NULL;
}

/* Entries age, are fetched anew, shared and evicted at once. */
static void sixteen_clients_at_once_are_all_answered(void **state)
{
	enum { CLIENTS = 16 };
	struct hammer own[CLIENTS];
	pthread_t clients[CLIENTS];
	struct http_fixture *fixture = begin(memory, 5 * MS);
	fixture->config.cache_size = 10 << 10; /* not all of them */
	(void)state;
	http_start(fixture);
	for (unsigned i = 0; i < CLIENTS; i++) {
		own[i] = (struct hammer){fixture, i + 1};
		pthread_create(&clients[i], NULL, hammer, &own[i]);
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	uint64_t sum = 0;
	for (unsigned i = 0; i < HTTP_CACHE_RESULTS; i++)
		sum += fake_host_metric(fixture->host, HTTP_CACHE_REQUESTS + i);
	assert_int_equal(sum, CLIENTS * 60);
	http_finish(fixture);
	free(fixture);
}

/* ---- Slow and dead stores ------------------------------------------------ */

static bool is_hit(struct http_fixture *fixture)
{
	struct http_answer answer = http_get(fixture, LIST);
	bool hit = strcmp(http_header(&answer, "X-Cache"), "hit") == 0;
	http_free(&answer);
	return hit;
}

static void an_ageing_answer_is_given_while_a_new_one_is_fetched(void **state)
{
	struct http_fixture *fixture = *state;
	set_clock_back(fixture, 120 * MS);
	expect(fixture, LIST, 200, "miss");
	set_clock_back(fixture, 0);
	fake_store_hang(fixture->store, true);
	struct http_answer answer = http_get(fixture, LIST);
	const char *origin = http_header(&answer, "X-Cache");
	assert_string_equal(origin, "stale");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	fake_store_hang(fixture->store, false);
	WAIT_UNTIL(is_hit(fixture));
}

static void a_slow_store_leaves_old_answers_marked_stale(void **state)
{
	struct http_fixture *fixture = *state;
	struct timespec start, end;
	set_clock_back(fixture, 250 * MS);
	expect(fixture, LIST, 200, "miss");
	set_clock_back(fixture, 0);
	fake_store_hang(fixture->store, true);
	clock_gettime(CLOCK_MONOTONIC, &start);
	expect(fixture, LIST, 200, "stale"); /* waits for half a second */
	expect(fixture, LIST, 200, "stale"); /* not again */
	expect(fixture, LIST, 200, "stale");
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - start.tv_sec <= 2);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_TIMEOUTS), 0);
	WAIT_UNTIL(fake_store_hanging(fixture->store) == 1);
}

static void a_dead_store_leaves_old_answers_marked_stale_else_503(void **state)
{
	struct http_fixture *fixture = *state;
	set_clock_back(fixture, 250 * MS);
	expect(fixture, LIST, 200, "miss");
	set_clock_back(fixture, 0);
	fake_store_fail(fixture->store, -EIO);
	expect(fixture, LIST, 200, "stale");
	unsigned queries = fake_store_queries(fixture->store);
	expect(fixture, LIST, 200, "stale"); /* it is left in peace for a while */
	assert_int_equal(fake_store_queries(fixture->store), queries);
	expect(fixture, LIST "?limit=1", 503, "miss");
	fake_store_fail(fixture->store, 0);
	expect(fixture, LIST "?limit=1", 200, "miss"); /* failures are not cached */
}

static void *stop(void *arg)
{
	struct http_fixture *fixture = arg;
	tally_plugin()->stop(fixture->plugin);
	tally_plugin()->destroy(fixture->plugin);
	fixture->plugin = NULL;
	return NULL;
}

static void stopping_answers_all_who_share_a_fetch(void **state)
{
	struct http_fixture *fixture = begin(memory, CLOCK_SECOND);
	pthread_t clients[4], stopping;
	(void)state;
	http_start(fixture);
	fake_store_hang(fixture->store, true);
	for (int i = 0; i < 4; i++)
		pthread_create(&clients[i], NULL, get_list, fixture);
	WAIT_UNTIL(fake_host_metric(fixture->host, HTTP_IN_FLIGHT) == 4);
	pthread_create(&stopping, NULL, stop, fixture);
	for (int i = 0; i < 4; i++) {
		void *got;
		pthread_join(clients[i], &got);
		struct http_answer *answer = got;
		assert_int_equal(answer->status, 503);
		http_free(answer);
		free(answer);
	}
	fake_store_hang(fixture->store, false);
	pthread_join(stopping, NULL);
	http_finish(fixture);
	free(fixture);
}

static void the_memory_comes_first_and_off_stands_alone(void **state)
{
	static const struct tally_named_cache wrong[][5] = {
		{{"redis", NULL}},
		{{"memory", NULL}, {"off", NULL}},
		{{"off", NULL}, {"memory", NULL}},
		{{"memory", NULL}, {"memory", NULL}},
		{{"memory", NULL}, {"a", NULL}, {"b", NULL}, {"c", NULL}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct http_fixture *fixture = begin(wrong[i], CLOCK_SECOND);
		assert_int_equal(tally_plugin()->create(fake_host_ctx(fixture->host),
							&fixture->config, &fixture->plugin),
				 -EINVAL);
		assert_non_null(strstr(fake_host_reason(fixture->host), "cache: "));
		http_finish(fixture);
		free(fixture);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, set_up_short, tear_down)

static void the_order_of_parameters_makes_no_other_answer(void **state)
{
	static const char *const same[] = {
		LIST "?limit=5&name=web*&host=alpha&state=running",
		LIST "?state=running&host=alpha&name=web*&limit=5",
		LIST "?name=web*&limit=5&state=running&host=alpha&",
	};
	struct http_answer first = http_get(*state, same[0]);
	assert_header(&first, "X-Cache", "miss");
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct http_answer answer = http_get(*state, same[i]);
		assert_header(&answer, "X-Cache", "hit");
		assert_string_equal(answer.body, first.body);
		assert_header(&answer, "Link", http_header(&first, "Link"));
		http_free(&answer);
	}
	expect(*state, LIST "?state=exited&host=alpha&name=web*&limit=5", 200, "miss");
	http_free(&first);
	expect(*state, "/api/v1/containers/web1/stats?step=10s&from=now-1h", 200, "miss");
	expect(*state, "/api/v1/containers/web1/stats?from=now-1h&step=10s", 200, "hit");
	expect(*state, "/api/v1/containers/web1/stats?to=1767268800&from=1767268000&step=10s", 200,
	       "miss");
	expect(*state, "/api/v1/containers/web1/stats?step=10s&from=1767268000&to=1767268800", 200,
	       "hit");
}

/* Who reloads sees what is stored now, and so do all after him. */
static void no_cache_gets_a_new_answer_and_leaves_it_for_others(void **state)
{
	static const char target[] = "/api/v1/containers?gone=yes";
	struct http_fixture *fixture = *state;
	expect(fixture, target, 200, "miss");
	struct http_answer old = http_get(fixture, target);
	assert_header(&old, "X-Cache", "hit");
	http_add_container(fixture, "omega", "fff", "fresh", "running");
	struct http_answer new = get_with(fixture, target, "Cache-Control: no-cache\r\n");
	assert_header(&new, "X-Cache", "miss");
	assert_null(strstr(old.body, "\"fresh\""));
	assert_non_null(strstr(new.body, "\"fresh\""));
	struct http_answer next = http_get(fixture, target);
	assert_header(&next, "X-Cache", "hit");
	assert_string_equal(next.body, new.body);
	http_free(&old);
	http_free(&new);
	http_free(&next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gzip_is_taken_only_where_it_is_liked),
		cmocka_unit_test(etags_are_found_in_lists),
		cmocka_unit_test(no_cache_is_found_among_directives),
		TEST(who_has_an_answer_already_gets_304),
		TEST(no_cache_gets_a_new_answer_and_leaves_it_for_others),
		TEST(gzip_holds_the_same_bytes_under_another_etag),
		TEST(short_answers_are_not_compressed),
		TEST(a_second_request_asks_the_store_nothing),
		TEST(health_and_daemon_info_are_never_cached),
		TEST(answers_are_the_same_with_the_cache_on_and_off),
		TEST(the_order_of_parameters_makes_no_other_answer),
		TEST(times_in_one_step_share_an_answer),
		TEST(mistakes_are_remembered_briefly),
		TEST(the_bytes_stay_within_their_bound),
		TEST(requests_for_the_same_answer_cost_one_query),
		cmocka_unit_test(sixteen_clients_at_once_are_all_answered),
		SHORT(an_ageing_answer_is_given_while_a_new_one_is_fetched),
		SHORT(a_slow_store_leaves_old_answers_marked_stale),
		SHORT(a_dead_store_leaves_old_answers_marked_stale_else_503),
		cmocka_unit_test(stopping_answers_all_who_share_a_fetch),
		cmocka_unit_test(the_memory_comes_first_and_off_stands_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
