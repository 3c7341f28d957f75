#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/registry.h"
#include "test.h"

static int set_up(void **state)
{
	*state = registry_create("/nowhere:" TEST_PLUGIN_DIR "::");
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	registry_destroy(*state);
	return 0;
}

static void a_plugin_is_found_in_whichever_folder_has_it(void **state)
{
	struct registry *registry = *state;
	const struct tally_plugin *plugin = NULL, *again = NULL;
	struct error error;
	assert_int_equal(registry_plugin(registry, "probe", &plugin, &error), 0);
	assert_int_equal(registry_plugin(registry, "probe", &again, &error), 0);
	assert_ptr_equal(plugin, again);
	assert_string_equal(registry_path(registry, plugin), TEST_PLUGIN_DIR "/probe.so");
}

static void a_missing_plugin_is_told_with_the_one_that_was_meant(void **state)
{
	struct registry *registry = *state;
	const struct tally_plugin *plugin = NULL;
	struct error error;
	assert_int_equal(registry_plugin(registry, "prob", &plugin, &error), -ENOENT);
	assert_string_equal(error.text, "there is no plugin prob.so in /nowhere:" TEST_PLUGIN_DIR
					":: (did you mean probe?)");
	assert_int_equal(registry_plugin(registry, "xyzzyxyzzyxyzzy", &plugin, &error), -ENOENT);
	assert_null(strstr(error.text, "did you mean"));
	assert_null(plugin);
}

static void a_file_of_another_name_than_its_plugin_is_refused(void **state)
{
	struct registry *registry = *state;
	const struct tally_plugin *plugin = NULL;
	struct error error;
	assert_int_equal(registry_plugin(registry, "other_name", &plugin, &error), -EINVAL);
	assert_string_equal(
		error.text, TEST_PLUGIN_DIR
		"/other_name.so: its plugin is named some_name: rename the file to some_name.so");
}

static void two_plugins_may_not_mean_different_things_by_one_table(void **state)
{
	struct registry *registry = *state;
	const struct tally_plugin *plugin = NULL;
	struct error error;
	assert_null(registry_table(registry, "probe_depths"));
	assert_int_equal(registry_plugin(registry, "probe", &plugin, &error), 0);
	assert_int_equal(registry_plugin(registry, "broken", &plugin, &error), -EEXIST);
	assert_non_null(
		strstr(error.text,
		       "declares the table probe_depths with other columns than " TEST_PLUGIN_DIR
		       "/probe.so"));
	assert_ptr_equal(registry_table(registry, "probe_depths"), plugin->tables[0]);
	assert_null(registry_table(registry, "other_rows"));
}

static void what_is_available_is_listed_in_order_and_once(void **state)
{
	struct registry *registry = *state;
	char **names = NULL;
	size_t n = 0, probes = 0;
	assert_int_equal(registry_available(registry, &names, &n), 0);
	for (size_t i = 0; i < n; i++) {
		probes += strcmp(names[i], "probe") == 0;
		assert_null(strchr(names[i], '.'));
		if (i)
			assert_true(strcmp(names[i - 1], names[i]) < 0);
	}
	assert_int_equal(probes, 1);
	free(names);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plugin_is_found_in_whichever_folder_has_it),
		TEST(a_missing_plugin_is_told_with_the_one_that_was_meant),
		TEST(a_file_of_another_name_than_its_plugin_is_refused),
		TEST(two_plugins_may_not_mean_different_things_by_one_table),
		TEST(what_is_available_is_listed_in_order_and_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
