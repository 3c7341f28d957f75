/* Where no rows pass, streams come out of the store. */
#include <unistd.h>

#include "sse_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
	while (fake_store_queries(fixture->store) < before + 2)
		usleep(1000);
	int64_t first = sse_monotonic();
	while (fake_store_queries(fixture->store) < before + 4)
		usleep(1000);
	int64_t took = sse_monotonic() - first;
	for (int i = 0; i < clients; i++)
		sse_leave(list[i]);
	return (unsigned)(took / (HTTP_SECOND / 2));
}

static void however_many_follow_one_question_is_asked(void **state)
{
	/* Two more questions take two seconds, with eight clients as with one. */
	assert_true(queries_of(*state, 8) >= 3);
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(where_no_rows_pass_the_store_is_asked, set_up_polled),
		WITH(however_many_follow_one_question_is_asked, set_up_polled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
