#include "base/globs.h"

#include "test.h"

#define GLOBS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void no_patterns_pass_everything(void **state)
{
	(void)state;
	static const char *const none[] = {NULL};
	assert_true(globs_match(NULL, "container_stats"));
	assert_true(globs_match(none, "container_stats"));
}

static void a_list_of_wishes_passes_only_those(void **state)
{
	(void)state;
	assert_true(globs_match(GLOBS("container_*"), "container_stats"));
	assert_true(globs_match(GLOBS("images", "container_?tats"), "container_stats"));
	assert_false(globs_match(GLOBS("container_*"), "docker_images"));
	assert_false(globs_match(GLOBS("container"), "container_stats"));
}

static void a_list_of_refusals_passes_the_rest(void **state)
{
	(void)state;
	assert_false(globs_match(GLOBS("!container_logs"), "container_logs"));
	assert_true(globs_match(GLOBS("!container_logs"), "container_stats"));
	assert_true(globs_match(GLOBS("!a", "!b"), "c"));
}

static void the_last_that_fits_decides(void **state)
{
	(void)state;
	assert_false(globs_match(GLOBS("container_*", "!container_logs"), "container_logs"));
	assert_true(globs_match(GLOBS("container_*", "!container_logs"), "container_stats"));
	assert_true(globs_match(GLOBS("!container_*", "container_logs"), "container_logs"));
	assert_false(globs_match(GLOBS("!container_*", "container_logs"), "container_stats"));
	assert_false(globs_match(GLOBS("!container_*", "container_logs"), "docker_images"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_patterns_pass_everything),
		cmocka_unit_test(a_list_of_wishes_passes_only_those),
		cmocka_unit_test(a_list_of_refusals_passes_the_rest),
		cmocka_unit_test(the_last_that_fits_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
