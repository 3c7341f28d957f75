#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_add_container(fixture, "alpha", "abc", "web", "running");
	fixture->config.query_timeout = CLOCK_SECOND / 2;
	http_start(fixture);
	*state = fixture;
	return 0;
}

/* ---- What could be read in two ways -------------------------------------- */

/* Refused with that status, or closed without a word; and nothing that follows is answered. */
static void assert_refused(struct http_fixture *fixture, const char *request, int status)
{
	char *smuggled = NULL;
	assert_true(asprintf(&smuggled, "%sGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
			     request) > 0);
	struct http_answer answer = http_raw(fixture, smuggled);
	if (answer.status != status)
		fail_msg("%s: %d instead of %d", request, answer.status, status);
	assert_null(strstr(answer.body ? answer.body : "", "HTTP/1.1 200"));
	assert_string_equal(http_header(&answer, "Connection"), "close");
	http_free(&answer);
	free(smuggled);
}

static void requests_that_could_be_smuggled_are_refused_and_closed(void **state)
{
#define HEAD "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
	static const char *const requests[] = {
		HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		HEAD "Transfer-Encoding: identity\r\n\r\n",
		HEAD "transfer-encoding:chunked\r\nContent-Length: 0\r\n\r\n",
		HEAD "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		HEAD "Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
		HEAD "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
		HEAD "Content-Length: 44\r\n\r\n",
		HEAD "Content-Length : 44\r\n\r\n",
		HEAD "Content-Length: +0\r\n\r\n",
		HEAD "Content-Length: 0, 0\r\n\r\n",
		HEAD "Content-Length: 0x0\r\n\r\n",
		HEAD "X Y: 1\r\n\r\n",
		HEAD "X\t: 1\r\n\r\n",
		HEAD "Host: y\r\n\r\n",
		HEAD "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",
		HEAD ": a\r\n\r\n",
		HEAD "X: a\n\r\n",
		"GET /healthz HTTP/1.1\nHost: localhost\n\n",
		"GET /healthz HTTP/1.1\r\nHost: localhost\n\r\n",
		"GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /healthz  HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /healthz x HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /healthz\x01 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET http://other/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET http:///healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /healthz%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/v1/version?a=%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /healthz HTTP/1.1\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		assert_refused(*state, requests[i], 400);
	assert_true(fake_host_metric(((struct http_fixture *)*state)->host, HTTP_MALFORMED) >= 10);
}

/* What stands behind it is not seen by libmicrohttpd, but perhaps by others. */
static void a_nul_anywhere_is_refused(void **state)
{
#define BYTES(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}
	static const struct {
		const char *bytes;
		size_t len;
	} requests[] = {
		BYTES("GET /healthz\0x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		BYTES("GET /healthz?a=\0x HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		BYTES("GET /healthz HTTP/1.1\r\nHost: localhost\0.evil\r\n\r\n"),
		BYTES(HEAD "X: a\0b\r\n\r\n"),
		BYTES(HEAD "X\0: a\r\n\r\n"),
		BYTES(HEAD "Content-Length: 0\0 5\r\n\r\nhello"),
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		int fd = http_connect(*state);
		http_send(fd, requests[i].bytes, requests[i].len);
		struct http_answer answer = http_read(fd);
		if (answer.status != 400)
			fail_msg("request %zu: %d instead of 400", i, answer.status);
		http_free(&answer);
	}
}

static void an_absolute_uri_is_a_path_with_the_host_before_it(void **state)
{
	static const char *const uris[] = {"http://localhost/healthz", "HTTP://LOCALHOST/healthz",
					   "http://localhost?x=1", "http://localhost"};
	for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
		struct http_answer answer = http_get(*state, uris[i]);
		if (answer.status != 200)
			fail_msg("%s: %d", uris[i], answer.status);
		http_free(&answer);
	}
}

static void what_is_not_utf8_is_told_apart_from_what_is_not_there(void **state)
{
	http_expect_problem(*state, "/api/v1/containers?name=%FF", 400, "name", "UTF-8");
	http_expect_problem(*state, "/api/v1/containers?name=%ED%A0%80", 400, "name", "UTF-8");
	http_expect_problem(*state, "/api/v1/containers?limit=1&name=a%C3", 400, "name", "UTF-8");
	http_expect_problem(*state, "/api/v1/containers/%FF", 400, NULL, "UTF-8");
	struct http_answer answer = http_get(*state, "/api/v1/containers?name=%C3%A4*");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

/* libmicrohttpd's own doing, or ours: what a proxy in front might have read otherwise is never
 * answered as if nothing were wrong. */
static void lines_that_end_or_go_on_oddly_are_refused_and_closed(void **state)
{
	static const char *const requests[] = {
		HEAD "X: a\rContent-Length: 4\r\n\r\n",
		HEAD "X: a\r\n Content-Length: 4\r\n\r\n",
		HEAD "X: a\r\n\tb\r\n\r\n",
		HEAD "X: a\r\n b\r\nY: c\r\n\r\n",
		HEAD "X: a\r\n b\r\n\tc\r\n\r\n",
		HEAD "Content-Length:\r\n 44\r\n\r\n",
		HEAD "Transfer-Encoding:\r\n\tchunked\r\n\r\n",
		HEAD " X: a\r\n\r\n",
		"GET /healthz HTTP/1.1\rHost: localhost\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: localhost\rX: a\r\n\r\n",
		"GET\r/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		char *smuggled = NULL;
		assert_true(asprintf(&smuggled,
				     "%sGET /api/v1/version HTTP/1.1\r\nHost: localhost\r\n"
				     "Connection: close\r\n\r\n",
				     requests[i]) > 0);
		struct http_answer answer = http_raw(*state, smuggled);
		if (answer.status == 200 || strstr(answer.body ? answer.body : "", "200 OK"))
			fail_msg("%zu: %s%s", i, answer.head, answer.body);
		http_free(&answer);
		free(smuggled);
	}
}

static void blanks_around_a_value_are_fine(void **state)
{
	struct http_answer answer =
		http_raw(*state, "GET /healthz HTTP/1.1\r\nHost:localhost\r\nX:  \ta \t\r\n"
				 "Y:\r\nZ: \r\nConnection:   close\r\n\r\n");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

static void an_empty_body_is_no_body(void **state)
{
	struct http_answer answer =
		http_raw(*state, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
				 "Connection: close\r\n\r\n");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

static void only_get_and_head_are_taken(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"};
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		char request[200];
		snprintf(request, sizeof(request),
			 "%s /api/v1/containers HTTP/1.1\r\nHost: localhost\r\n\r\n", methods[i]);
		assert_refused(*state, request, 405);
		struct http_answer answer = http_raw(*state, request);
		assert_string_equal(http_header(&answer, "Allow"), "GET, HEAD");
		assert_non_null(answer.json);
		http_free(&answer);
	}
	assert_refused(*state,
		       "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc",
		       405);
}

static void head_has_the_length_but_no_body(void **state)
{
	static const char *const targets[] = {"/api/v1/containers", "/healthz", "/nope"};
	for (size_t i = 0; i < 3; i++) {
		char request[200];
		struct http_answer get = http_get(*state, targets[i]);
		snprintf(request, sizeof(request),
			 "HEAD %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			 targets[i]);
		struct http_answer head = http_raw(*state, request);
		assert_int_equal(head.status, get.status);
		assert_int_equal(head.len, 0);
		assert_int_equal(strtoul(http_header(&head, "Content-Length"), NULL, 10), get.len);
		http_free(&get);
		http_free(&head);
	}
}

static void too_long_targets_and_headers_are_refused(void **state)
{
	char *request = malloc(40000);
	char *end = stpcpy(request, "GET /healthz?");
	memset(end, 'a', 8192);
	stpcpy(end + 8192, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
	assert_refused(*state, request, 414);
	end = stpcpy(request, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ");
	memset(end, 'a', 8192);
	stpcpy(end + 8192, "\r\n\r\n");
	assert_refused(*state, request, 431);
	free(request);
}

/* Each is a structure to libmicrohttpd, which would run out of memory for the connection over them.
 */
static void many_parameters_are_refused_at_once(void **state)
{
	static const unsigned counts[] = {100, 350, 400, 1000, 4000};
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		char target[HTTP_MAX_TARGET] = "/api/v1/version?";
		size_t len = strlen(target);
		for (unsigned k = 0; k < counts[i]; k++, len += 2)
			memcpy(target + len, "a&", 3);
		int64_t began = clock_monotonic();
		http_expect_problem(*state, target, 400, NULL, "64 parameters");
		assert_true(clock_monotonic() - began <
			    5 * CLOCK_SECOND); /* no timeout of the connection */
	}
}

/* No header holds a link to the next page that is as long as a URI may be. */
static void a_next_page_whose_link_is_too_long_is_in_the_body(void **state)
{
	struct http_fixture *fixture = *state;
	char target[HTTP_MAX_TARGET] = "/api/v1/containers?limit=1&name=";
	size_t len = strlen(target);
	memset(target + len, '*', 5000);
	http_add_container(fixture, "alpha", "def", "db", "running");
	struct http_answer answer = http_get(fixture, target);
	assert_int_equal(answer.status, 200);
	assert_null(http_header(&answer, "Link"));
	assert_true(json_is_string(json_object_get(answer.json, "next_cursor")));
	http_free(&answer);
}

static void an_answer_that_would_be_too_large_is_refused(void **state)
{
	struct http_fixture *fixture = *state;
	char *text = malloc(HTTP_MAX_BODY / 4);
	fixture->config.query_timeout = 60 * CLOCK_SECOND;
	memset(text, 'a', HTTP_MAX_BODY / 4 - 1);
	text[HTTP_MAX_BODY / 4 - 1] = '\0';
	for (int i = 0; i < 4; i++)
		http_add_note(fixture, 1 + i, "ann", i, text);
	http_expect_problem(fixture, "/api/v1/tables/notes", 413, NULL, "16 MiB");
	struct http_answer answer = http_ok(state, "/api/v1/tables/notes?limit=3");
	assert_int_equal(json_array_size(json_object_get(answer.json, "data")), 3);
	http_free(&answer);
	free(text);
}

static void one_connection_serves_many_requests(void **state)
{
	int fd = http_connect(*state);
	static const char all[] =
		"GET /api/v1/containers HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	http_send(fd, all, strlen(all));
	struct http_answer answer = http_read(fd);
	close(fd);
	int n = 1; /* the first is split off */
	for (const char *at = answer.body; (at = strstr(at, "HTTP/1.1 200")); at++)
		n++;
	assert_int_equal(n, 4);
	http_free(&answer);
}

/* ---- Slow stores --------------------------------------------------------- */

static void a_hanging_store_gives_503_in_time_and_health_stays(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_hang(fixture->store, true);
	int64_t started = clock_monotonic();
	struct http_answer answer = http_get(fixture, "/api/v1/containers");
	int64_t took = clock_monotonic() - started;
	assert_int_equal(answer.status, 503);
	assert_non_null(http_header(&answer, "Retry-After"));
	assert_true(took >= CLOCK_SECOND / 2);
	assert_true(took < 5 * CLOCK_SECOND);
	http_free(&answer);
	answer = http_get(fixture, "/healthz");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_TIMEOUTS), 1);
	fake_store_hang(fixture->store, false);
	answer = http_get(fixture, "/api/v1/containers");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

static bool both_workers_hang(struct http_fixture *fixture)
{
	return fake_store_hanging(fixture->store) == 2;
}

static bool one_was_busy(struct http_fixture *fixture)
{
	return fake_host_metric(fixture->host, HTTP_BUSY) > 0;
}

static void send_request(int fd, const char *target)
{
	char request[256];
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
	http_send(fd, request, strlen(request));
}

static void a_full_queue_turns_requests_away_at_once(void **state)
{
	struct http_fixture *fixture = *state;
	int fds[40];
	fake_store_hang(fixture->store, true);
	for (int i = 0; i < 2; i++)
		send_request(fds[i] = http_connect(fixture), "/readyz");
	WAIT_UNTIL(both_workers_hang(fixture));
	for (int i = 2; i < 40; i++)
		send_request(fds[i] = http_connect(fixture), "/readyz");
	WAIT_UNTIL(one_was_busy(fixture));
	fake_store_hang(fixture->store, false);
	int busy = 0;
	for (int i = 0; i < 40; i++) {
		struct http_answer answer = http_read(fds[i]);
		busy += answer.body && strstr(answer.body, "too many requests");
		assert_true(answer.status == 200 || answer.status == 503);
		http_free(&answer);
		close(fds[i]);
	}
	assert_true(busy >= 1);
}

/* Stopping answers whoever waits before it waits for the workers, which are with the store. */
static void *let_go_later(void *arg)
{
	struct http_fixture *fixture = arg;
	(void)WAITED_FOR(fake_host_metric(fixture->host, HTTP_IN_FLIGHT) == 0);
	fake_store_hang(fixture->store, false);
	return NULL;
}

static void stopping_answers_those_who_wait(void **state)
{
	struct http_fixture *fixture = *state;
	pthread_t helper;
	int fds[10];
	fixture->config.query_timeout = 60 * CLOCK_SECOND;
	fake_store_hang(fixture->store, true);
	for (int i = 0; i < 10; i++)
		send_request(fds[i] = http_connect(fixture), "/api/v1/containers");
	WAIT_UNTIL(both_workers_hang(fixture));
	pthread_create(&helper, NULL, let_go_later, fixture);
	tally_plugin()->stop(fixture->plugin);
	pthread_join(helper, NULL);
	int answered = 0;
	for (int i = 0; i < 10; i++) {
		struct http_answer answer = http_read(fds[i]);
		answered += answer.status == 503;
		http_free(&answer);
		close(fds[i]);
	}
	assert_true(answered >= 2); /* those that had come as far as the room */
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
}

static void clients_that_leave_do_no_harm(void **state)
{
	struct http_fixture *fixture = *state;
	fake_store_hang(fixture->store, true);
	for (int i = 0; i < 20; i++) {
		int fd = http_connect(fixture);
		send_request(fd, "/api/v1/containers");
		close(fd);
	}
	fake_store_hang(fixture->store, false);
	struct http_answer answer = http_get(fixture, "/api/v1/containers");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

static bool a_worker_hangs(struct http_fixture *fixture)
{
	return fake_store_hanging(fixture->store) == 1;
}

static bool no_worker_hangs(struct http_fixture *fixture)
{
	return fake_store_hanging(fixture->store) == 0;
}

static void the_query_of_a_client_that_leaves_is_cancelled(void **state)
{
	struct http_fixture *fixture = *state;
	tally_plugin()->stop(fixture->plugin);
	tally_plugin()->destroy(fixture->plugin);
	fixture->config.query_timeout = 60 * CLOCK_SECOND;
	http_start(fixture);                                                 /* on another port */
	struct http_answer answer = http_get(fixture, "/api/v1/containers"); /* loads the catalog */
	http_free(&answer);
	fake_store_hang(fixture->store, true);
	int fd = http_connect(fixture);
	send_request(fd, "/api/v1/containers");
	WAIT_UNTIL(a_worker_hangs(fixture));
	close(fd);
	WAIT_UNTIL(no_worker_hangs(fixture));
	fake_store_hang(fixture->store, false);
	answer = http_get(fixture, "/api/v1/containers");
	assert_int_equal(answer.status, 200);
	http_free(&answer);
}

/* ---- Many at once -------------------------------------------------------- */

enum { CLIENTS = 8, REQUESTS = 40 };

static void *be_a_client(void *arg)
{
	static const char *const targets[] = {"/api/v1/containers",
					      "/api/v1/containers/web/stats?from=now-5m",
					      "/api/v1/tables",
					      "/readyz",
					      "/metrics",
					      "/api/v1/containers?limit=x",
					      "/api/v1/stats/latest",
					      "/api/v1/tables/nope",
					      "/api/v1/summary",
					      "/nope"};
	uintptr_t wrong = 0;
	for (int i = 0; i < REQUESTS; i++) {
		struct http_answer answer = http_get(arg, targets[i % 10]);
		if (answer.status == 0 || answer.status == 500)
			wrong++;
		http_free(&answer);
	}
	return (void *)wrong;
}

static void many_clients_at_once_are_all_answered(void **state)
{
	pthread_t clients[CLIENTS];
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, be_a_client, *state);
	for (int i = 0; i < CLIENTS; i++) {
		void *wrong;
		pthread_join(clients[i], &wrong);
		assert_null(wrong);
	}
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(requests_that_could_be_smuggled_are_refused_and_closed),
		SERVED(lines_that_end_or_go_on_oddly_are_refused_and_closed),
		SERVED(a_nul_anywhere_is_refused),
		SERVED(an_absolute_uri_is_a_path_with_the_host_before_it),
		SERVED(what_is_not_utf8_is_told_apart_from_what_is_not_there),
		SERVED(blanks_around_a_value_are_fine),
		SERVED(an_empty_body_is_no_body),
		SERVED(only_get_and_head_are_taken),
		SERVED(head_has_the_length_but_no_body),
		SERVED(too_long_targets_and_headers_are_refused),
		SERVED(many_parameters_are_refused_at_once),
		SERVED(a_next_page_whose_link_is_too_long_is_in_the_body),
		SERVED(an_answer_that_would_be_too_large_is_refused),
		SERVED(one_connection_serves_many_requests),
		SERVED(a_hanging_store_gives_503_in_time_and_health_stays),
		SERVED(a_full_queue_turns_requests_away_at_once),
		SERVED(stopping_answers_those_who_wait),
		SERVED(clients_that_leave_do_no_harm),
		SERVED(the_query_of_a_client_that_leaves_is_cancelled),
		SERVED(many_clients_at_once_are_all_answered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
