#include <errno.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "test.h"

static void durations_of_every_unit_are_nanoseconds(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {{"0", 0},
		     {"1ns", 1},
		     {"500us", 500000},
		     {"500ms", 500000000},
		     {"5s", 5000000000},
		     {"5 s", 5000000000},
		     {"2min", 120000000000},
		     {"2m", 120000000000},
		     {"1h", 3600000000000},
		     {"7d", 604800000000000}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ns = -1;
		assert_int_equal(text_parse_duration(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void what_is_no_duration_is_refused_and_touches_nothing(void **state)
{
	(void)state;
	static const char *const cases[] = {"",     "5",   "s",   "10x", "-5s",
					    "1.5s", "5s ", "5ss", "5S",  "1h30min"};
	int64_t ns = 42;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_parse_duration(cases[i], &ns), -EINVAL);
	assert_int_equal(text_parse_duration("999999999d", &ns), -ERANGE);
	assert_int_equal(text_parse_duration("99999999999999999999s", &ns), -ERANGE);
	assert_int_equal(ns, 42);
}

static void sizes_are_powers_of_two(void **state)
{
	(void)state;
	int64_t bytes;
	assert_int_equal(text_parse_size("512", &bytes), 0);
	assert_int_equal(bytes, 512);
	assert_int_equal(text_parse_size("64Ki", &bytes), 0);
	assert_int_equal(bytes, 65536);
	assert_int_equal(text_parse_size("1Ti", &bytes), 0);
	assert_int_equal(bytes, INT64_C(1) << 40);
	assert_int_equal(text_parse_size("64K", &bytes), -EINVAL);
	assert_int_equal(text_parse_size("64kb", &bytes), -EINVAL);
	assert_int_equal(text_parse_size("9999999Ti", &bytes), -ERANGE);
}

static void numbers_take_a_minus_and_nothing_else(void **state)
{
	(void)state;
	int64_t value;
	assert_int_equal(text_parse_int("-12", &value), 0);
	assert_int_equal(value, -12);
	assert_int_equal(text_parse_int("9223372036854775807", &value), 0);
	assert_int_equal(value, INT64_MAX);
	assert_int_equal(text_parse_int("9223372036854775808", &value), -ERANGE);
	assert_int_equal(text_parse_int("+1", &value), -EINVAL);
	assert_int_equal(text_parse_int("0x10", &value), -EINVAL);
	assert_int_equal(text_parse_int("-", &value), -EINVAL);
}

static void booleans_are_six_words(void **state)
{
	(void)state;
	bool value = false;
	assert_int_equal(text_parse_bool("on", &value), 0);
	assert_true(value);
	assert_int_equal(text_parse_bool("no", &value), 0);
	assert_false(value);
	assert_int_equal(text_parse_bool("Yes", &value), -EINVAL);
	assert_int_equal(text_parse_bool("1", &value), -EINVAL);
}

static void what_was_formatted_reads_back_the_same(void **state)
{
	(void)state;
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {{0, "0s"},
		     {5000000000, "5s"},
		     {1500000000, "1500ms"},
		     {120000000000, "2min"},
		     {90000000000, "90s"},
		     {172800000000000, "2d"},
		     {7, "7ns"}};
	char text[32];
	int64_t back;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		text_format_duration(cases[i].ns, text, sizeof(text));
		assert_string_equal(text, cases[i].text);
		assert_int_equal(text_parse_duration(text, &back), 0);
		assert_int_equal(back, cases[i].ns);
	}
	text_format_size(0, text, sizeof(text));
	assert_string_equal(text, "0");
	text_format_size(3 << 20, text, sizeof(text));
	assert_string_equal(text, "3Mi");
	text_format_size(1025, text, sizeof(text));
	assert_string_equal(text, "1025");
}

static void a_mistyped_word_finds_the_one_that_was_meant(void **state)
{
	(void)state;
	static const char *const keys[] = {"interval", "endpoint", "timeout", "include", "exclude"};
	assert_string_equal(suggest("intervall", keys, 5), "interval");
	assert_string_equal(suggest("intreval", keys, 5), "interval");
	assert_string_equal(suggest("endpiont", keys, 5), "endpoint");
	assert_string_equal(suggest("inclde", keys, 5), "include");
	assert_null(suggest("colour", keys, 5));
	assert_null(suggest("x", keys, 5));
}

static void a_word_too_long_to_compare_suggests_nothing(void **state)
{
	(void)state;
	char word[300];
	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	const char *candidates[] = {"interval"};
	assert_null(suggest(word, candidates, 1));
	candidates[0] = word;
	assert_null(suggest("aaaa", candidates, 1));
}

static void names_begin_with_a_letter_and_have_48_bytes_at_most(void **state)
{
	(void)state;
	char name[50] = "";
	memset(name, 'a', 48);
	assert_true(text_is_name("docker_stats2"));
	assert_true(text_is_name(name));
	name[48] = 'a';
	assert_false(text_is_name(name));
	assert_false(text_is_name(""));
	assert_false(text_is_name("2x"));
	assert_false(text_is_name("_x"));
	assert_false(text_is_name("Docker"));
	assert_false(text_is_name("a-b"));
}

static void utf8_is_what_the_standard_says(void **state)
{
	(void)state;
	assert_true(utf8_valid("größer €𝄞", strlen("größer €𝄞")));
	assert_false(utf8_valid("\xff", 1));
	assert_false(utf8_valid("\xc0\xaf", 2));         /* overlong */
	assert_false(utf8_valid("\xe0\x80\xaf", 3));     /* overlong */
	assert_false(utf8_valid("\xed\xa0\x80", 3));     /* surrogate */
	assert_false(utf8_valid("\xf4\x90\x80\x80", 4)); /* past the last one */
	assert_false(utf8_valid("\xe2\x82", 2));         /* cut */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_of_every_unit_are_nanoseconds),
		cmocka_unit_test(what_is_no_duration_is_refused_and_touches_nothing),
		cmocka_unit_test(sizes_are_powers_of_two),
		cmocka_unit_test(numbers_take_a_minus_and_nothing_else),
		cmocka_unit_test(booleans_are_six_words),
		cmocka_unit_test(what_was_formatted_reads_back_the_same),
		cmocka_unit_test(a_mistyped_word_finds_the_one_that_was_meant),
		cmocka_unit_test(a_word_too_long_to_compare_suggests_nothing),
		cmocka_unit_test(names_begin_with_a_letter_and_have_48_bytes_at_most),
		cmocka_unit_test(utf8_is_what_the_standard_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
