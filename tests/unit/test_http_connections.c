#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"
#include "waiting.h"

const struct tally_plugin *tally_plugin(void);

enum { LARGE = 15 << 20, CLIENTS = HTTP_MAX_OUTGOING / LARGE + 1 };

/* Longer than any of these takes; what has an end ends by the clock of the fake host. */
static const int64_t client_timeout = 600 * CLOCK_SECOND;

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fixture->config.query_timeout = 60 * CLOCK_SECOND; /* answers are large here */
	fixture->config.client_timeout = client_timeout;
	http_start(fixture);
	*state = fixture;
	return 0;
}

/* Sends a byte now and then for ever, until it is disconnected. */
static void a_client_that_dribbles_is_hung_up_on(void **state)
{
	struct http_fixture *fixture = *state;
	char byte;
	int fd = http_connect(fixture);
	http_send(fd, "GET /hea", 8);
	struct http_answer answer = http_get(fixture, "/healthz"); /* both are in by now */
	http_free(&answer);
	fake_host_set_monotonic(fixture->host,
				clock_monotonic() + 2 * client_timeout - 60 * CLOCK_SECOND);
	http_send(fd, "lthz HT", 7);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	fake_host_set_monotonic(fixture->host,
				clock_monotonic() + 2 * client_timeout + 60 * CLOCK_SECOND);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_true(fake_host_metric(fixture->host, HTTP_SLOW) >= 1);
	close(fd);
	fake_host_set_monotonic(fixture->host, 0);
}

static void add_large_notes(struct http_fixture *fixture)
{
	char *text = malloc(1 << 20);
	memset(text, 'a', (1 << 20) - 1);
	text[(1 << 20) - 1] = '\0';
	for (int i = 0; i < LARGE >> 20; i++)
		http_add_note(fixture, i + 1, "ann", i, text);
	free(text);
}

/* Asks for them and takes no more than the first bytes, so that the answer has begun. */
static int query_for_notes(struct http_fixture *fixture)
{
	static const char request[] = "GET /api/v1/tables/notes HTTP/1.1\r\nHost: localhost\r\n"
				      "Connection: close\r\n\r\n";
	char begin[12];
	const struct timeval limit = {.tv_sec = 60};
	int fd = http_connect(fixture);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	http_send(fd, request, strlen(request));
	assert_int_equal(recv(fd, begin, sizeof(begin), MSG_WAITALL), sizeof(begin));
	assert_memory_equal(begin, "HTTP/1.1 200", sizeof(begin));
	return fd;
}

static size_t read_rest(int fd)
{
	static char buffer[1 << 16];
	size_t all = 0;
	for (ssize_t got = 1; got > 0; all += got > 0 ? (size_t)got : 0)
		got = recv(fd, buffer, sizeof(buffer), 0);
	close(fd);
	return all;
}

static void a_client_that_takes_an_answer_too_slowly_is_hung_up_on(void **state)
{
	struct http_fixture *fixture = *state;
	char some[4096];
	add_large_notes(fixture);
	int fd = query_for_notes(fixture);
	fake_host_set_monotonic(fixture->host,
				clock_monotonic() + 10 * client_timeout - 60 * CLOCK_SECOND);
	assert_true(recv(fd, some, sizeof(some), 0) > 0);
	assert_int_equal(fake_host_metric(fixture->host, HTTP_SLOW), 0);
	fake_host_set_monotonic(fixture->host,
				clock_monotonic() + 10 * client_timeout + 60 * CLOCK_SECOND);
	WAIT_UNTIL(fake_host_metric(fixture->host, HTTP_SLOW) == 1);
	assert_true(read_rest(fd) < LARGE);
	fake_host_set_monotonic(fixture->host, 0);
}

static void of_too_much_on_its_way_who_listens_longest_goes(void **state)
{
	struct http_fixture *fixture = *state;
	int fds[CLIENTS];
	add_large_notes(fixture);
	for (int i = 0; i < CLIENTS; i++) {
		assert_int_equal(fake_host_metric(fixture->host, HTTP_SLOW), 0);
		fds[i] = query_for_notes(fixture);
	}
	assert_int_equal(fake_host_metric(fixture->host, HTTP_SLOW), 1);
	assert_true(read_rest(fds[0]) < LARGE);
	for (int i = 1; i < CLIENTS; i++)
		assert_true(read_rest(fds[i]) >= LARGE);
	assert_true(read_rest(query_for_notes(fixture)) >= LARGE); /* there is room again */
	assert_int_equal(fake_host_metric(fixture->host, HTTP_SLOW), 1);
}

static void targets_and_headers_just_below_their_bounds_are_taken(void **state)
{
	char *request = malloc(20000), *end = stpcpy(request, "GET /healthz?");
	memset(end, 'a', 8192 - strlen("/healthz?"));
	end = stpcpy(end + 8192 - strlen("/healthz?"), " HTTP/1.1\r\nHost: localhost\r\n");
	for (int i = 0; i < 79; i++)
		end += snprintf(end, 200, "X-Header-%02d: %0*d\r\n", i, 100 - 15, 0);
	stpcpy(end, "Connection: close\r\n\r\n");
	struct http_answer answer = http_raw(*state, request);
	assert_int_equal(answer.status, 200);
	http_free(&answer);
	free(request);
}

/* What files there are is shared with inputs and stores. */
static void connections_take_half_of_the_files_at_most(void **state)
{
	struct http_fixture *fixture = *state;
	struct rlimit before, few;
	tally_plugin()->stop(fixture->plugin);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){.rlim_cur = 300, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	fixture->config.max_connections = 151;
	assert_int_equal(tally_plugin()->start(fixture->plugin), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_non_null(strstr(fake_host_log(fixture->host, TALLY_WARNING),
			       "max_connections: 150 instead of 151"));
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(a_client_that_dribbles_is_hung_up_on),
		SERVED(a_client_that_takes_an_answer_too_slowly_is_hung_up_on),
		SERVED(of_too_much_on_its_way_who_listens_longest_goes),
		SERVED(connections_take_half_of_the_files_at_most),
		SERVED(targets_and_headers_just_below_their_bounds_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
