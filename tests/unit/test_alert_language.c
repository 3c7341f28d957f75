#include <string.h>

#include "alert_fixture.h"
#include "base/clock.h"
#include "keep/quiet.h"
#include "language/parse.h"
#include "value_show.h"
#include "test.h"

static void a_rule_on_a_metric_is_understood(void **state)
{
	struct rule *rule = fixture_rule("avg(cpu_percent) > 90 for 5min by service", NULL);
	(void)state;
	assert_int_equal(rule->function, RULE_AVG);
	assert_string_equal(rule->table, "container_stats");
	assert_string_equal(rule->column, "cpu_percent");
	assert_int_equal(rule->when.op, RULE_GREATER);
	assert_true(rule->when.number == 90);
	assert_int_equal(rule->window, CLOCK_MINUTE);
	assert_int_equal(rule->when_for, 5 * CLOCK_MINUTE);
	assert_int_equal(rule->by, RULE_BY_SERVICE);
	assert_false(rule->has_clear);
	rule_destroy(rule);
}

static void a_disk_is_full_in_a_time_by_its_size(void **state)
{
	struct rule *rule = fixture_rule("full_in(used_bytes, size_bytes) < 24h", NULL);
	(void)state;
	assert_int_equal(rule->function, RULE_FULL_IN);
	assert_string_equal(rule->column, "used_bytes");
	assert_string_equal(rule->size, "size_bytes");
	assert_string_equal(rule_unit(rule), "s");
	assert_true(rule->when.number == 24 * 3600);
	assert_int_equal(rule->window, 6 * CLOCK_HOUR);
	assert_int_equal(rule->by, RULE_BY_HOST);
	rule_destroy(rule);
}

static void values_are_read_in_the_unit_of_their_column(void **state)
{
	static const struct {
		const char *when;
		double number;
	} cases[] = {
		{"max(mem_used_bytes) >= 1.5e3", 1500},
		{"max(mem_used_bytes) >= 64Mi", 64 << 20},
		{"rate(net_rx_bytes over 10min) > 1Ki", 1024},
		{"avg(cpu_percent) < 90%", 90},
		{"min(uptime) < 2min", 120},
		{"count(container_logs) = 3", 3},
		{"sum ( container_stats.mem_limit_bytes ) > 1", 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule *rule = fixture_rule(cases[i].when, NULL);
		assert_true(rule->when.number == cases[i].number);
		rule_destroy(rule);
	}
}

static void conditions_compare_texts_numbers_and_yes_or_no(void **state)
{
	struct rule *rule = fixture_rule("state = exited and exit_code != 0 and oom_killed = yes "
					 "and container_info.name matches '^web-[0-9]+$' for 1min",
					 NULL);
	(void)state;
	assert_int_equal(rule->function, RULE_NEWEST);
	assert_string_equal(rule->table, "container_info");
	assert_int_equal(rule->n_conditions, 4);
	assert_string_equal(rule->conditions[0].text, "exited");
	assert_true(rule->conditions[1].number == 0);
	assert_int_equal(rule->conditions[1].op, RULE_UNEQUAL);
	assert_true(rule->conditions[2].number == 1);
	assert_non_null(rule->conditions[3].pattern);
	assert_int_equal(rule->by, RULE_BY_CONTAINER);
	rule_destroy(rule);
}

static void the_end_of_an_alert_may_have_a_threshold_of_its_own(void **state)
{
	struct rule *rule = fixture_rule("avg(cpu_percent over 5min) > 90", "< 70 for 2min");
	(void)state;
	assert_true(rule->has_clear);
	assert_int_equal(rule->window, 5 * CLOCK_MINUTE);
	assert_int_equal(rule->clear.op, RULE_LESS);
	assert_true(rule->clear.number == 70);
	assert_int_equal(rule->clear_for, 2 * CLOCK_MINUTE);
	rule_destroy(rule);
}

static void what_has_no_container_is_about_hosts(void **state)
{
	struct rule *rule = fixture_rule("min(uptime) < 60s", NULL);
	(void)state;
	assert_int_equal(rule->by, RULE_BY_HOST);
	rule_destroy(rule);
	rule = fixture_rule("no container_stats for 2min by host", NULL);
	assert_int_equal(rule->function, RULE_SILENCE);
	assert_int_equal(rule->when_for, 2 * CLOCK_MINUTE);
	rule_destroy(rule);
}

static void a_mistake_is_explained_where_it_stands(void **state)
{
	static const char *const cases[][3] = {
		{"avg(cpu_percnt) > 90", NULL,
		 "when: at character 5, \"cpu_percnt\": no such column (did you mean "
		 "cpu_percent?)"},
		{"container_stat.cpu_percent = 3", NULL,
		 "when: at character 1, \"container_stat.cpu_percent\": no such table (did you "
		 "mean container_stats?)"},
		{"avg(container_stats.cpu) > 3", NULL,
		 "when: at character 5, \"container_stats.cpu\": container_stats has no such "
		 "column (did you mean cpu_percent?)"},
		{"avgg(cpu_percent) > 90", NULL,
		 "when: at character 1, \"avgg\": no such function: use avg, min, max, sum, rate, "
		 "count or full_in (did you mean avg?)"},
		{"full_in(used_bytes) < 24h", NULL, "when: at character 19, \")\": expected ,"},
		{"full_in(used_bytes, cpu_percent) < 24h", NULL,
		 "when: at character 21, \"cpu_percent\": disk has no such column"},
		{"full_in(used_bytes, size_bytes over 1min) < 24h", NULL,
		 "when: full_in needs a window of at least 10min"},
		{"avg(cpu_percent) > 1Gi", NULL,
		 "when: at character 20, \"1Gi\": cpu_percent is in percent: expected a "
		 "percentage, such as 90"},
		{"avg(mem_used_bytes) > 80%", NULL,
		 "when: at character 23, \"80%\": mem_used_bytes is in bytes: expected a size, "
		 "such as 512Mi"},
		{"min(uptime) < 5Mi", NULL,
		 "when: at character 15, \"5Mi\": uptime is in s: expected a duration, such as "
		 "5s"},
		{"avg(net_rx_bytes) > 1", NULL,
		 "when: at character 5, \"net_rx_bytes\": net_rx_bytes is a counter, which only "
		 "grows: use rate(net_rx_bytes)"},
		{"rate(cpu_percent) > 1", NULL,
		 "when: at character 6, \"cpu_percent\": cpu_percent is not a counter: use avg, "
		 "min, max or sum"},
		{"avg(message) > 1", NULL,
		 "when: at character 5, \"message\": message is not a number"},
		{"avg(mem_limit_bytes where name = x) > 1 by pod", NULL,
		 "when: at character 44, \"pod\": expected container, service, project or host"},
		{"exit_code > 1 by cluster", NULL,
		 "when: at character 18, \"cluster\": expected container, service, project or "
		 "host"},
		{"uptime > 1s by service", NULL,
		 "when: at character 16, \"service\": room has no container_id, so no service: "
		 "use by host"},
		{"level > 3", NULL,
		 "when: at character 9, \"3\": level is a text: compare it with =, !=, contains or "
		 "matches"},
		{"state = exited and uptime = 3s", NULL,
		 "when: at character 20, \"uptime\": container_info has no such column "
		 "(did you mean time?)"},
		{"state = exited or exit_code = 1", NULL,
		 "when: at character 16, \"or\": there is no or: write a second rule"},
		{"gone_at = 3", NULL,
		 "when: at character 1, \"gone_at\": gone_at is a time, which only `where` "
		 "compares"},
		{"count(log_patterns where first_seen > 3) > 0", NULL,
		 "when: at character 37, \">\": first_seen is a time: expected newer than or "
		 "older than, such as newer than 10min"},
		{"count(log_patterns where first_seen newer 3min) > 0", NULL,
		 "when: at character 43, \"3min\": expected than"},
		{"count(log_patterns) > 0 by container", NULL,
		 "when: at character 28, \"container\": log_patterns has no container_id, so no "
		 "container: use by host"},
		{"action = die and name = a", NULL, NULL},
		{"message matches \"a(b\"", NULL,
		 "when: at character 17, \"a(b\": is not a regular expression: missing closing "
		 "parenthesis, at byte 4"},
		{"message = \"a", NULL, "when: at character 11, \"a\": has no closing \""},
		{"no container_stats", NULL,
		 "when: at the end: say for how long: no container_stats for 5min"},
		{"no container_stats for 5min by service", NULL,
		 "when: at the end: who is silent is a container or a host"},
		{"avg(cpu_percent) > 90 for 5", NULL,
		 "when: at character 27, \"5\": expected a duration, such as 5min"},
		{"avg(cpu_percent) > 90 for 8d", NULL,
		 "when: at character 27, \"8d\": expected a duration between 1s and 7d"},
		{"avg(cpu_percent over 1min > 90", NULL,
		 "when: at character 27, \">\": expected )"},
		{"avg(cpu_percent) ~ 90", NULL,
		 "when: at character 18, \"~\": means nothing here; texts stand in quotes"},
		{"", NULL, "when: at the end: expected a column"},
		{"avg(cpu_percent) > 90", "> 80",
		 "clear: > 80 is itself a reason to fire: it must be on the other side of what "
		 "`when` says"},
		{"avg(cpu_percent) > 90", "< 95",
		 "clear: < 95 is itself a reason to fire: it must be on the other side of what "
		 "`when` says"},
		{"health = unhealthy", "< 95",
		 "clear: this rule compares no value that it could use"},
	};
	struct names names;
	(void)state;
	fixture_names(&names);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rule *rule = NULL;
		struct error error = {0};
		int r = parse_rule(cases[i][0], cases[i][1], &names, &rule, &error);
		if (cases[i][2]) {
			assert_string_equal(error.text, cases[i][2]);
			assert_true(r < 0);
		}
		rule_destroy(rule);
	}
}

static void the_newest_row_may_age(void **state)
{
	struct rule *rule = fixture_rule("health = unhealthy over 1h for 2min by service", NULL);
	(void)state;
	assert_true(rule->ages && rule_has_window(rule));
	assert_int_equal(rule->window, CLOCK_HOUR);
	assert_int_equal(rule->when_for, 2 * CLOCK_MINUTE);
	rule_destroy(rule);
	rule = fixture_rule("health = unhealthy", NULL);
	assert_false(rule->ages || rule_has_window(rule));
	rule_destroy(rule);
}

static void what_is_told_is_a_text_of_the_rules_table(void **state)
{
	struct rule *rule = fixture_rule("count(container_logs) > 1", NULL);
	struct names names;
	struct error error;
	(void)state;
	fixture_names(&names);
	assert_int_equal(parse_tell("message", &names, rule, &error), 0);
	assert_string_equal(rule->tell, "message");
	assert_int_equal(parse_tell("mesage", &names, rule, &error), -EINVAL);
	assert_string_equal(error.text, "tell: container_logs has no column mesage (did you mean "
					"message?)");
	assert_int_equal(parse_tell("sequence", &names, rule, &error), -EINVAL);
	assert_string_equal(error.text, "tell: sequence is not a text");
	rule_destroy(rule);
}

static void a_column_of_several_tables_wants_the_table_too(void **state)
{
	struct names names;
	struct rule *rule = NULL;
	struct error error;
	(void)state;
	fixture_names(&names);
	assert_true(parse_rule("avg(name) > 1", NULL, &names, &rule, &error) < 0);
	assert_string_equal(error.text,
			    "when: at character 5, \"name\": several tables have it: write one of "
			    "container_stats.name, container_info.name, container_events.name, "
			    "container_logs.name");
}

static void values_are_shown_as_people_write_them(void **state)
{
	char text[32];
	(void)state;
	value_show(1610612736, "bytes", text, sizeof(text));
	assert_string_equal(text, "1.5Gi");
	value_show(97.25, "percent", text, sizeof(text));
	assert_string_equal(text, "97.25%");
	value_show(2.5e9, "ns", text, sizeof(text));
	assert_string_equal(text, "2.5s");
	value_show(7260, "s", text, sizeof(text));
	assert_string_equal(text, "2.02h");
	value_show(1610612736, "bytes/h", text, sizeof(text));
	assert_string_equal(text, "1.5Gi/h");
	value_show(12, NULL, text, sizeof(text));
	assert_string_equal(text, "12");
}

/* ---- Quiet times --------------------------------------------------------------- */

static int64_t at(const char *text)
{
	struct tm tm = {.tm_isdst = -1};
	assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &tm));
	return (int64_t)mktime(&tm) * CLOCK_SECOND;
}

static void quiet_times_are_hours_days_or_a_date(void **state)
{
	struct quiet quiet;
	struct error error;
	(void)state;
	/* 2026-11-30 is a Monday. */
	assert_int_equal(quiet_parse("mon-fri 22:00-06:00, sat-sun", &quiet, &error), 0);
	assert_false(quiet_is(&quiet, at("2026-11-30 05:59")));
	assert_false(quiet_is(&quiet, at("2026-11-30 21:59")));
	assert_true(quiet_is(&quiet, at("2026-11-30 22:00")));
	assert_true(quiet_is(&quiet, at("2026-12-01 05:59")));
	assert_false(quiet_is(&quiet, at("2026-12-01 06:00")));
	assert_true(quiet_is(&quiet, at("2026-12-05 12:00")));
	assert_true(quiet_is(&quiet, at("2026-12-05 05:00")));
	assert_int_equal(quiet_parse("2026-12-01T22:00:00Z/2026-12-02T02:00:00Z", &quiet, &error),
			 0);
	assert_true(quiet_is(&quiet, INT64_C(1796169600) * CLOCK_SECOND));
	assert_false(quiet_is(&quiet, INT64_C(1796176800) * CLOCK_SECOND));
	assert_int_equal(quiet_parse(NULL, &quiet, &error), 0);
	assert_false(quiet_is(&quiet, at("2026-12-05 05:00")));
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = {"monday",
					    "25:00-26:00",
					    "22:00",
					    "mon-",
					    "22:00-06:00 x",
					    "fri 9-17",
					    "2026-12-02T02:00:00Z/2026-12-01T22:00:00Z"};
	struct quiet quiet;
	struct error error;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_true(quiet_parse(wrong[i], &quiet, &error) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_on_a_metric_is_understood),
		cmocka_unit_test(a_disk_is_full_in_a_time_by_its_size),
		cmocka_unit_test(values_are_read_in_the_unit_of_their_column),
		cmocka_unit_test(conditions_compare_texts_numbers_and_yes_or_no),
		cmocka_unit_test(the_end_of_an_alert_may_have_a_threshold_of_its_own),
		cmocka_unit_test(what_has_no_container_is_about_hosts),
		cmocka_unit_test(a_mistake_is_explained_where_it_stands),
		cmocka_unit_test(the_newest_row_may_age),
		cmocka_unit_test(what_is_told_is_a_text_of_the_rules_table),
		cmocka_unit_test(a_column_of_several_tables_wants_the_table_too),
		cmocka_unit_test(values_are_shown_as_people_write_them),
		cmocka_unit_test(quiet_times_are_hours_days_or_a_date),
		cmocka_unit_test(what_is_no_time_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
