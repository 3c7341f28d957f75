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

static void expect_text(void **state, const char *target, const char *member, const char *text)
{
	struct http_answer answer = http_ok(state, target);
	assert_string_equal(json_string_value(json_object_get(answer.json, member)), text);
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

static unsigned queries_for(void **state, const char *target)
{
	struct http_fixture *fixture = *state;
	unsigned before = fake_store_queries(fixture->store);
	struct http_answer answer = http_ok(state, target);
	http_free(&answer);
	return fake_store_queries(fixture->store) - before;
}

#define ID_64 "abe4567890123456789012345678901234567890123456789012345678901234"

static void the_query_that_finds_one_has_its_row_too(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_container(fixture, "alpha", "abc", "web", "gone");
	http_add_container(fixture, "alpha", "abd", "web", "running");
	http_add_container(fixture, "alpha", ID_64, "db", "gone");
	http_start(fixture);
	queries_for(state, "/api/v1/containers/web"); /* also which tables there are */
	/* One to find it, and one for its readings. */
	assert_int_equal(queries_for(state, "/api/v1/containers/web"), 2);
	/* It may be a name. */
	assert_int_equal(queries_for(state, "/api/v1/containers/abd"), 3);
	/* What is gone has no readings. */
	assert_int_equal(queries_for(state, "/api/v1/containers/" ID_64), 1);
	assert_int_equal(queries_for(state, "/api/v1/containers/web/stats?from=now-5m"), 2);
}

static void the_row_is_the_same_however_it_was_found(void **state)
{
	struct http_fixture *fixture = *state;
	http_add_container(fixture, "alpha", ID_64, "web", "running");
	http_add_container(fixture, "beta", "abf", "old", "gone");
	http_add_container(fixture, "beta", "aaf", "old", "gone");
	http_add_container(fixture, "alpha", "aae", "twin", "running");
	http_add_container(fixture, "beta", "aaf1", "twin", "running");
	http_start(fixture);
	struct http_answer by_name = http_ok(state, "/api/v1/containers/web");
	struct http_answer by_id = http_ok(state, "/api/v1/containers/" ID_64);
	struct http_answer by_begin = http_ok(state, "/api/v1/containers/abe");
	assert_string_equal(by_name.body, by_id.body);
	assert_string_equal(by_name.body, by_begin.body);
	http_free(&by_name);
	http_free(&by_id);
	http_free(&by_begin);
	expect_text(state, "/api/v1/containers/twin?host=beta", "container_id", "aaf1");
	expect_text(state, "/api/v1/containers/abf", "name", "old");
	http_expect_problem(*state, "/api/v1/containers/twin", 409, NULL, "fits several");
	http_expect_problem(*state, "/api/v1/containers/none", 404, NULL, "there is no container");
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
		TEST(the_query_that_finds_one_has_its_row_too),
		TEST(the_row_is_the_same_however_it_was_found),
		TEST(where_names_come_from_readings_the_newest_is_meant_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
