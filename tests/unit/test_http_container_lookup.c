/* Which container a name means, where many have borne it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http_fixture.h"
#include "test.h"

enum { MANY = 149 };

/* Ids in the order in which they are added; `age` of the row itself. */
static void add_job(struct http_fixture *fixture, unsigned number, int age, bool gone)
{
	struct fake_store *store = fixture->store;
	struct tally_cell *row = fake_store_row(store, "container_info");
	char id[65];
	snprintf(id, sizeof(id), "%064x", number);
	fake_store_int(store, row, "time", HTTP_NOW - age * CLOCK_SECOND);
	fake_store_text(store, row, "host", "alpha");
	fake_store_text(store, row, "container_id", id);
	fake_store_text(store, row, "name", "job");
	fake_store_text(store, row, "state", gone ? "removed" : "running");
	if (gone)
		fake_store_int(store, row, "gone_at", HTTP_NOW - age * CLOCK_SECOND);
}

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	*state = fixture;
	return 0;
}

static void expect_id(void **state, const char *target, unsigned number)
{
	char id[65];
	snprintf(id, sizeof(id), "%064x", number);
	struct http_answer answer = http_ok(state, target);
	json_t *meta = json_object_get(answer.json, "meta");
	const char *is =
		json_string_value(json_object_get(meta ? meta : answer.json, "container_id"));
	assert_non_null(is);
	assert_string_equal(is, id);
	http_free(&answer);
}

static void the_one_that_runs_is_found_behind_however_many_are_gone(void **state)
{
	for (unsigned i = 0; i < MANY; i++)
		add_job(*state, i, 1, true);
	add_job(*state, MANY, 1000, false);
	http_start(*state);
	expect_id(state, "/api/v1/containers/job", MANY);
	expect_id(state, "/api/v1/containers/job?host=alpha", MANY);
	expect_id(state, "/api/v1/containers/000000", MANY);
}

static void of_many_that_are_gone_the_newest_is_meant(void **state)
{
	for (unsigned i = 0; i < MANY; i++)
		add_job(*state, i, i == MANY - 2 ? 60 : 1000, true);
	http_start(*state);
	expect_id(state, "/api/v1/containers/job", MANY - 2);
	http_expect_problem(*state, "/api/v1/containers/000000", 409, NULL, "fits several");
}

static void a_rare_name_costs_one_query(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_container(fixture, "alpha", "abc", "web", "gone");
	http_add_container(fixture, "alpha", "abd", "web", "running");
	http_start(fixture);
	struct http_answer answer = http_ok(state, "/api/v1/containers/web");
	http_free(&answer);
	unsigned before = fake_store_queries(fixture->store);
	answer = http_ok(state, "/api/v1/containers/web");
	http_free(&answer);
	unsigned after = fake_store_queries(fixture->store);
	/* One to find it, one for its row, one for its readings. */
	assert_int_equal(after - before, 3);
}

static void add_readings(struct http_fixture *fixture)
{
	char id[65];
	fake_store_drop(fixture->store, "container_info");
	for (unsigned i = 0; i <= MANY; i++) {
		snprintf(id, sizeof(id), "%064x", MANY - i);
		http_add_stats(fixture, "alpha", id, "job", (int)(200 - i), 1.5, 0);
	}
}

static void where_names_come_from_readings_the_newest_is_meant_too(void **state)
{
	add_readings(*state);
	http_start(*state);
	expect_id(state, "/api/v1/containers/job/stats?from=now-5m", 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_one_that_runs_is_found_behind_however_many_are_gone),
		TEST(of_many_that_are_gone_the_newest_is_meant),
		TEST(a_rare_name_costs_one_query),
		TEST(where_names_come_from_readings_the_newest_is_meant_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
