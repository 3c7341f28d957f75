#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_map.h"
#include "base/json_reader.h"
#include "test.h"

/* A reader over an exact copy, so that a read past its end is seen. */
static char *open_text(struct json_reader *json, const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, text, len);
	json_reader_init(json, copy, len);
	return copy;
}

static const char *skip_all(const char *text)
{
	struct json_reader json;
	char *copy = open_text(&json, text);
	json_skip(&json);
	json_finish(&json);
	free(copy);
	return json.problem;
}

static void what_is_json_is_skipped(void **state)
{
	static const char *const good[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"12",
		"-1.50",
		"0.001",
		"1e9",
		"2.5E-07",
		"18446744073709551615",
		"1e400",
		"\"\"",
		"\"a\\n\\u00e9\\\\\\/\"",
		"[]",
		"{}",
		" [ 1 , [ ] , { \"a\" : [ ] , \"b\\u0022\" : null } ] \r\n"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (skip_all(good[i]))
			fail_msg("%s: %s", good[i], skip_all(good[i]));
}

static void what_is_not_json_is_a_problem(void **state)
{
	static const char *const bad[] = {
		"",          " ",       "nul",         "True",       "01",     "-",
		"1.",        ".5",      "1e",          "+1",         "0x1",    "\"",
		"\"\\",      "\"\\u12", "\"\\u12g4\"", "\"\\x\"",    "\"\n\"", "[",
		"[1",        "[1,",     "[1,]",        "[,1]",       "[1 2]",  "{",
		"{\"a\"",    "{\"a\":", "{\"a\":1",    "{\"a\":1,}", "{a:1}",  "{1:1}",
		"{\"a\" 1}", "[1}",     "{\"a\":1]",   "1 2",        "[] x",   "nullx"};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (!skip_all(bad[i]))
			fail_msg("%s was taken", bad[i]);
}

static void a_nul_byte_is_no_end(void **state)
{
	char text[] = {'[', ']', '\0'};
	struct json_reader json;
	(void)state;
	json_reader_init(&json, text, sizeof(text));
	assert_true(json_skip(&json));
	assert_false(json_finish(&json));
}

static void nesting_ends_before_the_stack_does(void **state)
{
	char text[2 * JSON_MAX_DEPTH + 3];
	(void)state;
	memset(text, '[', JSON_MAX_DEPTH);
	memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
	text[2 * JSON_MAX_DEPTH] = '\0';
	assert_null(skip_all(text));
	memset(text, '[', JSON_MAX_DEPTH + 1);
	memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	text[2 * JSON_MAX_DEPTH + 2] = '\0';
	assert_string_equal(skip_all(text), "nested too deep");
}

static void texts_are_decoded_in_place(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"\"plain\"", "plain"},
		{"\"a\\\"b\\\\c\\/d\\te\\n\"", "a\"b\\c/d\te\n"},
		{"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
		 "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
		{"\"\\u0000\"", "\xef\xbf\xbd"},
		{"\"\\ud83d\"", "\xef\xbf\xbd"},
		{"\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
				       "A"},
		{"\"\\ude00x\"", "\xef\xbf\xbdx"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_reader json;
		struct json_text text;
		char *copy = open_text(&json, cases[i].json);
		assert_true(json_read_text(&json, &text));
		assert_int_equal(text.len, strlen(cases[i].text));
		assert_string_equal(text.at, cases[i].text);
		assert_true(json_finish(&json));
		free(copy);
	}
}

static void numbers_beyond_an_int64_count_as_absent(void **state)
{
	static const struct {
		const char *json;
		bool set;
		int64_t value;
	} cases[] = {{"0", true, 0},
		     {"-1", true, -1},
		     {"9223372036854775807", true, INT64_MAX},
		     {"-9223372036854775808", true, INT64_MIN},
		     {"9223372036854775808", false, 0},
		     {"-9223372036854775809", false, 0},
		     {"18446744073709551615", false, 0},
		     {"99999999999999999999999999999999", false, 0},
		     {"null", false, 0}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_reader json;
		struct json_int number;
		char *copy = open_text(&json, cases[i].json);
		assert_true(json_read_int(&json, &number));
		assert_true(json_finish(&json));
		assert_int_equal(number.set, cases[i].set);
		if (number.set)
			assert_int_equal(number.value, cases[i].value);
		free(copy);
	}
}

static void a_value_of_another_type_is_named(void **state)
{
	struct json_reader json;
	struct json_int number;
	struct json_text text;
	bool flag;
	(void)state;
	char *copy = open_text(&json, "1.5");
	assert_false(json_read_int(&json, &number));
	assert_string_equal(json.problem, "a whole number was expected");
	free(copy);
	copy = open_text(&json, "\"1\"");
	assert_false(json_read_int(&json, &number));
	assert_string_equal(json.problem, "a number was expected");
	free(copy);
	copy = open_text(&json, "7");
	assert_false(json_read_text(&json, &text));
	free(copy);
	copy = open_text(&json, "0");
	assert_false(json_read_bool(&json, &flag));
	free(copy);
}

static void null_is_an_empty_object_and_an_empty_array(void **state)
{
	struct json_reader json;
	struct json_text key;
	(void)state;
	char *copy = open_text(&json, "[null,null,1]");
	json_enter_array(&json);
	assert_true(json_next_item(&json));
	assert_true(json_enter_object(&json));
	assert_false(json_next_key(&json, &key));
	assert_true(json_next_item(&json));
	assert_true(json_enter_array(&json));
	assert_false(json_next_item(&json));
	assert_true(json_next_item(&json));
	assert_true(json_skip(&json));
	assert_false(json_next_item(&json));
	assert_true(json_finish(&json));
	free(copy);
}

static void the_first_problem_stays_with_its_place(void **state)
{
	struct json_reader json;
	(void)state;
	char *copy = open_text(&json, "{\"a\":tru}");
	json_skip(&json);
	json_finish(&json);
	assert_string_equal(json.problem, "true or false was expected");
	assert_int_equal(json_offset(&json), 5);
	free(copy);
}

/* ---- By a table ---- */

static const struct json_member inner[] = {
	{.key = "n", .rule = JSON_MAP_ADD, .slot = 1},
	{0},
};

static const struct json_member outer[] = {
	{.key = "strong", .rule = JSON_MAP_INT, .slot = 0},
	{.key = "weak", .rule = JSON_MAP_WEAK, .slot = 0},
	{.key = "each", .rule = JSON_MAP_EACH, .inside = inner},
	{.key = "time", .rule = JSON_MAP_TIME, .slot = 2},
	{.key = "flag", .rule = JSON_MAP_BOOL, .slot = 3},
	{0},
};

static const char *map(const char *text, struct json_int ints[4])
{
	const struct json_slots slots = {.ints = ints};
	size_t offset;
	char *copy = strdup(text);
	assert_non_null(copy);
	memset(ints, 0, 4 * sizeof(*ints));
	const char *problem = json_map_document(copy, strlen(copy), outer, &slots, &offset);
	free(copy);
	return problem;
}

static void a_weak_member_gives_way_in_either_order(void **state)
{
	struct json_int ints[4];
	(void)state;
	assert_null(map("{\"weak\":1,\"strong\":2}", ints));
	assert_int_equal(ints[0].value, 2);
	assert_null(map("{\"strong\":2,\"weak\":1}", ints));
	assert_int_equal(ints[0].value, 2);
	assert_null(map("{\"weak\":1}", ints));
	assert_int_equal(ints[0].value, 1);
}

static void sums_go_over_all_members_and_never_overflow(void **state)
{
	struct json_int ints[4];
	(void)state;
	assert_null(map("{\"each\":{\"a\":{\"n\":3},\"b\":{\"n\":4},\"c\":{}}}", ints));
	assert_int_equal(ints[1].value, 7);
	assert_null(map("{\"each\":{\"a\":{\"n\":9223372036854775807},\"b\":{\"n\":1}}}", ints));
	assert_false(ints[1].set);
	assert_null(map("{\"each\":null}", ints));
	assert_false(ints[1].set);
}

static void times_before_any_clock_are_absent(void **state)
{
	struct json_int ints[4];
	(void)state;
	assert_null(map("{\"time\":\"0001-01-01T00:00:00Z\",\"flag\":true}", ints));
	assert_false(ints[2].set);
	assert_int_equal(ints[3].value, 1);
	assert_null(map("{\"time\":\"1970-01-01T00:00:01Z\"}", ints));
	assert_int_equal(ints[2].value, 1000000000);
	assert_string_equal(map("{\"time\":\"soon\"}", ints), "a time was expected");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_json_is_skipped),
		cmocka_unit_test(what_is_not_json_is_a_problem),
		cmocka_unit_test(a_nul_byte_is_no_end),
		cmocka_unit_test(nesting_ends_before_the_stack_does),
		cmocka_unit_test(texts_are_decoded_in_place),
		cmocka_unit_test(numbers_beyond_an_int64_count_as_absent),
		cmocka_unit_test(a_value_of_another_type_is_named),
		cmocka_unit_test(null_is_an_empty_object_and_an_empty_array),
		cmocka_unit_test(the_first_problem_stays_with_its_place),
		cmocka_unit_test(a_weak_member_gives_way_in_either_order),
		cmocka_unit_test(sums_go_over_all_members_and_never_overflow),
		cmocka_unit_test(times_before_any_clock_are_absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
