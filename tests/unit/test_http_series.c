#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_fixture.h"
#include "test.h"

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_DB "2222222222222222222222222222222222222222222222222222222222222222"
#define WEB_STATS "/api/v1/containers/web/stats"

/* web has readings every 10 s for 2 minutes, but none between 60 and 90 s ago. */
static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	http_add_container(fixture, "alpha", ID_WEB, "web", "running");
	http_add_container(fixture, "alpha", ID_DB, "db", "running");
	for (int age = 120; age > 0; age -= 10)
		if (age < 60 || age > 90)
			http_add_stats(fixture, "alpha", ID_WEB, "web", age, age / 4.0,
				       100000 - 100 * age);
	http_add_stats(fixture, "alpha", ID_DB, "db", 15, NAN, 5);
	http_start(fixture);
	*state = fixture;
	return 0;
}

static json_t *member(const struct http_answer *answer, const char *name)
{
	return json_object_get(answer->json, name);
}

static const char *meta_text(const struct http_answer *answer, const char *group, const char *name)
{
	json_t *meta = member(answer, "meta");
	const char *text = json_string_value(
		json_object_get(group ? json_object_get(meta, group) : meta, name));
	return text ? text : "(none)";
}

static void a_series_is_columns_on_a_grid_with_nulls_for_gaps(void **state)
{
	struct http_answer answer =
		http_ok(state, WEB_STATS "?from=now-2m&to=now&step=30s&fields=cpu_percent");
	json_t *cpu = member(&answer, "cpu_percent");
	json_t *time = member(&answer, "time");
	assert_int_equal(json_array_size(time), 4);
	assert_int_equal(json_array_size(cpu), 4);
	assert_string_equal(json_string_value(json_array_get(time, 0)), "2026-01-01T11:58:00Z");
	assert_string_equal(json_string_value(json_array_get(time, 3)), "2026-01-01T11:59:30Z");
	assert_true(json_number_value(json_array_get(cpu, 0)) == 27.5);
	assert_true(json_is_null(json_array_get(cpu, 1)));
	assert_true(json_number_value(json_array_get(cpu, 2)) == 11.25);
	assert_int_equal(json_integer_value(json_object_get(member(&answer, "meta"), "step")), 30);
	assert_string_equal(meta_text(&answer, NULL, "container_id"), ID_WEB);
	assert_string_equal(meta_text(&answer, NULL, "source"), "container_stats");
	assert_string_equal(meta_text(&answer, NULL, "newest"), "2026-01-01T11:59:50Z");
	assert_string_equal(meta_text(&answer, "units", "cpu_percent"), "percent");
	assert_string_equal(meta_text(&answer, "agg", "cpu_percent"), "avg");
	http_free(&answer);
}

static void all_numbers_are_given_by_default_counters_as_rates(void **state)
{
	struct http_answer answer = http_ok(state, WEB_STATS "?from=now-30s&step=30s");
	assert_non_null(member(&answer, "cpu_percent"));
	assert_non_null(member(&answer, "mem_used_bytes"));
	assert_null(member(&answer, "name"));
	assert_string_equal(meta_text(&answer, "agg", "net_rx_bytes"), "rate");
	assert_string_equal(meta_text(&answer, "units", "net_rx_bytes"), "bytes/s");
	json_t *rx = member(&answer, "net_rx_bytes");
	assert_true(json_number_value(json_array_get(rx, 0)) == 100);
	assert_true(json_is_null(json_array_get(member(&answer, "net_tx_bytes"), 0)));
	http_free(&answer);
	answer = http_ok(state, WEB_STATS "?from=now-30s&step=30s&agg=last");
	rx = member(&answer, "net_rx_bytes");
	assert_int_equal(json_integer_value(json_array_get(rx, 0)), 99000);
	http_free(&answer);
	answer = http_ok(state, WEB_STATS "?from=now-30s&step=30s&agg=rate");
	assert_null(member(&answer, "cpu_percent"));
	assert_non_null(member(&answer, "net_rx_bytes"));
	http_free(&answer);
}

static void the_window_is_widened_to_whole_steps(void **state)
{
	struct http_answer answer = http_ok(
		state, WEB_STATS "?from=2026-01-01T11:58:07Z&to=2026-01-01T11:59:01Z&step=1m");
	assert_int_equal(json_array_size(member(&answer, "time")), 2);
	assert_string_equal(meta_text(&answer, NULL, "from"), "2026-01-01T11:58:00Z");
	assert_string_equal(meta_text(&answer, NULL, "to"), "2026-01-01T12:00:00Z");
	http_free(&answer);
}

static void points_are_a_most_and_give_round_steps(void **state)
{
	static const struct {
		const char *query;
		int step;
	} cases[] = {{"", 15},
		     {"?points=60", 60},
		     {"?points=1", 3600},
		     {"?from=now-5m", 10},
		     {"?from=now-24h", 300},
		     {"?from=now-7d&points=500", 1800},
		     {"?from=now-30d&points=10", 3 * 86400}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[200];
		snprintf(target, sizeof(target), WEB_STATS "%s", cases[i].query);
		struct http_answer answer = http_ok(state, target);
		json_t *meta = member(&answer, "meta");
		assert_int_equal(json_integer_value(json_object_get(meta, "step")), cases[i].step);
		assert_int_equal(json_integer_value(json_object_get(meta, "points")),
				 json_array_size(member(&answer, "time")));
		http_free(&answer);
	}
}

static void a_series_comes_as_rows_csv_and_ndjson(void **state)
{
	const char *base = WEB_STATS "?from=now-2m&step=1m&fields=mem_used_bytes,cpu_percent"
				     "&agg=max";
	char target[300];
	snprintf(target, sizeof(target), "%s&format=rows", base);
	struct http_answer answer = http_ok(state, target);
	json_t *row = json_array_get(member(&answer, "data"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "mem_used_bytes")), 1120);
	assert_string_equal(json_string_value(json_object_get(row, "time")),
			    "2026-01-01T11:58:00Z");
	http_free(&answer);
	snprintf(target, sizeof(target), "%s&format=csv", base);
	answer = http_ok(state, target);
	assert_string_equal(http_header(&answer, "Content-Type"), "text/csv; charset=utf-8");
	assert_string_equal(answer.body, "time,mem_used_bytes,cpu_percent\r\n"
					 "2026-01-01T11:58:00Z,1120,30\r\n"
					 "2026-01-01T11:59:00Z,1050,12.5\r\n");
	http_free(&answer);
	snprintf(target, sizeof(target), "%s&format=ndjson&times=s", base);
	answer = http_ok(state, target);
	assert_string_equal(answer.body,
			    "{\"time\":1767268680,\"mem_used_bytes\":1120,\"cpu_percent\":30}\n"
			    "{\"time\":1767268740,\"mem_used_bytes\":1050,\"cpu_percent\":12.5}\n");
	http_free(&answer);
}

static void gaps_are_empty_in_csv(void **state)
{
	struct http_answer answer =
		http_ok(state, WEB_STATS "?from=now-90s&to=now-30s&step=30s&fields=mem_used_bytes"
					 "&format=csv&agg=min");
	assert_string_equal(answer.body, "time,mem_used_bytes\r\n"
					 "2026-01-01T11:58:30Z,\r\n"
					 "2026-01-01T11:59:00Z,1040\r\n");
	http_free(&answer);
}

static void many_containers_share_one_grid(void **state)
{
	struct http_answer answer = http_ok(
		state, "/api/v1/stats?ids=db,1111,web&from=now-1m&step=30s&fields=cpu_percent,"
		       "mem_used_bytes&times=ms");
	json_t *series = member(&answer, "series");
	assert_int_equal(json_array_size(series), 2); /* web was named twice */
	json_t *db = json_array_get(series, 0), *web = json_array_get(series, 1);
	assert_string_equal(json_string_value(json_object_get(db, "name")), "db");
	assert_string_equal(json_string_value(json_object_get(web, "container_id")), ID_WEB);
	assert_int_equal(json_integer_value(json_array_get(member(&answer, "time"), 1)),
			 1767268770000);
	json_t *memory = json_object_get(db, "mem_used_bytes");
	assert_true(json_is_null(json_array_get(memory, 0)));
	assert_int_equal(json_number_value(json_array_get(memory, 1)), 1015);
	/* not a number in the store */
	assert_true(json_is_null(json_array_get(json_object_get(db, "cpu_percent"), 1)));
	http_free(&answer);
	answer = http_ok(state,
			 "/api/v1/stats?ids=web,db&from=now-30s&step=30s&fields=mem_used_bytes"
			 "&format=csv");
	assert_string_equal(answer.body, "time,container_id,mem_used_bytes\r\n"
					 "2026-01-01T11:59:30Z," ID_WEB ",1020\r\n"
					 "2026-01-01T11:59:30Z," ID_DB ",1015\r\n");
	http_free(&answer);
}

static void wrong_windows_are_named(void **state)
{
	struct http_fixture *fixture = *state;
	static const struct {
		const char *query, *parameter, *detail;
	} cases[] = {
		{"from=yesterday", "from", "is not a time"},
		{"to=1e3", "to", "is not a time"},
		{"from=1960-01-01T00:00:00Z", "from", "before 1970"},
		{"from=now&to=now-1h", "from", "before to"},
		{"from=now-31d", "from", "30 days, which is max_query_range_days"},
		{"step=500ms", "step", "at least 1s"},
		{"step=0", "step", "too short"},
		{"step=-1", "step", "too short"},
		{"step=-x", "step", "not a duration"},
		{"step=9999d", "step", "at most 3650d"},
		{"step=99999999d", "step", "too long"},
		{"step=fast", "step", "not a duration"},
		{"step=1s&from=now-1d", "step", "too many results"},
		{"step=10s&points=5", "points", "either"},
		{"points=0", "points", "1 to 10000"},
		{"points=10001", "points", "1 to 10000"},
		{"format=xml", "format", "json, rows, csv, ndjson"},
		{"times=iso", "times", "rfc3339, s, ms"},
		{"agg=median", "agg", "avg, min, max, last, rate"},
		{"fields=cpu_precent", "fields", "did you mean cpu_percent?"},
		{"fields=cpu_precent", "fields", "(host, container_id, name, cpu_percent"},
		{"fields=name", "fields", "not a number"},
		{"fields=", "fields", "no such column"},
		{"agg=rate&fields=cpu_percent", "agg", "not a counter"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[300];
		snprintf(target, sizeof(target), WEB_STATS "?%s", cases[i].query);
		http_expect_problem(fixture, target, 400, cases[i].parameter, cases[i].detail);
	}
	http_expect_problem(fixture, "/api/v1/stats?ids=web,db&step=1s&from=now-2h", 400, "step",
			    "2 containers");
}

static void a_range_of_one_day_is_no_days(void **state)
{
	(void)state;
	struct http_fixture fixture;
	http_prepare(&fixture);
	fixture.config.max_query_range_days = 1;
	http_add_container(&fixture, "alpha", ID_WEB, "web", "running");
	http_start(&fixture);
	http_expect_problem(&fixture, WEB_STATS "?from=now-25h", 400, "from",
			    "longer than 1 day, which");
	http_finish(&fixture);
}

static void a_limit_on_points_holds_for_the_default_too(void **state)
{
	(void)state;
	struct http_fixture fixture;
	http_prepare(&fixture);
	fixture.config.max_results_per_query = 50;
	http_add_container(&fixture, "alpha", ID_WEB, "web", "running");
	http_start(&fixture);
	struct http_answer answer = http_get(&fixture, WEB_STATS);
	assert_int_equal(answer.status, 200);
	assert_true(json_array_size(member(&answer, "time")) <= 51);
	http_free(&answer);
	http_finish(&fixture);
}

#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DATA(a_series_is_columns_on_a_grid_with_nulls_for_gaps),
		WITH_DATA(all_numbers_are_given_by_default_counters_as_rates),
		WITH_DATA(the_window_is_widened_to_whole_steps),
		WITH_DATA(points_are_a_most_and_give_round_steps),
		WITH_DATA(a_series_comes_as_rows_csv_and_ndjson),
		WITH_DATA(gaps_are_empty_in_csv),
		WITH_DATA(many_containers_share_one_grid),
		WITH_DATA(wrong_windows_are_named),
		cmocka_unit_test(a_limit_on_points_holds_for_the_default_too),
		cmocka_unit_test(a_range_of_one_day_is_no_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
