/* Who may ask: bearer tokens from a file, and names that this machine is called by. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "http/auth.h"
#include "http_fixture.h"
#include "routes/endpoint.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

#define ALL "all-of-it-0123456789"
#define STATS "only-stats-0123456789"
#define STREAM "only-streams-0123456789"

static char path[] = "/tmp/tallyd-tokens-XXXXXX";

static void write_tokens(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	close(mkstemp(path));
	write_tokens("# ours\n\n" ALL " read\n" STATS "\tstats metrics\n", 0600);
	http_prepare(fixture);
	http_add_container(fixture, "alpha", "abc", "web", "running");
	fixture->config.tokens_file = path;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	http_tear_down(state);
	unlink(path);
	return 0;
}

static struct http_answer query(struct http_fixture *fixture, const char *target,
				const char *headers)
{
	char request[1000];
	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nConnection: close\r\n%s\r\n", target,
		 headers);
	return http_raw(fixture, request);
}

static int status(struct http_fixture *fixture, const char *target, const char *headers)
{
	struct http_answer answer = query(fixture, target, headers);
	int is = answer.status;
	http_free(&answer);
	return is;
}

#define BEARER(token) "Host: example.org\r\nAuthorization: Bearer " token "\r\n"

static void without_a_token_only_public_pages_answer(void **state)
{
	static const char *const targets[] = {"/api/v1/containers", "/metrics", "/readyz", "/nope",
					      "/api/v1/stream/logs"};
	static const char *const open[] = {"/healthz", "/", "/docs", "/openapi.json",
					   "/api/v1/session"};
	http_start(*state);
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		assert_int_equal(status(*state, open[i], "Host: x\r\n"), 200);
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		struct http_answer answer = query(*state, targets[i], "Host: x\r\n");
		assert_int_equal(answer.status, 401);
		assert_string_equal(http_header(&answer, "WWW-Authenticate"),
				    "Bearer realm=\"tallyd\"");
		assert_string_equal(http_header(&answer, "Content-Type"),
				    "application/problem+json; charset=utf-8");
		http_free(&answer);
	}
	assert_int_equal(status(*state, "/metrics", BEARER("")), 401);
	assert_int_equal(status(*state, "/metrics", BEARER("all-of-it-012345678")), 401);
	assert_int_equal(status(*state, "/metrics", BEARER(ALL "0")), 401);
	assert_int_equal(status(*state, "/metrics", BEARER("read")), 401);
	assert_int_equal(status(*state, "/metrics", "Host: x\r\nAuthorization: Basic eDp5\r\n"),
			 401);
	assert_true(fake_host_metric(((struct http_fixture *)*state)->host, HTTP_DENIED) >= 9);
}

static void a_token_opens_what_its_scopes_say(void **state)
{
	http_start(*state);
	assert_int_equal(status(*state, "/api/v1/containers", BEARER(ALL)), 200);
	assert_int_equal(status(*state, "/nope", BEARER(ALL)), 404);
	assert_int_equal(status(*state, "/metrics", BEARER(STATS)), 200);
	assert_int_equal(status(*state, "/api/v1/stats/latest", BEARER(STATS)), 200);
	struct http_answer answer = query(*state, "/api/v1/containers", BEARER(STATS));
	assert_int_equal(answer.status, 403);
	assert_string_equal(http_header(&answer, "WWW-Authenticate"),
			    "Bearer realm=\"tallyd\", error=\"insufficient_scope\", "
			    "scope=\"containers\"");
	assert_non_null(strstr(answer.body, "needs the scope \\\"containers\\\", or \\\"read\\\""));
	http_free(&answer);
}

/* "/a/{}" with something in the place of {}, and a parameter that most refuse. */
static void write_target(const char *pattern, char *ret, size_t size)
{
	size_t len = strcspn(pattern, "{");
	snprintf(ret, size, "%.*s%s%s?nope", (int)len, pattern, pattern[len] ? "x" : "",
		 pattern[len] ? pattern + len + 2 : "");
}

/* A token for each set of scopes that is asked for, called after it. */
#define TOKEN(scopes) "0123456789abcdef-" scopes
#define LINE(name, scopes) TOKEN(name) " " scopes "\n"
#define LINE_OF(scope) LINE(scope, scope)
static const char tokens[] = LINE_OF("containers") LINE_OF("stats") LINE_OF("logs")
	LINE_OF("events") LINE_OF("images") LINE_OF("tables") LINE_OF("daemon") LINE_OF("health")
		LINE_OF("metrics") LINE_OF("stream") LINE("stats-stream", "stats stream")
			LINE("logs-stream", "logs stream") LINE("events-stream", "events stream")
				LINE("events-stats-logs", "events stats logs");

/* The token with the scopes that a refusal names. */
static void write_bearer(const struct http_answer *refusal, char *ret, size_t size)
{
	const char *scope = strstr(http_header(refusal, "WWW-Authenticate"), "scope=\"");
	assert_non_null(scope);
	int len = snprintf(ret, size, BEARER(TOKEN("%.*s")), (int)strcspn(scope + 7, "\""),
			   scope + 7);
	for (char *at = strstr(ret, "0123456789"); at < ret + len; at++)
		if (*at == ' ')
			*at = '-';
}

static void a_refusal_names_the_scopes_that_would_do(void **state)
{
	char target[100], bearer[200];
	write_tokens(tokens, 0600);
	http_start(*state);
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++) {
		write_target(endpoint->path, target, sizeof(target));
		struct http_answer answer = query(*state, target, BEARER(TOKEN("health")));
		bool open = endpoint->class == HTTP_HEALTH || endpoint->class >= HTTP_OTHER;
		assert_int_equal(answer.status == 403, !open);
		if (answer.status == 403) {
			write_bearer(&answer, bearer, sizeof(bearer));
			assert_int_not_equal(status(*state, target, bearer), 403);
			assert_int_not_equal(status(*state, target, bearer), 401);
		}
		http_free(&answer);
	}
	struct http_answer answer = query(*state, "/api/v1/stream/logs", BEARER(TOKEN("logs")));
	assert_non_null(strstr(answer.body, "\\\"logs stream\\\", or \\\"read\\\""));
	http_free(&answer);
}

static void a_stream_takes_its_own_scope_and_that_of_its_rows(void **state)
{
	write_tokens(ALL " read\n" STATS " stats\n" STREAM " stream stats\n", 0600);
	http_start(*state);
	assert_int_equal(status(*state, "/api/v1/stream/stats?nope", BEARER(ALL)), 400);
	assert_int_equal(status(*state, "/api/v1/stream/stats?nope", BEARER(STREAM)), 400);
	assert_int_equal(status(*state, "/api/v1/stream/logs", BEARER(STREAM)), 403);
	assert_int_equal(status(*state, "/api/v1/stream/stats", BEARER(STATS)), 403);
	assert_int_equal(status(*state, "/api/v1/stream/stats", "Host: x\r\n"), 401);
}

/* That token goes on being taken until the log has an error with that text. */
static bool serves_and_says(struct http_fixture *fixture, const char *token, const char *text)
{
	assert_int_equal(status(fixture, "/metrics", token), 200);
	return strstr(fake_host_log(fixture->host, TALLY_ERROR), text) != NULL;
}

static void a_changed_file_is_read_again_unless_it_is_wrong(void **state)
{
	struct http_fixture *fixture = *state;
	http_start(fixture);
	assert_int_equal(status(fixture, "/metrics", BEARER(ALL)), 200);
	write_tokens("another-one-0123456789 read\n", 0600);
	WAIT_UNTIL(status(fixture, "/metrics", BEARER(ALL)) == 401);
	assert_int_equal(status(fixture, "/metrics", BEARER("another-one-0123456789")), 200);
	write_tokens(ALL " everything\n", 0600);
	WAIT_UNTIL(serves_and_says(fixture, BEARER("another-one-0123456789"), "scope"));
	assert_int_equal(status(fixture, "/metrics", BEARER(ALL)), 401);
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_ERROR), ":1: no such scope"));
	assert_null(strstr(fake_host_log(fixture->host, TALLY_DEBUG), ALL));
	assert_int_equal(status(fixture, "/metrics", BEARER("another-one-0123456789")), 200);
}

/* In place of what there is, as old as that. */
static void replace_tokens(const char *text, mode_t mode)
{
	char other[sizeof(path) + 4];
	struct stat old;
	assert_int_equal(stat(path, &old), 0);
	snprintf(other, sizeof(other), "%s.new", path);
	FILE *file = fopen(other, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	const struct timespec times[] = {old.st_atim, old.st_mtim};
	assert_int_equal(utimensat(AT_FDCWD, other, times, 0), 0);
	assert_int_equal(chmod(other, mode), 0);
	assert_int_equal(rename(other, path), 0);
}

static void a_file_whose_mode_is_set_right_is_read_then(void **state)
{
	struct http_fixture *fixture = *state;
	http_start(fixture);
	replace_tokens("another-one-0123456789 read\n", 0644);
	WAIT_UNTIL(serves_and_says(fixture, BEARER(ALL), "chmod 600"));
	assert_int_equal(chmod(path, 0600), 0);
	WAIT_UNTIL(status(fixture, "/metrics", BEARER(ALL)) == 401);
	assert_int_equal(status(fixture, "/metrics", BEARER("another-one-0123456789")), 200);
}

static void who_shows_wrong_tokens_is_slowed_and_a_right_one_is_let_in(void **state)
{
	struct http_fixture *fixture = *state;
	struct timespec before, after;
	http_start(fixture);
	for (int i = 0; i < AUTH_THROTTLE_BURST; i++)
		assert_int_equal(status(fixture, "/metrics", BEARER("a-wrong-one-0123456789")),
				 401);
	clock_gettime(CLOCK_MONOTONIC, &before);
	struct http_answer answer = query(fixture, "/metrics", BEARER("a-wrong-one-0123456789"));
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000 >=
		    900);
	assert_int_equal(answer.status, 429);
	assert_string_equal(http_header(&answer, "X-Cache"), "off");
	assert_string_equal(http_header(&answer, "Cache-Control"), "no-store");
	long wait = strtol(http_header(&answer, "Retry-After"), NULL, 10);
	assert_true(wait > 0 && wait <= AUTH_THROTTLE_SECONDS);
	http_free(&answer);
	assert_int_equal(status(fixture, "/metrics", BEARER(ALL)), 200);
	assert_int_equal(status(fixture, "/metrics", "Host: x\r\n"), 401);
	assert_int_equal(status(fixture, "/healthz", "Host: x\r\n"), 200);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_THROTTLED), 1);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_IN_FLIGHT), 0);
	const char *log = fake_host_log(fixture->host, TALLY_WARNING);
	assert_non_null(strstr(log, "1 request with a wrong token from 127.0.0.1"));
	assert_null(strstr(log, "a-wrong-one"));
}

/* More than there are workers, and the server is stopped meanwhile. */
static void those_who_are_held_back_hold_up_nobody(void **state)
{
	struct http_fixture *fixture = *state;
	int fds[20];
	static const char request[] =
		"GET /metrics HTTP/1.1\r\n" BEARER("a-wrong-one-0123456789") "\r\n";
	http_start(fixture);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		fds[i] = http_connect(fixture);
		http_send(fds[i], request, strlen(request));
	}
	assert_int_equal(status(fixture, "/api/v1/containers", BEARER(ALL)), 200);
	tally_plugin()->stop(fixture->plugin);
	tally_plugin()->destroy(fixture->plugin);
	fixture->plugin = NULL;
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close(fds[i]);
}

static void every_answer_to_a_token_says_that_it_depends_on_it(void **state)
{
	static const char *const origins[] = {"https://a.example", NULL};
	static const char *const targets[] = {"/api/v1/containers", "/", "/nope", "/metrics",
					      "/api/v1/hosts"};
	struct http_fixture *fixture = *state;
	fixture->config.cors_origins = origins;
	http_start(fixture);
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		for (int again = 0; again < 2; again++) {
			struct http_answer answer = query(fixture, targets[i], BEARER(ALL));
			assert_string_equal(http_header(&answer, "Vary"),
					    "Accept-Encoding, Authorization, Cookie, Origin");
			http_free(&answer);
		}
}

static void expect_refusal(struct http_fixture *fixture, int error, const char *why)
{
	struct tally_ctx *ctx = fake_host_ctx(fixture->host);
	void *self;
	assert_int_equal(tally_plugin()->create(ctx, &fixture->config, &self), 0);
	assert_int_equal(tally_plugin()->start(self), error);
	if (!strstr(fake_host_reason(fixture->host), why))
		fail_msg("\"%s\" does not say \"%s\"", fake_host_reason(fixture->host), why);
	tally_plugin()->destroy(self);
}

static void a_file_that_is_wrong_or_open_to_others_is_refused(void **state)
{
	write_tokens(ALL " read\n", 0604);
	expect_refusal(*state, -EPERM, "others may read");
	write_tokens("short read\n", 0600);
	expect_refusal(*state, -EINVAL, ":1: a token has 20 to 127 bytes");
	write_tokens("0123456789abcdef012 read\n", 0600); /* 19 */
	expect_refusal(*state, -EINVAL, ":1: a token has 20");
	write_tokens("\n" ALL "\n", 0600);
	expect_refusal(*state, -EINVAL, ":2: no scope");
	write_tokens("# nothing\n", 0600);
	expect_refusal(*state, -EINVAL, "contains no token");
	unlink(path);
	expect_refusal(*state, -ENOENT, "No such file");
}

static void with_tokens_a_public_address_is_fine(void **state)
{
	struct http_fixture *fixture = *state;
	fixture->config.listen = "0.0.0.0:0";
	http_start(fixture);
	assert_int_equal(status(fixture, "/metrics", BEARER(ALL)), 200);
}

static void names_of_this_machine_are_told_from_others(void **state)
{
	static const char *const own[] = {"localhost", "LOCALHOST:7420", "127.0.0.1:7420",
					  "[::1]:7420", "10.1.2.3"};
	static const char *const others[] = {"x",
					     "evil.example:7420",
					     "127.0.0.1.evil.example",
					     "localhost.evil.example",
					     "",
					     "[::1",
					     "::1"};
	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		assert_true(auth_is_own_name(own[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(auth_is_own_name(others[i]));
}

static void a_rebound_name_reads_nothing_on_loopback(void **state)
{
	static const char *const also[] = {"stats.example.org", NULL};
	struct http_fixture *fixture = *state;
	fixture->config.tokens_file = NULL;
	fixture->config.allowed_hosts = also;
	http_start(fixture);
	assert_int_equal(status(fixture, "/api/v1/containers", "Host: evil.example\r\n"), 421);
	assert_int_equal(status(fixture, "/healthz", "Host: evil.example:7420\r\n"), 421);
	assert_int_equal(status(fixture, "/api/v1/containers", "Host: localhost\r\n"), 200);
	assert_int_equal(status(fixture, "/healthz", "Host: Stats.example.org:80\r\n"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_token_only_public_pages_answer),
		TEST(a_token_opens_what_its_scopes_say),
		TEST(a_refusal_names_the_scopes_that_would_do),
		TEST(a_stream_takes_its_own_scope_and_that_of_its_rows),
		TEST(a_changed_file_is_read_again_unless_it_is_wrong),
		TEST(a_file_whose_mode_is_set_right_is_read_then),
		TEST(who_shows_wrong_tokens_is_slowed_and_a_right_one_is_let_in),
		TEST(those_who_are_held_back_hold_up_nobody),
		TEST(every_answer_to_a_token_says_that_it_depends_on_it),
		TEST(a_file_that_is_wrong_or_open_to_others_is_refused),
		TEST(with_tokens_a_public_address_is_fine),
		cmocka_unit_test(names_of_this_machine_are_told_from_others),
		TEST(a_rebound_name_reads_nothing_on_loopback),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
