#include <message/cursor.h>
#include <errno.h>
#include <http/listen.h>
#include <message/time_expr.h>
#include <message/params.h>
#include <query/samples.h>
#include <stdlib.h>
#include <string.h>
#include <base/suggest.h>

#include "base/clock.h"
#include "http_api.h"
#include "test.h"

#define NOW (INT64_C(1767268800) * CLOCK_SECOND) /* 2026-01-01T12:00:00Z */

static void assert_moment(const char *text, int64_t expected)
{
	int64_t moment = 0;
	assert_int_equal(time_expr_read(text, NOW, &moment), 0);
	assert_int_equal(moment, expected);
}

static void times_are_read_in_every_promised_form(void **state)
{
	(void)state;
	assert_moment("now", NOW);
	assert_moment("now-1h", NOW - 3600 * CLOCK_SECOND);
	assert_moment("now+5m", NOW + 300 * CLOCK_SECOND);
	assert_moment("now 5m", NOW + 300 * CLOCK_SECOND); /* an unescaped + */
	assert_moment("now-0s", NOW);
	assert_moment("now-90", NOW - 90 * CLOCK_SECOND);
	assert_moment("1767268800", NOW);
	assert_moment("1767268800.25", NOW + CLOCK_SECOND / 4);
	assert_moment("1767268800123", NOW + 123 * CLOCK_SECOND / 1000);
	assert_moment("2026-01-01T12:00:00Z", NOW);
	assert_moment("2026-01-01T14:00:00+02:00", NOW);
	assert_moment("2026-01-01T14:00:00 02:00", NOW);
	assert_moment("2026-01-01T12:00:00.5Z", NOW + CLOCK_SECOND / 2);
	assert_moment("0", 0);
}

static void what_is_no_time_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",      "yesterday",  "now-", "now-1x", "nowhere", "1e9",         "0x10",     "-5",
		"12:00", "2026-01-01", "inf",  "nan",    "now--1h", "1767268800Z", "now-1h30m"};
	static const char *const far[] = {"now-100000d",          "99999999999999",
					  "1969-12-31T23:59:59Z", "2200-01-02T00:00:00Z",
					  "9999-01-01T00:00:00Z", "99999999999999999999999999999"};
	int64_t moment = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(time_expr_read(bad[i], NOW, &moment), -EINVAL);
	for (size_t i = 0; i < sizeof(far) / sizeof(*far); i++)
		assert_int_equal(time_expr_read(far[i], NOW, &moment), -ERANGE);
	assert_int_equal(moment, 42);
}

static void spans_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {{"500ms", CLOCK_SECOND / 2},   {"10s", 10 * CLOCK_SECOND},
		    {"5m", 300 * CLOCK_SECOND},    {"5min", 300 * CLOCK_SECOND},
		    {"1.5h", 5400 * CLOCK_SECOND}, {"7d", 7 * CLOCK_DAY},
		    {"2w", 14 * CLOCK_DAY},        {"90", 90 * CLOCK_SECOND}};
	int64_t ns;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(span_read(good[i].text, &ns), 0);
		assert_int_equal(ns, good[i].ns);
	}
	assert_int_equal(span_read("0s", &ns), -EDOM);
	assert_int_equal(span_read("10y", &ns), -EINVAL);
	assert_int_equal(span_read("-1s", &ns), -EINVAL);
	assert_int_equal(span_read("99999999d", &ns), -ERANGE);
}

static void a_target_is_taken_apart(void **state)
{
	(void)state;
	struct target target;
	assert_int_equal(target_parse("/a/b%2Fc/?x=1&y=a+b%2b&x=2&&flag&e=", &target), 0);
	assert_int_equal(target.n_segments, 3);
	assert_string_equal(target.segments[1], "b/c");
	assert_string_equal(target.segments[2], "");
	assert_int_equal(target.n_params, 5);
	assert_string_equal(target_param(&target, "x"), "1");
	assert_string_equal(target_param(&target, "y"), "a b+");
	assert_string_equal(target_param(&target, "flag"), "");
	assert_string_equal(target_param(&target, "e"), "");
	assert_null(target_param(&target, "none"));
	target_done(&target);
}

static void wrong_escapes_and_floods_are_refused(void **state)
{
	(void)state;
	struct target target;
	char many[2000] = "/?";
	assert_int_equal(target_parse("/a%", &target), -EINVAL);
	assert_int_equal(target_parse("/a%4", &target), -EINVAL);
	assert_int_equal(target_parse("/a%zz", &target), -EINVAL);
	assert_int_equal(target_parse("/?a=%00", &target), -EINVAL);
	assert_int_equal(target_parse("http://x/", &target), -EINVAL);
	assert_int_equal(target_parse("/1/2/3/4/5/6/7/8/9", &target), -E2BIG);
	for (size_t i = 0; i < 65; i++)
		memcpy(many + 2 + 2 * i, "a&", 3);
	assert_int_equal(target_parse(many, &target), -E2BIG);
}

static void a_cursor_comes_back_as_it_was(void **state)
{
	(void)state;
	static const uint16_t types[] = {TALLY_TIME, TALLY_TEXT, TALLY_TEXT, TALLY_TEXT, TALLY_INT};
	const struct tally_cell cells[] = {{.i = -5, .set = 1},
					   {.text = "h\0st", .len = 4, .set = 1},
					   {.set = 0},
					   {.text = "", .len = 0, .set = 1},
					   {.i = INT64_MAX, .set = 1}};
	struct tally_cell read[5];
	char *memory;
	char *text = cursor_write(types, cells, 5);
	assert_non_null(text);
	assert_int_equal(cursor_read(text, types, 5, read, &memory), 0);
	assert_int_equal(read[0].i, -5);
	assert_int_equal(read[1].len, 4);
	assert_memory_equal(read[1].text, "h\0st", 4);
	assert_false(read[2].set);
	assert_true(read[3].set && read[3].len == 0);
	assert_int_equal(read[4].i, INT64_MAX);
	free(memory);
	assert_int_equal(cursor_read(text, types, 4, read, &memory), -EINVAL);
	text[strlen(text) - 3] = '\0';
	assert_int_equal(cursor_read(text, types, 5, read, &memory), -EINVAL);
	assert_int_equal(cursor_read("", types, 5, read, &memory), -EINVAL);
	assert_int_equal(cursor_read("not a cursor!", types, 5, read, &memory), -EINVAL);
	free(text);
}

static void a_cursor_holds_texts_of_any_length(void **state)
{
	static const uint16_t types[] = {TALLY_TEXT};
	static const char bytes[] = "\xff?>~abc\x01xyz";
	(void)state;
	for (uint32_t len = 0; len < sizeof(bytes); len++) {
		const struct tally_cell cell = {.text = bytes, .len = len, .set = 1};
		struct tally_cell read;
		char *memory;
		char *text = cursor_write(types, &cell, 1);
		assert_non_null(text);
		/* A count and a type, the length in four, without padding. */
		assert_int_equal(strlen(text), ((6 + len) * 4 + 2) / 3);
		assert_int_equal(cursor_read(text, types, 1, &read, &memory), 0);
		assert_int_equal(read.len, len);
		assert_memory_equal(read.text, bytes, len);
		free(memory);
		free(text);
	}
}

static void addresses_are_read(void **state)
{
	(void)state;
	struct listen_address address;
	static const char *const good[] = {"127.0.0.1:7420", "localhost:1", "[::1]:0",
					   "[::ffff:127.0.0.1]:80"};
	static const char *const open[] = {"0.0.0.0:7420", "[::]:7420", "10.1.2.3:80"};
	static const char *const bad[] = {"",
					  "7420",
					  ":7420",
					  "127.0.0.1",
					  "x:1",
					  "127.0.0.1:",
					  "127.0.0.1:70000",
					  "127.0.0.1:1x",
					  "::1:80",
					  "[::1:80",
					  "[]:80"};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(listen_parse(good[i], &address), 0);
		assert_true(listen_is_loopback(&address));
	}
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
		assert_int_equal(listen_parse(open[i], &address), 0);
		assert_false(listen_is_loopback(&address));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(listen_parse(bad[i], &address), -EINVAL);
}

static void near_names_have_small_distances(void **state)
{
	(void)state;
	assert_int_equal(suggest_distance("limit", "limit"), 0);
	assert_int_equal(suggest_distance("limt", "limit"), 1);
	assert_int_equal(suggest_distance("cpu_precent", "cpu_percent"), 1);
	assert_int_equal(suggest_distance("", "abc"), 3);
	assert_int_equal(suggest_distance("LIMIT", "limti"), 1);
	assert_true(suggest_distance("from", "agg") >= SUGGEST_NEAR);
}

static void only_what_is_plausible_is_suggested(void **state)
{
	static const char *const plausible[][2] = {
		{"limt", "limit"},    {"form", "from"},          {"frm", "from"},
		{"hots", "host"},     {"filed", "fields"},       {"Host", "host"},
		{"ERROR", "error"},   {"warn", "warning"},       {"WARN", "warning"},
		{"ref", "reference"}, {"containr", "container"},
	};
	static const char *const silly[][2] = {
		{"x", "q"},       {"foo", "from"},      {"q", "to"},  {"", "q"},
		{"nope", "name"}, {"by", "q"},          {"id", "to"}, {"lo", "logs"},
		{"loud", "info"}, {"celsius", "place"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(plausible) / sizeof(*plausible); i++) {
		unsigned best = SUGGEST_NEAR;
		if (!suggest_nearer(plausible[i][0], plausible[i][1], &best))
			fail_msg("%s is not suggested for %s", plausible[i][1], plausible[i][0]);
		assert_false(suggest_nearer(plausible[i][0], plausible[i][1], &best));
	}
	for (size_t i = 0; i < sizeof(silly) / sizeof(*silly); i++) {
		unsigned best = SUGGEST_NEAR;
		if (suggest_nearer(silly[i][0], silly[i][1], &best))
			fail_msg("%s is suggested for %s", silly[i][1], silly[i][0]);
	}
}

static void labels_are_read_with_their_escapes(void **state)
{
	(void)state;
	static const char labels[] = "input=\"a\\\"b\\\\c\\n\",table=\"t,x=\\\"y\\\"\",e=\"\"";
	char value[32];
	assert_true(sample_label(labels, "input", value, sizeof(value)));
	assert_string_equal(value, "a\"b\\c\n");
	assert_true(sample_label(labels, "table", value, sizeof(value)));
	assert_string_equal(value, "t,x=\"y\"");
	assert_true(sample_label(labels, "e", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(sample_label(labels, "put", value, sizeof(value)));
	assert_false(sample_label("", "input", value, sizeof(value)));
	assert_false(sample_label("input=\"long\"", "input", value, 3));
}

static void parameters_in_any_order_are_one_target(void **state)
{
	static const struct {
		const char *raw, *sorted;
	} targets[] = {
		{"/x", "/x"},
		{"/x?", "/x"},
		{"/x?a=1", "/x?a=1"},
		{"/x?b=2&a=1", "/x?a=1&b=2"},
		{"/x?a=1&b=2", "/x?a=1&b=2"},
		{"/x?&b=2&&a=1&", "/x?a=1&b=2"},
		{"/x?b&a&b", "/x?a&b&b"},
		{"/x?label=b&label=a&k=?", "/x?k=?&label=a&label=b"},
		{"/x?aa=1&a=1&ab=", "/x?a=1&aa=1&ab="},
		{"/x?&&", "/x"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		char *raw = strdup(targets[i].raw);
		target_sort(raw);
		assert_string_equal(raw, targets[i].sorted);
		free(raw);
	}
	char many[300] = "/x?";
	for (size_t i = 0; i <= PARAMS_MAX; i++)
		memcpy(many + 3 + 2 * i, i % 2 ? "b&" : "a&", 2);
	char *before = strdup(many);
	target_sort(many); /* which is refused */
	assert_string_equal(many, before);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parameters_in_any_order_are_one_target),
		cmocka_unit_test(times_are_read_in_every_promised_form),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(spans_are_read),
		cmocka_unit_test(a_target_is_taken_apart),
		cmocka_unit_test(wrong_escapes_and_floods_are_refused),
		cmocka_unit_test(a_cursor_comes_back_as_it_was),
		cmocka_unit_test(a_cursor_holds_texts_of_any_length),
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(near_names_have_small_distances),
		cmocka_unit_test(only_what_is_plausible_is_suggested),
		cmocka_unit_test(labels_are_read_with_their_escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
