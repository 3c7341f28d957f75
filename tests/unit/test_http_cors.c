#include <stdlib.h>
#include <string.h>

#include "http/cors.h"
#include "http_fixture.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void);

static const char *const ours[] = {"https://a.example", "http://b.example:8080", NULL};
static const char *const all[] = {"*", NULL};

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_add_container(fixture, "alpha", "abc", "web", "running");
	*state = fixture;
	return 0;
}

static struct http_answer query(struct http_fixture *fixture, const char *method,
				const char *headers)
{
	char request[600];
	snprintf(request, sizeof(request),
		 "%s /api/v1/containers HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
		 method, headers);
	return http_raw(fixture, request);
}

#define PREFLIGHT "Access-Control-Request-Method: GET\r\n"
#define ALLOW "Access-Control-Allow-Origin"

/* NULL: nothing may be said. */
static void expect_allowed(struct http_fixture *fixture, const char *origin, const char *allowed)
{
	struct http_answer answer = query(fixture, "GET", origin);
	assert_int_equal(answer.status, 200);
	const char *said = http_header(&answer, ALLOW);
	if (allowed)
		assert_string_equal(said, allowed);
	else
		assert_null(said);
	http_free(&answer);
}

static void nothing_is_allowed_unless_it_is_set(void **state)
{
	http_start(*state);
	expect_allowed(*state, "Origin: https://a.example\r\n", NULL);
	struct http_answer answer =
		query(*state, "OPTIONS", "Origin: https://a.example\r\n" PREFLIGHT);
	assert_int_equal(answer.status, 405);
	assert_null(http_header(&answer, ALLOW));
	http_free(&answer);
}

static void exactly_the_origins_that_are_set_are_allowed(void **state)
{
	struct http_fixture *fixture = *state;
	fixture->config.cors_origins = ours;
	http_start(fixture);
	expect_allowed(fixture, "Origin: https://a.example\r\n", "https://a.example");
	expect_allowed(fixture, "Origin: http://b.example:8080\r\n", "http://b.example:8080");
	expect_allowed(fixture, "Origin: https://a.example.evil.org\r\n", NULL);
	expect_allowed(fixture, "Origin: http://a.example\r\n", NULL);
	expect_allowed(fixture, "Origin: null\r\n", NULL);
	expect_allowed(fixture, "", NULL);
}

static void a_preflight_is_answered_to_these_only(void **state)
{
	struct http_fixture *fixture = *state;
	fixture->config.cors_origins = ours;
	http_start(fixture);
	struct http_answer answer =
		query(fixture, "OPTIONS", "Origin: https://a.example\r\n" PREFLIGHT);
	assert_int_equal(answer.status, 204);
	assert_string_equal(http_header(&answer, ALLOW), "https://a.example");
	assert_string_equal(http_header(&answer, "Access-Control-Allow-Methods"), "GET, HEAD");
	assert_non_null(
		strstr(http_header(&answer, "Access-Control-Allow-Headers"), "Last-Event-ID"));
	http_free(&answer);
	answer = query(fixture, "OPTIONS", "Origin: https://c.example\r\n" PREFLIGHT);
	assert_int_equal(answer.status, 405);
	http_free(&answer);
	answer = query(fixture, "OPTIONS", "Origin: https://a.example\r\n");
	assert_int_equal(answer.status, 405);
	http_free(&answer);
	answer = query(fixture, "POST", "Origin: https://a.example\r\n" PREFLIGHT);
	assert_int_equal(answer.status, 405);
	http_free(&answer);
}

static void all_are_allowed_without_tokens_only(void **state)
{
	struct http_fixture *fixture = *state;
	void *self;
	fixture->config.cors_origins = all;
	fixture->config.tokens_file = "/nonexistent";
	struct tally_ctx *ctx = fake_host_ctx(fixture->host);
	assert_true(tally_plugin()->create(ctx, &fixture->config, &self) < 0);
	assert_non_null(strstr(fake_host_reason(fixture->host), "list the origins"));
	fixture->config.tokens_file = NULL;
	http_start(fixture);
	expect_allowed(fixture, "Origin: https://any.example\r\n", "*");
}

static void what_is_no_origin_is_refused(void **state)
{
	static const char *const wrong[] = {"example.org", "https://a.example/", "https://", "://a",
					    "https://*.a.example"};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *const list[] = {"https://good.example", wrong[i], NULL};
		assert_ptr_equal(cors_check(list), wrong[i]);
	}
	assert_null(cors_check(ours));
	assert_null(cors_check(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_allowed_unless_it_is_set),
		TEST(exactly_the_origins_that_are_set_are_allowed),
		TEST(a_preflight_is_answered_to_these_only),
		TEST(all_are_allowed_without_tokens_only),
		cmocka_unit_test(what_is_no_origin_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
