/* Signing in and out with a cookie, and what a foreign page could do with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/auth.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

#define ALL "all-of-it-0123456789"
#define STATS "only-stats-0123456789"

#define OWN "Host: api.example\r\nOrigin: http://api.example\r\n"
#define JSON "Content-Type: application/json\r\n"

static char path[] = "/tmp/tallyd-tokens-XXXXXX";

static void write_tokens(const char *text)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(chmod(path, 0600), 0);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	memcpy(path + strlen(path) - 6, "XXXXXX", 6);
	close(mkstemp(path));
	write_tokens(ALL " read\n" STATS " stats stream\n");
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

static struct http_answer send_request(struct http_fixture *fixture, const char *line,
				       const char *headers, const char *body)
{
	char request[4000];
	char length[40] = "";
	if (body)
		snprintf(length, sizeof(length), "Content-Length: %zu\r\n", strlen(body));
	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nConnection: close\r\n%s%s\r\n%s", line,
		 headers, length, body ? body : "");
	return http_raw(fixture, request);
}

static int status_of(struct http_fixture *fixture, const char *line, const char *headers,
		     const char *body)
{
	struct http_answer answer = send_request(fixture, line, headers, body);
	int is = answer.status;
	http_free(&answer);
	return is;
}

static int sign_in_status(struct http_fixture *fixture, const char *headers, const char *body)
{
	return status_of(fixture, "POST /api/v1/session", headers, body);
}

/* "Cookie: tallyd_session=…\r\n" with the host. */
static void sign_in(struct http_fixture *fixture, const char *token, char ret[200])
{
	char body[200];
	snprintf(body, sizeof(body), "{\"token\":\"%s\"}", token);
	struct http_answer answer = send_request(fixture, "POST /api/v1/session", OWN JSON, body);
	assert_int_equal(answer.status, 204);
	assert_int_equal(answer.len, 0);
	const char *cookie = http_header(&answer, "Set-Cookie");
	assert_non_null(cookie);
	snprintf(ret, 200, "Host: api.example\r\nCookie: %.*s\r\n", (int)strcspn(cookie, ";"),
		 cookie);
	http_free(&answer);
}

static int status(struct http_fixture *fixture, const char *target, const char *headers)
{
	char line[200];
	snprintf(line, sizeof(line), "GET %s", target);
	return status_of(fixture, line, headers, NULL);
}

/* ---- What a session is --------------------------------------------------- */

static void a_session_covers_what_its_token_does(void **state)
{
	char all[200], stats[200];
	http_start(*state);
	sign_in(*state, ALL, all);
	sign_in(*state, STATS, stats);
	assert_string_not_equal(all, stats);
	assert_int_equal(status(*state, "/api/v1/containers", all), 200);
	assert_int_equal(status(*state, "/metrics", all), 200);
	assert_int_equal(status(*state, "/api/v1/stats/latest", stats), 200);
	assert_int_equal(status(*state, "/api/v1/stream/stats?nope", stats), 400);
	assert_int_equal(status(*state, "/api/v1/containers", stats), 403);
	assert_int_equal(status(*state, "/api/v1/containers", "Host: x\r\n"), 401);
}

static void the_cookie_is_for_the_browser_alone(void **state)
{
	struct http_fixture *fixture = *state;
	const char *again;
	http_start(fixture);
	struct http_answer answer =
		send_request(fixture, "POST /api/v1/session", OWN JSON, "{\"token\":\"" ALL "\"}");
	const char *cookie = http_header(&answer, "Set-Cookie");
	assert_memory_equal(cookie, "tallyd_session=", 15);
	assert_int_equal(strspn(cookie + 15, "0123456789abcdef"), 64);
	again = cookie + 15 + 64;
	assert_string_equal(again, "; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict");
	assert_string_equal(http_header(&answer, "Cache-Control"), "no-store");
	http_free(&answer);
	answer = send_request(fixture, "POST /api/v1/session",
			      "Host: api.example\r\nOrigin: https://api.example\r\n" JSON,
			      "{\"token\":\"" ALL "\"}");
	cookie = http_header(&answer, "Set-Cookie");
	assert_string_equal(cookie + strlen(cookie) - 8, "; Secure");
	http_free(&answer);
	assert_null(strstr(fake_host_log(fixture->host, TALLY_DEBUG), ALL));
}

static json_t *session_of(struct http_fixture *fixture, const char *headers)
{
	struct http_answer answer = send_request(fixture, "GET /api/v1/session", headers, NULL);
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "Cache-Control"), "no-store");
	json_t *json = json_incref(answer.json);
	http_free(&answer);
	return json;
}

static void expect_session(struct http_fixture *fixture, const char *headers, const char *text)
{
	json_t *is = session_of(fixture, headers), *want = json_loads(text, 0, NULL);
	assert_non_null(want);
	if (!json_equal(is, want))
		fail_msg("%s is not %s", json_dumps(is, 0), text);
	json_decref(is);
	json_decref(want);
}

static void a_page_learns_whether_it_has_to_ask_for_a_token(void **state)
{
	struct http_fixture *fixture = *state;
	char stats[200];
	http_start(fixture);
	expect_session(fixture, "Host: x\r\n",
		       "{\"required\":true,\"signed_in\":false,\"scopes\":[]}");
	sign_in(fixture, STATS, stats);
	expect_session(fixture, stats,
		       "{\"required\":true,\"signed_in\":true,\"scopes\":[\"stats\",\"stream\"]}");
	expect_session(fixture, "Host: x\r\nAuthorization: Bearer " ALL "\r\n",
		       "{\"required\":true,\"signed_in\":true,\"scopes\":[\"read\"]}");
}

static void without_tokens_there_is_nothing_to_sign_in_to(void **state)
{
	struct http_fixture *fixture = *state;
	fixture->config.tokens_file = NULL;
	http_start(fixture);
	expect_session(fixture, "Host: localhost\r\n",
		       "{\"required\":false,\"signed_in\":false,\"scopes\":[\"read\"]}");
	assert_int_equal(sign_in_status(fixture,
					"Host: localhost\r\nOrigin: http://localhost\r\n" JSON,
					"{\"token\":\"" ALL "\"}"),
			 404);
}

/* ---- How it ends --------------------------------------------------------- */

static void signing_out_ends_it(void **state)
{
	char cookie[200], headers[400];
	http_start(*state);
	sign_in(*state, ALL, cookie);
	snprintf(headers, sizeof(headers), "%sOrigin: http://api.example\r\n", cookie);
	struct http_answer answer = send_request(*state, "DELETE /api/v1/session", headers, NULL);
	assert_int_equal(answer.status, 204);
	assert_non_null(strstr(http_header(&answer, "Set-Cookie"), "tallyd_session=; "));
	assert_non_null(strstr(http_header(&answer, "Set-Cookie"), "Max-Age=0"));
	http_free(&answer);
	answer = send_request(*state, "GET /api/v1/containers", cookie, NULL);
	assert_int_equal(answer.status, 401);
	assert_non_null(strstr(answer.body, "sign in again"));
	http_free(&answer);
	assert_int_equal(status_of(*state, "DELETE /api/v1/session", headers, NULL), 204);
}

static void it_ends_after_its_life_and_when_it_is_not_used(void **state)
{
	struct http_fixture *fixture = *state;
	char idle[200], used[200];
	int64_t now = 1000 * CLOCK_SECOND;
	fake_host_set_monotonic(fixture->host, now);
	http_start(fixture);
	sign_in(fixture, ALL, idle);
	sign_in(fixture, ALL, used);
	for (int minutes = 0; minutes < 60; minutes += 6) {
		assert_int_equal(status(fixture, "/metrics", used), 200);
		fake_host_set_monotonic(fixture->host, now += 6 * CLOCK_MINUTE);
		if (minutes == 6)
			assert_int_equal(status(fixture, "/metrics", idle), 401);
	}
	assert_int_equal(status(fixture, "/metrics", used), 401);
}

static void other_tokens_end_all_sessions_and_a_touched_file_none(void **state)
{
	struct http_fixture *fixture = *state;
	char cookie[200];
	http_start(fixture);
	sign_in(fixture, ALL, cookie);
	write_tokens(ALL " read\n" STATS " stats stream\n# nothing new\n");
	WAIT_UNTIL(status(fixture, "/metrics", cookie) == 200 &&
		   strstr(fake_host_log(fixture->host, TALLY_NOTICE), "reloaded, 2 tokens"));
	assert_int_equal(status(fixture, "/metrics", cookie), 200);
	write_tokens(ALL " read\n");
	WAIT_UNTIL(status(fixture, "/metrics", cookie) == 401);
}

/* Signed out, while a stream goes on that the session had begun. */
static void a_stream_ends_with_its_session(void **state)
{
	struct http_fixture *fixture = *state;
	char cookie[200], request[600], text[4000];
	int64_t now = 1000 * CLOCK_SECOND;
	fixture->config.live = HTTP_LIVE_PIPELINE;
	fixture->config.live_heartbeat = CLOCK_SECOND;
	fake_host_set_monotonic(fixture->host, now);
	http_start(fixture);
	sign_in(fixture, ALL, cookie);
	snprintf(request, sizeof(request), "GET /api/v1/stream/stats HTTP/1.0\r\n%s\r\n", cookie);
	int fd = http_connect(fixture);
	http_send(fd, request, strlen(request));
	assert_true(recv(fd, text, sizeof(text), 0) > 0);
	/* It goes on, and that counts as use: longer than a session may be idle. */
	for (int i = 0; i < 15; i++) {
		fake_host_set_monotonic(fixture->host, now += CLOCK_MINUTE);
		assert_true(recv(fd, text, sizeof(text), 0) > 0);
	}
	assert_int_equal(status(fixture, "/metrics", cookie), 200);
	snprintf(request, sizeof(request), "%sOrigin: http://api.example\r\n", cookie);
	assert_int_equal(status_of(fixture, "DELETE /api/v1/session", request, NULL), 204);
	fake_host_set_monotonic(fixture->host, now + CLOCK_MINUTE);
	ssize_t got;
	while ((got = recv(fd, text, sizeof(text), 0)) > 0)
		;
	assert_int_equal(got, 0);
	close(fd);
}

/* As many as a token may have, and one more; another token's stays. */
static void there_are_only_so_many_of_a_token(void **state)
{
	char first[200], other[200], cookie[200];
	http_start(*state);
	sign_in(*state, STATS, other);
	sign_in(*state, ALL, first);
	for (int i = 1; i < SESSIONS_PER_TOKEN; i++)
		sign_in(*state, ALL, cookie);
	assert_int_equal(status(*state, "/metrics", first), 200);
	sign_in(*state, ALL, cookie); /* instead of the second, which was idle for longest */
	assert_int_equal(status(*state, "/metrics", cookie), 200);
	assert_int_equal(status(*state, "/metrics", first), 200);
	assert_int_equal(status(*state, "/api/v1/stats/latest", other), 200);
}

/* ---- What is refused ----------------------------------------------------- */

static void only_pages_of_this_origin_sign_in_and_out(void **state)
{
	static const char *const foreign[] = {
		"Host: api.example\r\n",
		"Host: api.example\r\nOrigin: http://evil.example\r\n",
		"Host: api.example\r\nOrigin: http://api.example:8080\r\n",
		"Host: api.example\r\nOrigin: null\r\n",
		OWN "Sec-Fetch-Site: cross-site\r\n",
		OWN "Sec-Fetch-Site: same-site\r\n",
		OWN "Sec-Fetch-Site: none\r\n",
	};
	char headers[400], cookie[200];
	http_start(*state);
	sign_in(*state, ALL, cookie);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		snprintf(headers, sizeof(headers), "%s" JSON, foreign[i]);
		assert_int_equal(sign_in_status(*state, headers, "{\"token\":\"" ALL "\"}"), 403);
		snprintf(headers, sizeof(headers), "%s%s", foreign[i], strstr(cookie, "Cookie:"));
		assert_int_equal(status_of(*state, "DELETE /api/v1/session", headers, NULL), 403);
	}
	assert_int_equal(status(*state, "/metrics", cookie), 200);
	/* Behind a proxy that passes on another Host. */
	assert_int_equal(sign_in_status(*state,
					"Host: 127.0.0.1:7420\r\nOrigin: https://api.example\r\n"
					"Sec-Fetch-Site: same-origin\r\n" JSON,
					"{\"token\":\"" ALL "\"}"),
			 204);
}

static void the_cookie_does_not_count_in_what_other_origins_request(void **state)
{
	char cookie[200], headers[300];
	http_start(*state);
	sign_in(*state, ALL, cookie);
	snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: same-site\r\n", cookie);
	assert_int_equal(status(*state, "/metrics", headers), 401);
	snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: same-origin\r\n", cookie);
	assert_int_equal(status(*state, "/metrics", headers), 200);
	snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: none\r\n", cookie);
	assert_int_equal(status(*state, "/metrics", headers), 200);
}

static void what_is_no_token_in_json_is_refused(void **state)
{
	char large[HTTP_MAX_UPLOAD + 2];
	http_start(*state);
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	static const char *const bodies[] = {"",
					     "{}",
					     "[]",
					     "\"" ALL "\"",
					     "{\"token\":1}",
					     "{\"token\":null}",
					     ("{\"token\":\"" ALL "\""),
					     "{\"token\":\"" ALL "\"} x",
					     "token=" ALL};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		assert_int_equal(sign_in_status(*state, OWN JSON, bodies[i]), 400);
	assert_int_equal(sign_in_status(*state, OWN JSON, NULL), 400);
	assert_int_equal(sign_in_status(*state, OWN JSON, large), 413);
	assert_int_equal(sign_in_status(*state, OWN "Content-Type: text/plain\r\n",
					"{\"token\":\"" ALL "\"}"),
			 415);
	assert_int_equal(sign_in_status(*state, OWN, "{\"token\":\"" ALL "\"}"), 415);
	/* Only there is a body taken. */
	assert_int_equal(status_of(*state, "GET /api/v1/session", OWN, "x"), 400);
	assert_int_equal(status_of(*state, "DELETE /api/v1/session", OWN, "x"), 400);
	assert_int_equal(status_of(*state, "POST /api/v1/sessions", OWN JSON, "{}"), 405);
	assert_int_equal(status_of(*state, "POST /api/v1/session",
				   OWN JSON "Transfer-Encoding: chunked\r\n", NULL),
			 400);
	struct http_answer answer = send_request(*state, "PUT /api/v1/session", OWN, NULL);
	assert_int_equal(answer.status, 405);
	assert_string_equal(http_header(&answer, "Allow"), "GET, HEAD, POST, DELETE");
	http_free(&answer);
}

static void a_body_may_come_in_pieces(void **state)
{
	static const char head[] = "POST /api/v1/session HTTP/1.1\r\n" OWN JSON
				   "Connection: close\r\nContent-Length: 32\r\n\r\n";
	static const char body[] = "{\"token\":\"" ALL "\"}";
	http_start(*state);
	assert_int_equal(strlen(body), 32);
	int fd = http_connect(*state);
	http_send(fd, head, strlen(head));
	for (size_t i = 0; i < strlen(body); i++)
		http_send(fd, body + i, 1);
	struct http_answer answer = http_read(fd);
	assert_int_equal(answer.status, 204);
	http_free(&answer);
	close(fd);
}

/* Wrong ones here and in Authorization count together. */
static void wrong_tokens_are_slowed_like_those_of_any_request(void **state)
{
	struct http_fixture *fixture = *state;
	char cookie[200];
	http_start(fixture);
	for (int i = 0; i < AUTH_THROTTLE_BURST; i++)
		assert_int_equal(i % 2 ? sign_in_status(fixture, OWN JSON,
							"{\"token\":\"a-wrong-one-0123456789\"}")
				       : status(fixture, "/metrics",
						"Host: x\r\nAuthorization: Bearer "
						"a-wrong-one-0123456789\r\n"),
				 401);
	struct http_answer answer = send_request(fixture, "POST /api/v1/session", OWN JSON,
						 "{\"token\":\"a-wrong-one-0123456789\"}");
	assert_int_equal(answer.status, 429);
	assert_non_null(http_header(&answer, "Retry-After"));
	assert_null(http_header(&answer, "Set-Cookie"));
	http_free(&answer);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_THROTTLED), 1);
	assert_null(strstr(fake_host_log(fixture->host, TALLY_WARNING), "a-wrong-one"));
	sign_in(fixture, ALL, cookie);
}

/* A session that is over is not somebody who guesses. */
static void an_old_cookie_is_not_slowed(void **state)
{
	http_start(*state);
	for (int i = 0; i < 2 * AUTH_THROTTLE_BURST; i++)
		assert_int_equal(status(*state, "/metrics",
					"Host: x\r\nCookie: tallyd_session=0123456789abcdef\r\n"),
				 401);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_session_covers_what_its_token_does),
		TEST(the_cookie_is_for_the_browser_alone),
		TEST(a_page_learns_whether_it_has_to_ask_for_a_token),
		TEST(without_tokens_there_is_nothing_to_sign_in_to),
		TEST(signing_out_ends_it),
		TEST(it_ends_after_its_life_and_when_it_is_not_used),
		TEST(other_tokens_end_all_sessions_and_a_touched_file_none),
		TEST(a_stream_ends_with_its_session),
		TEST(there_are_only_so_many_of_a_token),
		TEST(only_pages_of_this_origin_sign_in_and_out),
		TEST(the_cookie_does_not_count_in_what_other_origins_request),
		TEST(what_is_no_token_in_json_is_refused),
		TEST(a_body_may_come_in_pieces),
		TEST(wrong_tokens_are_slowed_like_those_of_any_request),
		TEST(an_old_cookie_is_not_slowed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
