#include "terminal/text.h"

#include <string.h>

#include "test.h"

struct showing_case {
	const char *text, *shown;
	size_t columns, width;
};

static void check_cases(const struct showing_case *cases, size_t n,
			size_t (*show)(struct strbuf *out, const char *text, size_t len,
				       size_t columns))
{
	for (size_t i = 0; i < n; i++) {
		struct strbuf out = {0};
		size_t width = show(&out, cases[i].text, strlen(cases[i].text), cases[i].columns);
		const char *shown = out.data ? out.data : "";
		if (strcmp(shown, cases[i].shown) != 0 || width != cases[i].width)
			fail_msg("case %zu: \"%s\", %zu columns", i, shown, width);
		assert_int_equal(text_width(shown), width);
		strbuf_done(&out);
	}
}

static void a_name_commands_no_terminal(void **state)
{
	static const struct showing_case cases[] = {
		{"web", "web", 10, 3},
		{"\x1b[2J", "␛[2J", 10, 4},
		{"a\nb\rc\td", "a␊b␍c␉d", 10, 7},
		{"\x7f", "␡", 10, 1},
		{"\xc2\x9b"
		 "31m",
		 "\xef\xbf\xbd"
		 "31m",
		 10, 4},                                                 /* CSI of eight bits */
		{"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", 10, 2},         /* no UTF-8 */
		{"a\xe2\x80\xaeltr", "a\xef\xbf\xbdltr", 10, 5},         /* U+202E */
		{"a\xe2\x80\xa8z", "a\xef\xbf\xbdz", 10, 3},             /* U+2028 */
		{"a\xe2\x80\x8d\xef\xb8\x8f\xef\xbb\xbfz", "az", 10, 2}, /* joiner, selector, BOM */
	};
	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(*cases), text_show);
}

static void width_is_that_of_the_terminal(void **state)
{
	static const struct showing_case cases[] = {
		{"日本", "日本", 4, 4},
		{"日本", "日…", 3, 3},
		{"日本語", "日…", 4, 3},
		{"a日", "a…", 2, 2},
		{"日", "…", 1, 1},
		{"abc", "abc", 3, 3},
		{"abcd", "ab…", 3, 3},
		{"ab", "", 0, 0},
		{"", "", 0, 0},
		/* An accent takes no room; of a heap of them three stay, and before a letter none.
		 */
		{"e\xcc\x81x", "e\xcc\x81x", 2, 2},
		{"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81x", "e\xcc\x81\xcc\x81\xcc\x81x", 5, 2},
		{"\xcc\x81x", "x", 5, 1},
	};
	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(*cases), text_show);
}

static void a_line_of_a_log_has_tabs_and_loses_its_colours(void **state)
{
	static const struct showing_case cases[] = {
		{"\x1b[1;31mred\x1b[0m", "red", TEXT_UNBOUNDED, 3},
		{"\x1b[mx\x1b[38:5:1my", "xy", TEXT_UNBOUNDED, 2},
		{"\x1b[2Kx\x1b[31", "␛[2Kx␛[31", TEXT_UNBOUNDED, 9}, /* not colours, or not whole */
		{"a\tb", "a       b", TEXT_UNBOUNDED, 9},
		{"12345678\tb", "12345678        b", TEXT_UNBOUNDED, 17},
		{"a\tb", "a  …", 4, 4},
		{"a\rb", "a␍b", TEXT_UNBOUNDED, 3},
	};
	(void)state;
	check_cases(cases, sizeof(cases) / sizeof(*cases), text_show_line);
}

static void json_stays_the_same_value_without_bytes_that_a_terminal_obeys(void **state)
{
	static const char json[] = "{\"a\":\"\xc2\x9b\x7fz\xc2\xa9\xc3\x9b\"}";
	struct strbuf out = {0};
	(void)state;
	text_show_json(&out, json, strlen(json));
	assert_string_equal(out.data, "{\"a\":\"\\u009b\\u007fz\xc2\xa9\xc3\x9b\"}");
	strbuf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_commands_no_terminal),
		cmocka_unit_test(width_is_that_of_the_terminal),
		cmocka_unit_test(a_line_of_a_log_has_tabs_and_loses_its_colours),
		cmocka_unit_test(json_stays_the_same_value_without_bytes_that_a_terminal_obeys),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
