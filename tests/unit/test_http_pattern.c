#include <errno.h>
#include <pattern.h>
#include <string.h>

#include "test.h"

static void assert_literal(const char *expression, const char *literal)
{
	struct pattern *pattern = NULL;
	char why[PATTERN_WHY_SIZE] = "";
	if (pattern_create(expression, &pattern, why) < 0)
		fail_msg("%s: %s", expression, why);
	assert_string_equal(pattern_literal(pattern), literal);
	pattern_destroy(pattern);
}

static void what_every_match_holds_is_found(void **state)
{
	(void)state;
	assert_literal("timeout", "timeout");
	assert_literal("^error: .*refused by peer$", "refused by peer");
	assert_literal("took [0-9]+ms in handler", "ms in handler");
	assert_literal("(GET|POST) /api/v1/users", " /api/v1/users");
	assert_literal("ab+cdef", "cdef");
	assert_literal("request \\d+ failed", "request ");
	assert_literal("caf\u00e9 closed", "caf\u00e9 closed");
	assert_literal("[]a]user[^]b] signed in", " signed in");
	assert_literal("x{ (abc} user)?", "");
	assert_literal("user {name} left", " left");
}

static void what_some_match_lacks_is_no_literal(void **state)
{
	(void)state;
	assert_literal("timeout|refused", "");
	assert_literal("(timeout)?", "");
	assert_literal("(?i)kelvin", "");
	assert_literal("(?:timeout){0,3}", "");
	assert_literal("abcd?", "abc");
	assert_literal("abcd*efg", "abc");
	assert_literal("abc{1234}x", "");
	assert_literal("abc\u00e9*", "abc");
	assert_literal("\\x{1234}\\p{Greek}\\1234()", "");
	assert_literal("(?<word>a)\\k<word>", "");
	assert_literal("\\Qa.b*cdef\\E", "");
	assert_literal("(*UCP)abcdef", "");
	assert_literal("[[:alpha:]]timeout", "");
	assert_literal("(a[)]timeout)?", "");
}

static void assert_matches(const char *expression, const char *text, int expected)
{
	struct pattern *pattern = NULL;
	char why[PATTERN_WHY_SIZE] = "";
	assert_int_equal(pattern_create(expression, &pattern, why), 0);
	assert_int_equal(pattern_match(pattern, text, strlen(text)), expected);
	pattern_destroy(pattern);
}

static void text_is_matched_as_characters(void **state)
{
	(void)state;
	assert_matches("^.$", "\u00e9", 1);
	assert_matches("^.{3}$",
		       "a\xff"
		       "b",
		       0); /* a byte that is no character */
	assert_matches("b$",
		       "a\xff"
		       "b",
		       1);
	assert_matches("", "anything", 1);
	assert_matches("Timeout", "timeout", 0);
}

static void a_match_has_a_bounded_cost(void **state)
{
	(void)state;
	assert_matches("^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", -E2BIG);
	assert_matches("(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", -E2BIG);
}

static void a_wrong_expression_is_explained(void **state)
{
	struct pattern *pattern = NULL;
	char why[PATTERN_WHY_SIZE] = "", longer[PATTERN_MAX_LENGTH + 2];
	(void)state;
	assert_int_equal(pattern_create("a(b", &pattern, why), -EINVAL);
	assert_non_null(strstr(why, "missing closing parenthesis, at byte 4"));
	memset(longer, 'x', sizeof(longer));
	longer[PATTERN_MAX_LENGTH + 1] = '\0';
	assert_int_equal(pattern_create(longer, &pattern, why), -EINVAL);
	assert_non_null(strstr(why, "longer than 1000 bytes"));
	assert_null(pattern);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_every_match_holds_is_found),
		cmocka_unit_test(what_some_match_lacks_is_no_literal),
		cmocka_unit_test(text_is_matched_as_characters),
		cmocka_unit_test(a_match_has_a_bounded_cost),
		cmocka_unit_test(a_wrong_expression_is_explained),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
