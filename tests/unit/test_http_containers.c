/* /api/v1/containers, and which container a word in a path means. */
#include <stdio.h>
#include <string.h>

#include "http_resources.h"
#include "test.h"

static void containers_are_listed_with_their_newest_readings(void **state)
{
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	assert_int_equal(json_array_size(json_at(answer.json, "data")), 3);
	assert_string_equal(text_at(&answer, "data.0.container_id"), ID_WEB);
	assert_string_equal(text_at(&answer, "data.0.host"), "alpha");
	assert_string_equal(text_at(&answer, "data.0.labels.env"), "prod");
	assert_string_equal(text_at(&answer, "data.0.stats.time"), "2026-01-01T12:00:00Z");
	assert_true(json_is_false(json_at(answer.json, "data.0.oom_killed")));
	assert_true(json_is_null(json_at(answer.json, "data.0.health")));
	assert_true(json_real_value(json_at(answer.json, "data.0.stats.cpu_percent")) == 10 ||
		    json_integer_value(json_at(answer.json, "data.0.stats.cpu_percent")) == 10);
	assert_true(json_is_null(json_at(answer.json, "data.1.stats")));
	assert_true(json_is_null(json_at(answer.json, "next_cursor")));
	assert_null(http_header(&answer, "Link"));
	assert_string_equal(http_header(&answer, "X-Cache"), "off");
	assert_string_equal(http_header(&answer, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(http_header(&answer, "Content-Type"),
			    "application/json; charset=utf-8");
	http_free(&answer);
}

static void containers_can_be_sorted_and_shown_in_part(void **state)
{
	struct http_answer answer = http_ok(
		state, "/api/v1/containers?sort=-container_id&fields=container_id,stats&total=yes");
	assert_int_equal(json_integer_value(json_at(answer.json, "total")), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *row = json_array_get(json_at(answer.json, "data"), i), *before;
		assert_int_equal(json_object_size(row), 2);
		before = json_array_get(json_at(answer.json, "data"), i ? i - 1 : 0);
		assert_true(strcmp(json_string_value(json_object_get(before, "container_id")),
				   json_string_value(json_object_get(row, "container_id"))) >= 0);
	}
	assert_string_equal(text_at(&answer, "data.2.container_id"), ID_WEB);
	assert_non_null(json_at(answer.json, "data.2.stats.cpu_percent"));
	http_free(&answer);
	answer = http_ok(state, "/api/v1/containers?fields=name");
	assert_int_equal(json_object_size(json_at(answer.json, "data.0")), 1);
	http_free(&answer);
}

static void what_does_not_run_has_no_readings(void **state)
{
	static const struct {
		const char *name, *state;
		bool runs;
	} containers[] = {{"a", "running", true},     {"b", "paused", true},
			  {"c", "restarting", false}, {"d", "created", false},
			  {"e", "exited", false},     {"f", "dead", false},
			  {"g", "removing", false}};
	struct http_fixture *fixture = *state;
	for (size_t i = 0; i < sizeof(containers) / sizeof(*containers); i++) {
		http_add_container(fixture, "alpha", containers[i].name, containers[i].name,
				   containers[i].state);
		http_add_stats(fixture, "alpha", containers[i].name, containers[i].name, 5, 1, 1);
	}
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	json_t *data = json_at(answer.json, "data");
	assert_int_equal(json_array_size(data), sizeof(containers) / sizeof(*containers));
	for (size_t i = 0; i < json_array_size(data); i++) {
		bool null = json_is_null(json_object_get(json_array_get(data, i), "stats"));
		assert_int_equal(!null, containers[i].runs);
	}
	http_free(&answer);
	answer = http_ok(state, "/api/v1/containers/c");
	assert_true(json_is_null(json_at(answer.json, "stats")));
	http_free(&answer);
}

static void filters_narrow_the_list(void **state)
{
	assert_int_equal(count_rows(state, "/api/v1/containers?host=alpha"), 2);
	assert_int_equal(count_rows(state, "/api/v1/containers?state=running"), 2);
	assert_int_equal(count_rows(state, "/api/v1/containers?state=running&state=exited"), 3);
	assert_int_equal(count_rows(state, "/api/v1/containers?name=db&host=beta"), 1);
	assert_int_equal(count_rows(state, "/api/v1/containers?name=*b"), 3);
	assert_int_equal(count_rows(state, "/api/v1/containers?image=nginx:*"), 3);
	assert_int_equal(count_rows(state, "/api/v1/containers?image=nginx"), 0);
	assert_int_equal(count_rows(state, "/api/v1/containers?label=app%3Dweb"), 1);
	assert_int_equal(count_rows(state, "/api/v1/containers?label=app=web&label=env"), 1);
	assert_int_equal(count_rows(state, "/api/v1/containers?label=app=web&label=app=db"), 0);
	assert_int_equal(count_rows(state, "/api/v1/containers?label=nope"), 0);
	assert_int_equal(count_rows(state, "/api/v1/containers?project=x"), 0);
	assert_int_equal(count_rows(state, "/api/v1/containers?health=healthy"), 0);
	assert_int_equal(count_rows(state, "/api/v1/containers?gone=yes"), 4);
}

static void pages_show_each_container_once(void **state)
{
	char ids[8][80];
	assert_int_equal(walk_pages(state, "/api/v1/containers?limit=1", "container_id", ids, 8),
			 3);
	assert_string_equal(ids[0], ID_WEB);
	assert_string_equal(ids[1], ID_DB);
	assert_string_equal(ids[2], ID_TWIN);
	assert_int_equal(walk_pages(state, "/api/v1/containers?limit=2", "container_id", ids, 8),
			 3);
	assert_int_equal(walk_pages(state, "/api/v1/containers?limit=3", "container_id", ids, 8),
			 3);
	http_expect_problem(*state, "/api/v1/containers?limit=0", 400, "limit", "1 to 10000");
	http_expect_problem(*state, "/api/v1/containers?limit=10001", 400, "limit", "1 to 10000");
	http_expect_problem(*state, "/api/v1/containers?cursor=AAAA", 400, "cursor", "next_cursor");
}

static void every_container_of_a_long_page_has_its_own_readings(void **state)
{
	struct http_fixture *fixture = *state;
	for (int i = 0; i < 250; i++) {
		char id[16];
		snprintf(id, sizeof(id), "%04d", i);
		http_add_container(fixture, "alpha", id, id, i % 5 ? "running" : "exited");
		/* some are read rarely */
		http_add_stats(fixture, "alpha", id, id, i % 2 ? 3600 : 1, i, 0);
	}
	struct http_answer answer = http_ok(state, "/api/v1/containers?limit=250");
	for (int i = 0; i < 250; i++) {
		json_t *stats =
			json_object_get(json_array_get(json_at(answer.json, "data"), i), "stats");
		if (i % 5 == 0)
			assert_true(json_is_null(stats));
		else
			assert_int_equal(json_number_value(json_object_get(stats, "cpu_percent")),
					 i);
	}
	http_free(&answer);
}

static void a_container_is_found_by_id_prefix_and_name(void **state)
{
	static const char *const words[] = {ID_WEB, "1111", "web"};
	for (size_t i = 0; i < 3; i++) {
		char target[200];
		snprintf(target, sizeof(target), "/api/v1/containers/%s", words[i]);
		struct http_answer answer = http_ok(state, target);
		assert_string_equal(text_at(&answer, "container_id"), ID_WEB);
		assert_string_equal(text_at(&answer, "stats.time"), "2026-01-01T12:00:00Z");
		http_free(&answer);
	}
	struct http_answer gone = http_ok(state, "/api/v1/containers/333");
	assert_string_equal(text_at(&gone, "gone_at"), "2026-01-01T11:59:00Z");
	http_free(&gone);
	struct http_answer twin = http_ok(state, "/api/v1/containers/db?host=beta");
	assert_string_equal(text_at(&twin, "container_id"), ID_TWIN);
	http_free(&twin);
}

static void what_is_ambiguous_or_unknown_is_said(void **state)
{
	http_expect_problem(*state, "/api/v1/containers/111", 409, NULL, "111222222222 (db on");
	http_expect_problem(*state, "/api/v1/containers/db", 409, NULL, "host=");
	http_expect_problem(*state, "/api/v1/containers/nope", 404, NULL, "nope");
	http_expect_problem(*state, "/api/v1/containers/999/stats", 404, NULL, "999");
	http_expect_problem(*state, "/api/v1/stats?ids=web,nope", 404, "ids", "nope");
	http_expect_problem(*state, "/api/v1/containers/web/stats?host=nope", 404, NULL,
			    "no container \"web\" on host \"nope\"");
	http_expect_problem(*state, "/api/v1/stats?ids=db", 409, "ids", "host=");
	struct http_answer answer = http_ok(state, "/api/v1/stats?ids=db&host=beta");
	assert_string_equal(text_at(&answer, "series.0.container_id"), ID_TWIN);
	http_free(&answer);
}

static void names_that_are_not_utf_8_do_no_harm(void **state)
{
	struct http_fixture *fixture = *state;
	struct tally_cell *row = fake_store_row(fixture->store, "container_info");
	fake_store_int(fixture->store, row, "time", HTTP_NOW);
	fake_store_text(fixture->store, row, "host", "h");
	fake_store_text(fixture->store, row, "container_id", "id");
	fake_store_bytes(fixture->store, row, "name", "a\xff\"\n<", 5);
	fake_store_bytes(fixture->store, row, "labels", "{\"k\":\"\xff\"}", 9);
	struct http_answer answer = http_ok(state, "/api/v1/containers");
	assert_string_equal(text_at(&answer, "data.0.name"), "a\xef\xbf\xbd\"\n<");
	assert_string_equal(text_at(&answer, "data.0.labels"), "{\"k\":\"\xef\xbf\xbd\"}");
	http_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(containers_are_listed_with_their_newest_readings),
		WITH_DATA(containers_can_be_sorted_and_shown_in_part),
		EMPTY(what_does_not_run_has_no_readings),
		WITH_DATA(filters_narrow_the_list),
		WITH_DATA(pages_show_each_container_once),
		EMPTY(every_container_of_a_long_page_has_its_own_readings),
		WITH_DATA(a_container_is_found_by_id_prefix_and_name),
		WITH_DATA(what_is_ambiguous_or_unknown_is_said),
		EMPTY(names_that_are_not_utf_8_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
