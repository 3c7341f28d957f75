/* Who waits for a new answer, for how long, and what is counted of it. */
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
#include "waiting.h"

#define LIST "/api/v1/containers"
#define MS (CLOCK_SECOND / 1000)

enum { QUEUE = 16 }; /* fetches that wait for the one worker */

static const struct tally_named_cache memory[] = {{"memory", NULL}, {NULL, NULL}};

/* Time stands still: it passes when a test says so. */
struct dispatch_fixture {
	struct http_fixture http; /* first */
	int64_t now;
};

static void advance(struct dispatch_fixture *fixture, int64_t ns)
{
	fixture->now += ns;
	fake_host_set_monotonic(fixture->http.host, fixture->now);
}

/* Fresh for 100 ms, ageing for 100 more. */
static int set_up(void **state)
{
	struct dispatch_fixture *fixture = calloc(1, sizeof(*fixture));
	struct timespec now;
	http_prepare(&fixture->http);
	http_add_container(&fixture->http, "alpha", "abc", "web", "running");
	fixture->http.config.cache = memory;
	fixture->http.config.cache_size = 1 << 20;
	fixture->http.config.cache_ttl_containers = 100 * MS;
	fixture->http.config.threads = 1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	advance(fixture, now.tv_sec * CLOCK_SECOND + now.tv_nsec);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct dispatch_fixture *fixture = *state;
	fake_store_hang(fixture->http.store, false);
	http_finish(&fixture->http);
	free(fixture);
	return 0;
}

static void expect(struct dispatch_fixture *fixture, const char *target, int status,
		   const char *origin)
{
	struct http_answer answer = http_get(&fixture->http, target);
	assert_int_equal(answer.status, status);
	assert_string_equal(http_header(&answer, "X-Cache"), origin);
	http_free(&answer);
}

static void wait_for_queue(struct dispatch_fixture *fixture, unsigned waiting)
{
	WAIT_UNTIL(fake_host_metric(fixture->http.host, HTTP_IN_FLIGHT) == waiting &&
		   fake_store_hanging(fixture->http.store) == 1);
}

/* ---- How long ------------------------------------------------------------ */

static void *get_list(void *arg)
{
	struct http_answer *answer = malloc(sizeof(*answer));
	*answer = http_get(arg, LIST);
	return answer;
}

static void an_old_answer_comes_within_the_time_of_a_query(void **state)
{
	struct dispatch_fixture *fixture = *state;
	pthread_t client;
	void *got;
	fixture->http.config.query_timeout = 100 * MS;
	http_start(&fixture->http);
	expect(fixture, LIST, 200, "miss");
	advance(fixture, 300 * MS);
	fake_store_hang(fixture->http.store, true);
	pthread_create(&client, NULL, get_list, &fixture->http);
	wait_for_queue(fixture, 1);
	advance(fixture, 150 * MS);
	pthread_join(client, &got);
	struct http_answer *answer = got;
	assert_int_equal(answer->status, 200);
	assert_string_equal(http_header(answer, "X-Cache"), "stale");
	http_free(answer);
	free(answer);
}

/* ---- Too many ------------------------------------------------------------ */

/* Each asks something else, and does not wait for its answer. */
static void fill_queue(struct dispatch_fixture *fixture, int clients[QUEUE + 1])
{
	char request[200];
	fake_store_hang(fixture->http.store, true);
	for (unsigned i = 0; i <= QUEUE; i++) {
		int len = snprintf(request, sizeof(request),
				   "GET " LIST "?limit=%u HTTP/1.1\r\nHost: localhost\r\n\r\n",
				   i + 1);
		clients[i] = http_connect(&fixture->http);
		http_send(clients[i], request, (size_t)len);
		wait_for_queue(fixture, i + 1);
	}
}

static void who_gets_an_old_answer_is_not_turned_away(void **state)
{
	struct dispatch_fixture *fixture = *state;
	int clients[QUEUE + 1];
	http_start(&fixture->http);
	expect(fixture, LIST, 200, "miss");
	fill_queue(fixture, clients);
	advance(fixture, 150 * MS);
	expect(fixture, LIST, 200, "stale"); /* a new one would be fetched behind it */
	advance(fixture, 150 * MS);
	expect(fixture, LIST, 200, "stale"); /* it would wait for a new one */
	assert_int_equal(fake_host_metric(fixture->http.host, HTTP_BUSY), 0);
	expect(fixture, LIST "?name=x", 503, "miss");
	assert_int_equal(fake_host_metric(fixture->http.host, HTTP_BUSY), 1);
	fake_store_hang(fixture->http.store, false);
	for (unsigned i = 0; i <= QUEUE; i++)
		close(clients[i]);
}

/* Old answers are sent at once and fetched anew behind that, by nobody who waits. */
static void many_old_answers_leave_room_for_a_new_query(void **state)
{
	static const char new_one[] = "GET " LIST "?name=x HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct dispatch_fixture *fixture = *state;
	char target[100];
	http_start(&fixture->http);
	for (int turn = 0; turn < 2; turn++) {
		for (unsigned i = 1; i <= 2 * QUEUE; i++) {
			snprintf(target, sizeof(target), LIST "?limit=%u", i);
			expect(fixture, target, 200, turn == 0 ? "miss" : "stale");
		}
		advance(fixture, 150 * MS);
		fake_store_hang(fixture->http.store, true);
	}
	int client = http_connect(&fixture->http);
	http_send(client, new_one, sizeof(new_one) - 1);
	wait_for_queue(fixture, 1);
	assert_int_equal(fake_host_metric(fixture->http.host, HTTP_BUSY), 0);
	fake_store_hang(fixture->http.store, false);
	close(client);
}

/* ---- Several at once ------------------------------------------------------ */

/* Each question has a worker of its own while there is one that sleeps. */
static void slow_questions_do_not_wait_for_each_other(void **state)
{
	enum { WORKERS = 4, TURNS = 20 };
	struct dispatch_fixture *fixture = *state;
	char request[200];
	int clients[WORKERS];
	fixture->http.config.threads = WORKERS;
	http_start(&fixture->http);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		fake_store_hang(fixture->http.store, true);
		for (unsigned i = 0; i < WORKERS; i++) {
			int len = snprintf(request, sizeof(request),
					   "GET " LIST "?limit=%u HTTP/1.1\r\nHost: localhost\r\n"
					   "Connection: close\r\n\r\n",
					   1 + turn * WORKERS + i);
			clients[i] = http_connect(&fixture->http);
			http_send(clients[i], request, (size_t)len);
		}
		WAIT_UNTIL(fake_store_hanging(fixture->http.store) == WORKERS);
		fake_store_hang(fixture->http.store, false);
		for (unsigned i = 0; i < WORKERS; i++) {
			struct http_answer answer = http_read(clients[i]);
			assert_int_equal(answer.status, 200);
			http_free(&answer);
			close(clients[i]);
		}
	}
}

/* ---- Questions that are refused ------------------------------------------ */

static void a_bad_query_is_no_failure_of_the_store(void **state)
{
	struct dispatch_fixture *fixture = *state;
	http_start(&fixture->http);
	fake_store_fail(fixture->http.store, -EINVAL);
	http_expect_problem(&fixture->http, LIST, 400, NULL, "cannot answer this");
	assert_int_equal(fake_host_metric(fixture->http.host, HTTP_STORE_ERRORS), 0);
	fake_store_fail(fixture->http.store, -EIO);
	http_expect_problem(&fixture->http, LIST "?limit=1", 503, NULL, "failed");
	assert_int_equal(fake_host_metric(fixture->http.host, HTTP_STORE_ERRORS), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_old_answer_comes_within_the_time_of_a_query),
		TEST(who_gets_an_old_answer_is_not_turned_away),
		TEST(many_old_answers_leave_room_for_a_new_query),
		TEST(slow_questions_do_not_wait_for_each_other),
		TEST(a_bad_query_is_no_failure_of_the_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
