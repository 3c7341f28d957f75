#include "base/text_match.h"

#include <string.h>

#include "base/suggest.h"
#include "base/utf8.h"
#include "test.h"

static void globs_know_two_letters_and_take_all_others_as_they_are(void **state)
{
	static const char *const fit[][2] = {
		{"", ""},          {"", "*"},          {"aXbXc", "a*X*c"}, {"a.b/c", "a*c"},
		{"\xc3\xa4", "?"}, {"\xff", "?"},      {"a[b]c", "a[b]c"}, {"a\\*c", "a\\*c"},
		{"aab", "*ab"},    {"abcabd", "*ab?"}, {"web-1", "**1**"},
	};
	static const char *const unfit[][2] = {
		{"", "?"},         {"aXb", "a*Xc"}, {"ab", "?"},  {"a", ""},
		{"abc", "[a-c]*"}, {"ABC", "abc"},  {"*", "\\*"}, {"abc", "*b"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(fit) / sizeof(*fit); i++)
		if (!text_fits(fit[i][0], fit[i][1]))
			fail_msg("%s does not fit %s", fit[i][0], fit[i][1]);
	for (size_t i = 0; i < sizeof(unfit) / sizeof(*unfit); i++)
		if (text_fits(unfit[i][0], unfit[i][1]))
			fail_msg("%s fits %s", unfit[i][0], unfit[i][1]);
	assert_true(text_glob("a\0b", 3, "a?b", 3));
}

static bool has(const char *text, const char *part)
{
	return text_contains(text, strlen(text), part, strlen(part));
}

static void contains_does_not_look_at_the_case_of_letters(void **state)
{
	(void)state;
	assert_true(has("abc", ""));
	const char line[] = "No Such file";
	assert_ptr_equal(text_find(line, sizeof(line) - 1, "such", 4), line + 3);
	assert_null(text_find(line, 6, "such", 4)); /* not past the length */
	assert_true(has("", ""));
	assert_true(has("An ERROR came", "error"));
	assert_true(has("An error came", "ERROR CAME"));
	assert_true(has("x[y", "[Y"));
	assert_true(has("eeerror", "error")); /* begins anew within what it has passed */
	assert_false(has("x{y", "[y"));       /* differ by 0x20 alone */
	assert_false(has("@", "`"));
	assert_false(has("ab", "abc"));
	assert_false(has("\xc3\xa4", "\xc3\x84")); /* ä, Ä: of ASCII only */
	assert_true(text_contains("a\0B", 3, "\0b", 2));
}

static void characters_are_measured_and_never_cut(void **state)
{
	(void)state;
	assert_int_equal(utf8_bound("abc", 3, 10), 3);
	assert_int_equal(utf8_bound("abc", 3, 2), 2);
	assert_int_equal(utf8_bound("a\xe2\x82\xac", 4, 3), 1);
	assert_int_equal(utf8_bound("\xe2\x82\xac", 3, 2), 0);
	assert_true(utf8_is_cut("\xe2\x82", 2));
	assert_true(utf8_is_cut("\xf0", 1));
	assert_false(utf8_is_cut("\xe2\x82\xac", 3));
	assert_false(utf8_is_cut("\xe2(", 2));
	assert_false(utf8_is_cut("\xed\xa0", 2)); /* a surrogate */
	assert_false(utf8_is_cut("a", 1));
	assert_false(utf8_is_cut("", 0));
	assert_true(utf8_valid("0123456789\xc3\xa4 and more", 20));
	assert_false(utf8_valid("01234567\xff", 9));
	assert_false(utf8_valid("0123456\xc3", 8));
	assert_false(utf8_valid("\xc0\x80", 2));
}

static void of_several_the_nearest_is_suggested(void **state)
{
	static const char *const names[] = {"docker_stats", "docker_status", "endpoint", "from"};
	(void)state;
	assert_string_equal(suggest("docker_stast", names, 4), "docker_stats");
	assert_string_equal(suggest("docker_sttus", names, 4), "docker_status");
	assert_string_equal(suggest("endpoint_file", names, 4), "endpoint");
	assert_string_equal(suggest("FORM", names, 4), "from");
	assert_null(suggest("fr", names, 4)); /* two letters begin too much */
	assert_null(suggest("", names, 4));
	assert_null(suggest("redis", names, 4));
	assert_null(suggest("from", names, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs_know_two_letters_and_take_all_others_as_they_are),
		cmocka_unit_test(contains_does_not_look_at_the_case_of_letters),
		cmocka_unit_test(characters_are_measured_and_never_cut),
		cmocka_unit_test(of_several_the_nearest_is_suggested),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
