/* Cached answers sent with prebuilt headers: whatever header may differ does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

#define LIST "/api/v1/containers"
#define BEGAN (INT64_C(1000) * CLOCK_SECOND)

static const char *const origins[] = {"https://a.example", "https://b.example", NULL};

/* Its clocks stand still. */
static int set_up(void **state)
{
	static const struct tally_named_cache memory[] = {{"memory", NULL}, {NULL, NULL}};
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	char id[16];
	http_prepare(fixture);
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "abc%d", i);
		http_add_container(fixture, "alpha", id, id, "running");
	}
	fixture->config.cache = memory;
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 10 * CLOCK_SECOND;
	fixture->config.cors_origins = origins;
	fake_host_set_monotonic(fixture->host, BEGAN);
	http_start(fixture);
	*state = fixture;
	return 0;
}

static struct http_answer get(struct http_fixture *fixture, const char *target, const char *headers)
{
	char request[400];
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", target,
		 headers);
	return http_raw(fixture, request);
}

/* header: has that value in the answer, or NULL: is not in it. */
static void expect(struct http_fixture *fixture, const char *headers, int status,
		   const char *header, const char *value)
{
	struct http_answer answer = get(fixture, LIST, headers);
	const char *is = http_header(&answer, header);
	assert_int_equal(answer.status, status);
	if (!value)
		assert_null(is);
	else if (!is || strcmp(is, value) != 0)
		fail_msg("%s: %s instead of %s", header, is ? is : "(none)", value);
	http_free(&answer);
}

static void the_age_goes_on(void **state)
{
	struct http_fixture *fixture = *state;
	expect(fixture, "", 200, "X-Cache", "miss");
	for (int i = 0; i < 3; i++)
		expect(fixture, "", 200, "Age", "0");
	fake_host_set_monotonic(fixture->host, BEGAN + 3 * CLOCK_SECOND / 2);
	expect(fixture, "", 200, "Age", "1");
	fake_host_set_monotonic(fixture->host, BEGAN + 5 * CLOCK_SECOND / 2);
	expect(fixture, "", 200, "Age", "2");
	expect(fixture, "", 200, "X-Cache", "hit");
}

static void each_origin_gets_its_own_headers(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 3; i++) {
		expect(fixture, "", 200, "Access-Control-Allow-Origin", NULL);
		for (int k = 0; origins[k]; k++) {
			char headers[100];
			snprintf(headers, sizeof(headers), "Origin: %s\r\n", origins[k]);
			expect(fixture, headers, 200, "Access-Control-Allow-Origin", origins[k]);
		}
		expect(fixture, "Origin: https://c.example\r\n", 200, "Access-Control-Allow-Origin",
		       NULL);
	}
}

static void each_coding_and_who_has_it_get_what_they_asked_for(void **state)
{
	struct http_fixture *fixture = *state;
	char etag[64], headers[100], length[24];
	struct http_answer first = get(fixture, LIST, "");
	snprintf(etag, sizeof(etag), "%s", http_header(&first, "ETag"));
	snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", etag);
	snprintf(length, sizeof(length), "%zu", first.len);
	for (int i = 0; i < 3; i++) {
		expect(fixture, "", 200, "Content-Encoding", NULL);
		expect(fixture, "Accept-Encoding: gzip\r\n", 200, "Content-Encoding", "gzip");
		expect(fixture, headers, 304, "ETag", etag);
		/* RFC 9110, section 8.6: as in the answer that is not repeated, or none */
		expect(fixture, headers, 304, "Content-Length", length);
		struct http_answer again = get(fixture, LIST, "");
		assert_int_equal(again.len, first.len);
		assert_memory_equal(again.body, first.body, first.len);
		http_free(&again);
		struct http_answer known = get(fixture, LIST, headers);
		assert_int_equal(known.len, 0);
		http_free(&known);
	}
	http_free(&first);
}

static void a_new_answer_is_given_once_there_is_one(void **state)
{
	struct http_fixture *fixture = *state;
	char name[20];
	for (int i = 0; i < 40; i++) { /* more than are held */
		snprintf(name, sizeof(name), "new%d", i);
		http_add_container(fixture, "alpha", name, name, "running");
		fake_host_set_monotonic(fixture->host, BEGAN + (i + 1) * 3600 * CLOCK_SECOND);
		struct http_answer answer = get(fixture, LIST, "");
		assert_string_equal(http_header(&answer, "X-Cache"), "miss");
		assert_non_null(strstr(answer.body, name));
		http_free(&answer);
		answer = get(fixture, LIST, "");
		assert_string_equal(http_header(&answer, "X-Cache"), "hit");
		assert_string_equal(http_header(&answer, "Age"), "0");
		assert_non_null(strstr(answer.body, name));
		http_free(&answer);
	}
}

static void what_never_changes_is_the_same_each_time(void **state)
{
	static const char *const targets[] = {"/openapi.json", "/docs", "/",
					      "/assets/dashboard.js"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct http_answer first = get(*state, targets[i], "");
		assert_int_equal(first.status, 200);
		for (int k = 0; k < 2; k++) {
			struct http_answer again = get(*state, targets[i], "");
			assert_string_equal(http_header(&again, "X-Cache"), "off");
			assert_int_equal(again.len, first.len);
			assert_memory_equal(again.body, first.body, first.len);
			http_free(&again);
		}
		struct http_answer packed = get(*state, targets[i], "Accept-Encoding: gzip\r\n");
		assert_string_equal(http_header(&packed, "Content-Encoding"), "gzip");
		http_free(&packed);
		http_free(&first);
	}
	struct http_answer mistake = get(*state, "/openapi.json?x=1", "");
	assert_int_equal(mistake.status, 400);
	http_free(&mistake);
	mistake = get(*state, "/openapi.json", "");
	assert_int_equal(mistake.status, 200);
	http_free(&mistake);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_age_goes_on),
		TEST(each_origin_gets_its_own_headers),
		TEST(each_coding_and_who_has_it_get_what_they_asked_for),
		TEST(a_new_answer_is_given_once_there_is_one),
		TEST(what_never_changes_is_the_same_each_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
