/* What happens makes what is kept of it old. */
#include "base/clock.h"
#include "sse_fixture.h"
#include "test.h"

static int set_up_cached(void **state)
{
	static const struct tally_named_cache memory[] = {{.name = "memory"}, {.name = NULL}};
	sse_prepare(state);
	struct http_fixture *fixture = *state;
	fixture->config.cache = memory;
	fixture->config.cache_size = 1 << 20;
	fixture->config.cache_ttl_containers = 3600 * CLOCK_SECOND;
	http_start(fixture);
	return 0;
}

static void assert_cache(struct http_fixture *fixture, const char *said)
{
	struct http_answer answer = http_get(fixture, "/api/v1/containers");
	assert_int_equal(answer.status, 200);
	assert_string_equal(http_header(&answer, "X-Cache"), said);
	http_free(&answer);
}

static void what_happens_to_a_container_shows_at_once(void **state)
{
	struct http_fixture *fixture = *state;
	assert_cache(fixture, "miss");
	assert_cache(fixture, "hit");
	sse_pass_line(fixture, 1, "abc", "no change");
	assert_cache(fixture, "hit");
	sse_pass_event(fixture, 2, "die");
	assert_cache(fixture, "miss");
}

#define WITH(test, set) cmocka_unit_test_setup_teardown(test, set, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(what_happens_to_a_container_shows_at_once, set_up_cached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
