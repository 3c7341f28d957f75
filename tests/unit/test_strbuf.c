/* Text under construction, against printf(). */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "test.h"

static void what_is_added_is_what_printf_would_print(void **state)
{
	static const int numbers[] = {0, 1, -1, 10, 99, -100, INT_MAX, INT_MIN};
	auto_strbuf struct strbuf text = {0};
	char expected[200];
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		const char *word = i % 2 ? "" : "a word";
		strbuf_clear(&text);
		strbuf_add(&text, "%s\"%s\" = $%d, 100%% %u%s", word, "name", numbers[i],
			   (unsigned)numbers[i], "");
		snprintf(expected, sizeof(expected), "%s\"%s\" = $%d, 100%% %u%s", word, "name",
			 numbers[i], (unsigned)numbers[i], "");
		assert_string_equal(text.data, expected);
		assert_int_equal(text.len, strlen(expected));
	}
}

static void every_other_conversion_is_left_to_printf(void **state)
{
	auto_strbuf struct strbuf text = {0};
	(void)state;
	strbuf_add(&text, "%c %.3s %5d|%" PRId64, '<', "abcdef", 42, INT64_MIN);
	assert_string_equal(text.data, "< abc    42|-9223372036854775808");
	strbuf_add(&text, "%s", "");
	strbuf_add(&text, " and more");
	assert_string_equal(text.data, "< abc    42|-9223372036854775808 and more");
}

static void a_text_grows_with_what_is_added(void **state)
{
	enum { WORDS = 10000 };
	auto_strbuf struct strbuf text = {0};
	(void)state;
	for (int i = 0; i < WORDS; i++)
		strbuf_add(&text, "%d,", i % 10);
	assert_false(text.failed);
	assert_int_equal(text.len, 2 * WORDS);
	assert_int_equal(strlen(text.data), 2 * WORDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_what_printf_would_print),
		cmocka_unit_test(every_other_conversion_is_left_to_printf),
		cmocka_unit_test(a_text_grows_with_what_is_added),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
