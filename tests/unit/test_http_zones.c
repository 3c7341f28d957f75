#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "http_fixture.h"
#include "message/zone.h"
#include "test.h"

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define WEB_STATS "/api/v1/containers/web/stats"
#define BERLIN "&tz=Europe/Berlin"

/* ---- Zones --------------------------------------------------------------- */

static void days_begin_when_a_clock_there_first_shows_them(void **state)
{
	(void)state;
	/* As Python's zoneinfo has it. */
	static const struct {
		const char *zone;
		int64_t day;
		const char *begin;
	} cases[] = {
		{"Europe/Berlin", 20541, "2026-03-28T23:00:00Z"},
		{"Europe/Berlin", 20542, "2026-03-29T22:00:00Z"},
		{"Europe/Berlin", 20751, "2026-10-24T22:00:00Z"},
		{"Europe/Berlin", 20752, "2026-10-25T23:00:00Z"},
		{"Europe/Berlin", 65925, "2150-06-30T22:00:00Z"},
		{"Asia/Kolkata", 20454, "2025-12-31T18:30:00Z"},
		{"Asia/Kathmandu", 20454, "2025-12-31T18:15:00Z"},
		{"Australia/Lord_Howe", 20548, "2026-04-04T13:00:00Z"},
		{"Australia/Lord_Howe", 20549, "2026-04-05T13:30:00Z"}, /* 24.5 hours later */
		{"Africa/Cairo", 19839, "2024-04-25T22:00:00Z"},        /* at 01:00 */
		{"Africa/Cairo", 20028, "2024-10-31T22:00:00Z"},
		{"America/Havana", 20156, "2025-03-09T05:00:00Z"},
		{"America/Havana", 20394, "2025-11-02T04:00:00Z"}, /* midnight comes twice */
		{"America/Havana", 20395, "2025-11-03T05:00:00Z"},
		{"America/St_Johns", 14920, "2010-11-07T02:30:00Z"}, /* back at 00:01 */
		{"America/St_Johns", 14921, "2010-11-08T03:30:00Z"},
		{"Pacific/Apia", 15338, "2011-12-30T10:00:00Z"}, /* left out */
		{"Pacific/Apia", 15339, "2011-12-30T10:00:00Z"},
		{"Pacific/Kiritimati", 20454, "2025-12-31T10:00:00Z"},
		{"Etc/GMT+12", 20454, "2026-01-01T12:00:00Z"},
		{"UTC", 20454, "2026-01-01T00:00:00Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[RFC3339_SIZE];
		struct zone *zone;
		assert_int_equal(zone_open(cases[i].zone, &zone), 0);
		int64_t begin = zone_day_begins(zone, cases[i].day);
		rfc3339_format(begin, text);
		if (strcmp(text, cases[i].begin) != 0)
			fail_msg("%s: day %d begins at %s, not %s", cases[i].zone,
				 (int)cases[i].day, text, cases[i].begin);
		assert_true(zone_day_of(zone, begin) >= cases[i].day);
		assert_int_equal(zone_day_of(zone, begin - 1),
				 strcmp(cases[i].zone, "Pacific/Apia") == 0 ? 15337
									    : cases[i].day - 1);
		zone_close(zone);
	}
}

static void a_name_leads_nowhere_else(void **state)
{
	(void)state;
	static const char *const names[] = {
		"",
		"../../etc/passwd",
		"Europe/../../../../etc/passwd",
		"/etc/localtime",
		"/usr/share/zoneinfo/UTC",
		"Europe//Berlin",
		"Europe/",
		"Europe/Berlin/",
		"europe/berlin",
		"right/Europe/Berlin",
		"posixrules",
		"localtime",
		"tzdata.zi",
		"Europe/Berlin\n",
		":Europe/Berlin",
		"+02:00",
		"EuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEuropeEurope",
	};
	static const char *const unknown[] = {"Europe", "Europe/Bonn", "CET-1", "CET-1CEST", "X"};
	struct zone *zone;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(zone_open(names[i], &zone), -EINVAL);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++)
		assert_int_equal(zone_open(unknown[i], &zone), -ENOENT);
}

/* ---- Readings -------------------------------------------------------------- */

static void add_reading(struct http_fixture *fixture, const char *time, double cpu)
{
	int64_t ns;
	assert_int_equal(rfc3339_parse(time, strlen(time), &ns), 0);
	http_add_stats(fixture, "alpha", ID_WEB, "web", (int)((HTTP_NOW - ns) / CLOCK_SECOND), cpu,
		       0);
}

/* At both ends of a day of 23 hours and of one of 25, as Berlin has them. */
static int set_up(void **state)
{
	static const struct {
		const char *time;
		double cpu;
	} readings[] = {
		{"2025-03-29T22:59:00Z", 1},  {"2025-03-29T23:00:00Z", 2},
		{"2025-03-30T21:59:00Z", 4},  {"2025-03-30T22:00:00Z", 8},
		{"2025-10-25T21:59:00Z", 16}, {"2025-10-25T22:00:00Z", 32},
		{"2025-10-26T22:59:00Z", 64}, {"2025-10-26T23:00:00Z", 128},
	};
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	fixture->config.max_query_range_days = 400;
	http_add_container(fixture, "alpha", ID_WEB, "web", "running");
	for (size_t i = 0; i < sizeof(readings) / sizeof(*readings); i++)
		add_reading(fixture, readings[i].time, readings[i].cpu);
	http_start(fixture);
	*state = fixture;
	return 0;
}

static void assert_csv(void **state, const char *target, const char *expected)
{
	struct http_answer answer = http_ok(state, target);
	assert_string_equal(answer.body, expected);
	http_free(&answer);
}

#define CPU "&fields=cpu_percent&format=csv"

static void a_day_has_23_hours_where_clocks_go_forward_and_25_where_back(void **state)
{
	assert_csv(state,
		   WEB_STATS
		   "?from=2025-03-29T12:00:00Z&to=2025-03-31T12:00:00Z&step=1d" BERLIN CPU,
		   "time,cpu_percent\r\n"
		   "2025-03-28T23:00:00Z,1\r\n"
		   "2025-03-29T23:00:00Z,3\r\n"
		   "2025-03-30T22:00:00Z,8\r\n");
	assert_csv(state,
		   WEB_STATS
		   "?from=2025-10-25T12:00:00Z&to=2025-10-27T12:00:00Z&step=1d" BERLIN CPU,
		   "time,cpu_percent\r\n"
		   "2025-10-24T22:00:00Z,16\r\n"
		   "2025-10-25T22:00:00Z,48\r\n"
		   "2025-10-26T23:00:00Z,128\r\n");
}

static void weeks_begin_on_mondays_and_months_on_the_first(void **state)
{
	assert_csv(state,
		   WEB_STATS
		   "?from=2025-03-29T12:00:00Z&to=2025-03-31T12:00:00Z&step=1w" BERLIN CPU,
		   "time,cpu_percent\r\n"
		   "2025-03-23T23:00:00Z,2.3333333333333335\r\n"
		   "2025-03-30T22:00:00Z,8\r\n");
	assert_csv(state,
		   WEB_STATS
		   "?from=2025-03-29T12:00:00Z&to=2025-05-01T00:00:00Z&step=1mo" BERLIN CPU,
		   "time,cpu_percent\r\n"
		   "2025-02-28T23:00:00Z,3.75\r\n"
		   "2025-03-31T22:00:00Z,\r\n"
		   "2025-04-30T22:00:00Z,\r\n");
	assert_csv(state,
		   WEB_STATS "?from=2025-03-29T12:00:00Z&to=2025-10-30T00:00:00Z&step=3mo" CPU,
		   "time,cpu_percent\r\n"
		   "2025-01-01T00:00:00Z,3.75\r\n"
		   "2025-04-01T00:00:00Z,\r\n"
		   "2025-07-01T00:00:00Z,\r\n"
		   "2025-10-01T00:00:00Z,60\r\n");
}

static void groups_and_percentiles_have_the_same_days(void **state)
{
	const char *range = "from=2025-10-25T12:00:00Z&to=2025-10-27T12:00:00Z&step=1d" BERLIN CPU;
	char target[300];
	snprintf(target, sizeof(target), "/api/v1/stats?group_by=host&agg=max&%s", range);
	assert_csv(state, target,
		   "time,host,cpu_percent\r\n"
		   "2025-10-24T22:00:00Z,alpha,16\r\n"
		   "2025-10-25T22:00:00Z,alpha,64\r\n"
		   "2025-10-26T23:00:00Z,alpha,128\r\n");
	snprintf(target, sizeof(target), "/api/v1/stats?ids=web&agg=last,p50&%s", range);
	assert_csv(state, target,
		   "time,container_id,cpu_percent.last,cpu_percent.p50\r\n"
		   "2025-10-24T22:00:00Z," ID_WEB ",16,16\r\n"
		   "2025-10-25T22:00:00Z," ID_WEB ",64,48\r\n"
		   "2025-10-26T23:00:00Z," ID_WEB ",128,128\r\n");
}

static void the_answer_says_the_zone_and_its_times_are_utc(void **state)
{
	struct http_answer answer =
		http_ok(state, WEB_STATS
			"?from=2025-10-25T12:00:00Z&to=2025-10-27T12:00:00Z&step=1d" BERLIN);
	json_t *meta = json_object_get(answer.json, "meta");
	assert_string_equal(json_string_value(json_object_get(meta, "tz")), "Europe/Berlin");
	assert_string_equal(json_string_value(json_object_get(meta, "from")),
			    "2025-10-24T22:00:00Z");
	assert_string_equal(json_string_value(json_object_get(meta, "to")), "2025-10-27T23:00:00Z");
	assert_int_equal(json_integer_value(json_object_get(meta, "step")), 86400);
	http_free(&answer);
	answer = http_ok(state, WEB_STATS "?from=now-50d&step=1mo");
	meta = json_object_get(answer.json, "meta");
	assert_true(json_is_null(json_object_get(meta, "step")));
	assert_null(json_object_get(meta, "tz"));
	http_free(&answer);
	/* A step that was chosen, and is not of days. */
	answer = http_ok(state, WEB_STATS "?from=now-1h&points=10&tz=Asia/Kolkata");
	meta = json_object_get(answer.json, "meta");
	assert_int_equal(json_integer_value(json_object_get(meta, "step")), 600);
	http_free(&answer);
}

static void wrong_zones_and_steps_are_named(void **state)
{
	struct http_fixture *fixture = *state;
	static const struct {
		const char *query, *parameter, *detail;
	} cases[] = {
		{"tz=Europe/Bonn&step=1d", "tz", "no time zone \"Europe/Bonn\""},
		{"tz=../../etc/passwd&step=1d", "tz", "no time zone"},
		{"tz=&step=1d", "tz", "no time zone"},
		{"tz=Nowhere", "tz", "no time zone"}, /* also where the step is not of days */
		{"tz=Europe/Berlin&step=12h", "step", "whole days, weeks or months"},
		{"tz=Europe/Berlin&step=36h", "step", "whole days, weeks or months"},
		{"step=0mo", "step", "from 1mo to 120mo"},
		{"step=121mo", "step", "from 1mo to 120mo"},
		{"step=99999999999999999999mo", "step", "from 1mo to 120mo"},
		{"step=1.5mo", "step", "not a duration"},
		{"step=-1mo", "step", "not a duration"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char target[300];
		snprintf(target, sizeof(target), WEB_STATS "?%s", cases[i].query);
		http_expect_problem(fixture, target, 400, cases[i].parameter, cases[i].detail);
	}
}

#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, set_up, http_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_begin_when_a_clock_there_first_shows_them),
		cmocka_unit_test(a_name_leads_nowhere_else),
		WITH_DATA(a_day_has_23_hours_where_clocks_go_forward_and_25_where_back),
		WITH_DATA(weeks_begin_on_mondays_and_months_on_the_first),
		WITH_DATA(groups_and_percentiles_have_the_same_days),
		WITH_DATA(the_answer_says_the_zone_and_its_times_are_utc),
		WITH_DATA(wrong_zones_and_steps_are_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
