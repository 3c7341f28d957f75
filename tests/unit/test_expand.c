#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/expand.h"
#include "test.h"

static void assert_expands(const char *text, const char *expected)
{
	char *value = NULL;
	struct error error;
	assert_int_equal(expand_text(text, &value, &error), 0);
	assert_string_equal(value, expected);
	free(value);
}

static void assert_refused(const char *text, const char *why)
{
	char *value = NULL;
	struct error error = {0};
	assert_true(expand_text(text, &value, &error) < 0);
	assert_null(value);
	assert_non_null(strstr(error.text, why));
}

static int set_variables(void **state)
{
	(void)state;
	setenv("TALLY_TEST_HOST", "edge1", 1);
	setenv("TALLY_TEST_EMPTY", "", 1);
	setenv("TALLY_TEST_LINES", "a\nb", 1);
	setenv("TALLY_TEST_BYTES", "\xff", 1);
	unsetenv("TALLY_TEST_UNSET");
	return 0;
}

static void variables_are_put_in_wherever_they_stand(void **state)
{
	(void)state;
	assert_expands("tcp://${TALLY_TEST_HOST}:2375", "tcp://edge1:2375");
	assert_expands("${TALLY_TEST_HOST}${TALLY_TEST_HOST}", "edge1edge1");
	assert_expands("${TALLY_TEST_EMPTY}", "");
	assert_expands("", "");
}

static void a_default_serves_for_an_unset_and_an_empty_variable(void **state)
{
	(void)state;
	assert_expands("${TALLY_TEST_UNSET:-a b}", "a b");
	assert_expands("${TALLY_TEST_EMPTY:-x}", "x");
	assert_expands("${TALLY_TEST_UNSET:-}", "");
	assert_expands("${TALLY_TEST_HOST:-x}", "edge1");
}

static void an_unset_variable_without_a_default_is_refused(void **state)
{
	(void)state;
	assert_refused("${TALLY_TEST_UNSET}", "${TALLY_TEST_UNSET} is not set");
	assert_refused("${TALLY_TEST_UNSET:?say who}", "${TALLY_TEST_UNSET}: say who");
	assert_refused("${TALLY_TEST_EMPTY:?}", "${TALLY_TEST_EMPTY} is not set");
	assert_expands("${TALLY_TEST_HOST:?say who}", "edge1");
}

static void two_dollars_are_one_and_a_lone_one_stays(void **state)
{
	(void)state;
	assert_expands("$${TALLY_TEST_HOST}", "${TALLY_TEST_HOST}");
	assert_expands("a$b$", "a$b$");
	assert_expands("$$$", "$$");
}

static void what_is_not_well_formed_is_refused(void **state)
{
	(void)state;
	assert_refused("${TALLY_TEST_HOST", "without }");
	assert_refused("${}", "is not one of");
	assert_refused("${1A}", "is not one of");
	assert_refused("${TALLY_TEST_HOST:+x}", "is not one of");
	assert_refused("${TALLY TEST}", "is not one of");
}

static void a_variable_cannot_break_a_line_or_the_encoding(void **state)
{
	(void)state;
	assert_refused("${TALLY_TEST_LINES}", "line break");
	assert_refused("${TALLY_TEST_BYTES}", "not UTF-8");
}

static void a_value_has_an_end(void **state)
{
	(void)state;
	char *large = malloc(EXPAND_MAX + 1);
	assert_non_null(large);
	memset(large, 'a', EXPAND_MAX);
	large[EXPAND_MAX] = '\0';
	setenv("TALLY_TEST_LARGE", large, 1);
	assert_expands("${TALLY_TEST_LARGE}", large);
	assert_refused("${TALLY_TEST_LARGE}b", "longer than 65536");
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_put_in_wherever_they_stand),
		cmocka_unit_test(a_default_serves_for_an_unset_and_an_empty_variable),
		cmocka_unit_test(an_unset_variable_without_a_default_is_refused),
		cmocka_unit_test(two_dollars_are_one_and_a_lone_one_stays),
		cmocka_unit_test(what_is_not_well_formed_is_refused),
		cmocka_unit_test(a_variable_cannot_break_a_line_or_the_encoding),
		cmocka_unit_test(a_value_has_an_end),
	};
	return cmocka_run_group_tests(tests, set_variables, NULL);
}
