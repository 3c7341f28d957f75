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

/* ---- Tables of instances ---- */

static const struct tally_column *found_columns(void)
{
	static const struct tally_column columns[] = {
		{.name = "time", .type = TALLY_TIME},
		{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
		{.name = "depth", .unit = "bytes", .type = TALLY_INT},
		{.name = "width", .type = TALLY_REAL},
	};
	return columns;
}

static const struct tally_table found = {
	.name = "found_depths", .help = "What was found", .n_columns = 3, .kind = TALLY_SERIES};

static int declare(struct registry *registry, const char *owner, struct tally_table table,
		   const struct tally_table **ret, struct error *error)
{
	table.columns = found_columns();
	return registry_declare(registry, owner, &table, ret, error);
}

static void a_declared_table_is_a_copy_that_is_found_again(void **state)
{
	struct registry *registry = *state;
	const struct tally_table *first = NULL, *again = NULL;
	struct error error;
	assert_null(registry_declared(registry, 0));
	assert_int_equal(declare(registry, "input.a", found, &first, &error), 0);
	assert_int_equal(declare(registry, "input.a", found, &again, &error), 0);
	assert_ptr_equal(first, again);
	assert_ptr_not_equal(first->columns, found_columns());
	assert_string_equal(first->columns[2].unit, "bytes");
	assert_ptr_equal(registry_table(registry, "found_depths"), first);
	assert_ptr_equal(registry_declared(registry, 0), first);
	assert_null(registry_declared(registry, 1));
}

static void its_owner_may_extend_a_declared_table_and_nobody_else(void **state)
{
	struct registry *registry = *state;
	const struct tally_table *first = NULL, *wider = NULL, *none = NULL;
	struct tally_table more = found;
	struct error error;
	more.n_columns = 4;
	more.revision = 2;
	assert_int_equal(declare(registry, "input.a", found, &first, &error), 0);
	assert_int_equal(declare(registry, "input.b", more, &none, &error), -EEXIST);
	assert_non_null(strstr(error.text, "input.a declares it with other columns"));
	assert_null(none);
	assert_int_equal(declare(registry, "input.a", more, &wider, &error), 0);
	assert_int_equal(first->n_columns, 3); /* rows of it may still be on their way */
	assert_ptr_equal(registry_table(registry, "found_depths"), wider);
	assert_ptr_equal(registry_declared(registry, 0), wider);
	assert_null(registry_declared(registry, 1));
}

static void a_declared_table_obeys_the_rules_and_the_plugins(void **state)
{
	struct registry *registry = *state;
	const struct tally_plugin *plugin = NULL;
	const struct tally_table *none = NULL;
	struct tally_table bad = found;
	struct error error;
	bad.name = "found_rows";
	assert_int_equal(declare(registry, "input.a", bad, &none, &error), -EINVAL);
	bad.name = "probe_depths";
	bad.n_columns = 4;
	assert_int_equal(registry_plugin(registry, "probe", &plugin, &error), 0);
	assert_int_equal(declare(registry, "input.a", bad, &none, &error), -EEXIST);
	assert_string_equal(error.text,
			    "table probe_depths: the plugin probe declares it with other columns");
	assert_null(none);
}

static void tables_that_change_for_ever_come_to_an_end(void **state)
{
	struct registry *registry = *state;
	const struct tally_table *table = NULL;
	struct tally_table other = found;
	struct error error;
	int r = 0;
	uint32_t n = 0;
	while (r == 0 && n < 10000) {
		other.revision = n++;
		r = declare(registry, "input.a", other, &table, &error);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(n, 4097);
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
		TEST(a_declared_table_is_a_copy_that_is_found_again),
		TEST(its_owner_may_extend_a_declared_table_and_nobody_else),
		TEST(a_declared_table_obeys_the_rules_and_the_plugins),
		TEST(tables_that_change_for_ever_come_to_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
