/* Where no rows pass, streams come out of the store. */
#include <stdio.h>

#include "base/clock.h"
#include "sse_fixture.h"
#include "test.h"
#include "waiting.h"

static int set_up_polled(void **state)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	sse_store_line(fixture, -10, "abc", "before anybody came");
	sse_store_line(fixture, 1, "abc", "one");
	sse_store_line(fixture, 2, "def", "two");
	fixture->config.live = HTTP_LIVE_AUTO;
	http_start(fixture);
	return 0;
}

static void where_no_rows_pass_the_store_is_asked(void **state)
{
	struct http_fixture *fixture = *state;
	char id[400];
	struct sse_client *all = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	sse_expect_line(all, "one", id);
	sse_expect_line(all, "two", NULL);
	struct sse_client *back = sse_follow(fixture, "/api/v1/stream/logs", id);
	sse_expect_line(back, "two", NULL);
	/* From the first row that passes on the store is left alone. */
	sse_pass_line(fixture, 3, "abc", "three");
	sse_expect_line(all, "three", NULL);
	sse_expect_line(back, "three", NULL);
	sse_leave(all);
	sse_leave(back);
}

static unsigned queries_of(struct http_fixture *fixture, int clients)
{
	struct sse_client *list[8];
	for (int i = 0; i < clients; i++)
		list[i] = sse_follow(fixture, "/api/v1/stream/logs", NULL);
	unsigned before = fake_store_queries(fixture->store);
	WAIT_UNTIL(fake_store_queries(fixture->store) >= before + 2);
	int64_t first = sse_monotonic();
	WAIT_UNTIL(fake_store_queries(fixture->store) >= before + 4);
	int64_t took = sse_monotonic() - first;
	for (int i = 0; i < clients; i++)
		sse_leave(list[i]);
	return (unsigned)(took / (CLOCK_SECOND / 2));
}

static void however_many_follow_one_query_is_sent(void **state)
{
	/* Two more questions take two seconds, with eight clients as with one. */
	assert_true(queries_of(*state, 8) >= 3);
}

/* ---- More than a page, more than a feed ---------------------------------- */

enum { FLOOD = 15000 };

static void set_up_flood(void **state, int64_t memory)
{
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	for (int i = 0; i < FLOOD; i++) {
		char message[40];
		snprintf(message, sizeof(message), "line %d", i);
		sse_store_line(fixture, 1 + i, "abc", message);
	}
	fixture->config.live = HTTP_LIVE_STORE;
	fixture->config.live_memory = memory;
	http_start(fixture);
}

static int set_up_much(void **state)
{
	set_up_flood(state, 16 << 20);
	return 0;
}

static int set_up_too_much(void **state)
{
	set_up_flood(state, 1 << 20);
	return 0;
}

static void however_many_are_stored_at_once_all_come_in_order(void **state)
{
	struct sse_client *client = sse_follow(*state, "/api/v1/stream/logs", NULL);
	for (int i = 0; i < FLOOD; i++) {
		char message[40];
		snprintf(message, sizeof(message), "line %d", i);
		sse_expect_line(client, message, NULL);
	}
	sse_leave(client);
}

static void more_than_a_feed_holds_is_counted_and_the_newest_come(void **state)
{
	struct sse_client *client = sse_follow(*state, "/api/v1/stream/logs", NULL);
	uint64_t missed = sse_expect_lagged(client);
	assert_in_range(missed, 1, FLOOD - 1000);
	for (uint64_t i = missed; i < FLOOD; i++) {
		char message[40];
		snprintf(message, sizeof(message), "line %d", (int)i);
		sse_expect_line(client, message, NULL);
	}
	assert_int_equal(
		fake_host_metric(((struct http_fixture *)*state)->host, HTTP_STREAM_MISSED),
		missed);
	sse_leave(client);
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(where_no_rows_pass_the_store_is_asked, set_up_polled),
		WITH(however_many_follow_one_query_is_sent, set_up_polled),
		WITH(however_many_are_stored_at_once_all_come_in_order, set_up_much),
		WITH(more_than_a_feed_holds_is_counted_and_the_newest_come, set_up_too_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
