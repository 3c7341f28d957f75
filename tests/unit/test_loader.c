#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/declaration_names.h"
#include "plugin/loader.h"
#include "test.h"

static char folder[] = "/tmp/tallyd-loader-XXXXXX";

static int set_up(void **state)
{
	struct error error;
	(void)state;
	return loader_init(&error) == 0 && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* path: refused, and in these words. */
static void assert_refused_at(const char *path, const char *why)
{
	const struct tally_plugin *plugin = NULL;
	struct error error = {0};
	assert_true(loader_open(path, &plugin, &error) < 0);
	assert_null(plugin);
	assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
	assert_string_equal(error.text + strlen(path), why);
	assert_null(strchr(error.text, '\n'));
}

static void assert_refused(const char *name, const char *why)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGIN_DIR, name);
	assert_refused_at(path, why);
}

static void a_sound_plugin_loads_and_loads_again_as_the_same(void **state)
{
	(void)state;
	const struct tally_plugin *plugin = NULL, *again = NULL;
	struct error error = {0};
	assert_int_equal(loader_open(TEST_PLUGIN_DIR "/probe.so", &plugin, &error), 0);
	assert_string_equal(plugin->name, "probe");
	assert_string_equal(plugin->tables[0]->name, "probe_depths");
	assert_int_equal(loader_open(TEST_PLUGIN_DIR "/probe.so", &again, &error), 0);
	assert_ptr_equal(plugin, again);
}

static void what_an_older_plugin_does_not_have_reads_as_null(void **state)
{
	(void)state;
	const struct tally_plugin *plugin = NULL;
	struct error error = {0};
	assert_int_equal(loader_open(TEST_PLUGIN_DIR "/older_struct.so", &plugin, &error), 0);
	assert_non_null(plugin->destroy);
	assert_null(plugin->reconfigure);
	assert_null(plugin->input);
}

static void a_plugin_of_another_abi_is_refused(void **state)
{
	(void)state;
	assert_refused("other_abi", ": built for plugin ABI 2.0, this tallyd has 1.0: rebuild it "
				    "against these headers");
	assert_refused("newer_abi", ": built for plugin ABI 1.9, this tallyd has 1.0: rebuild it "
				    "against these headers");
	char why[160];
	snprintf(why, sizeof(why),
		 ": its struct has 16 bytes, fewer than %zu: declare it with "
		 "TALLY_PLUGIN(…)",
		 offsetof(struct tally_plugin, destroy) + sizeof(void *));
	assert_refused("small_struct", why);
}

static void an_undefined_symbol_is_told_by_its_name(void **state)
{
	(void)state;
	assert_refused("undefined_symbol", ": undefined symbol: this_function_is_nowhere: link it "
					   "against the library that defines it");
}

static void a_shared_object_that_is_no_plugin_is_refused(void **state)
{
	(void)state;
	assert_refused("no_entry", ": exports no tally_plugin(): it is not a tallyd plugin; one "
				   "declares itself with TALLY_PLUGIN(…)");
}

static void every_broken_declaration_is_told(void **state)
{
	(void)state;
	static const struct {
		const char *name, *why;
	} cases[] = {
		{"bad_name", ": its name is not [a-z][a-z0-9_]*, at most 48"},
		{"no_destroy", ": needs create() and destroy()"},
		{"bad_type", ": option number: has no known type"},
		{"bad_offset", ": option number: 8 bytes at 8 do not fit a config_size of 8"},
		{"bad_fallback", ": option number: \"11\" is out of range: it must be between 1 "
				 "and 10"},
		{"bad_accepts", ": option number: accepts \"few\", which is not a range"},
		{"twice_option", ": option number: declared twice"},
		{"bad_first_column", ": table probe_depths: columns[0] is not the TIME of the row"},
		{"twice_column", ": table probe_depths: column time: declared twice"},
		{"bad_role", ": table probe_depths: column depth: role 4 does not go with type 3"},
		{"state_without_tag", ": table probe_depths: a STATE table needs a TAG as its key"},
		{"log_without_order", ": table probe_depths: a LOG table, and only that, has one "
				      "ORDER column"},
		{"table_of_the_store", ": table tally_tables: names that begin with tally_ are a "
				       "store's own"},
		{"table_of_another", ": table container_stats_rows: names that end in _rows are a "
				     "store's own"},
		{"table_of_a_rollup", ": table container_stats_1min: names that end in _1min are a "
				      "store's own"},
		{"column_of_the_store", ": table probe_depths: column ctid: PostgreSQL has that "
					"name for itself"},
		{"bad_interval", ": input: interval is 5000000 ns: gather() needs whole "
				 "milliseconds, at least 100"},
		{"bad_table_help", ": table probe_depths: has no help"},
		{"bad_facet_size", ": input: its size is 4, not 32: set it to sizeof"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i].name, cases[i].why);
}

/* Of rollups, tags stand beside what is made of the numbers. */
static void a_name_that_a_store_makes_is_refused(void **state)
{
	struct tally_column columns[] = {
		{.name = "time", .type = TALLY_TIME},
		{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
		{.name = "load", .type = TALLY_REAL},
	};
	struct tally_table table = {
		.name = "t", .columns = columns, .n_columns = 3, .kind = TALLY_SERIES};
	const char *const bad_tables[] = {
		"sqlite_sequence",  "pg_class", "tally_",    "t_series", "t_rows_p20260131",
		"t_1min_p20260131", "t_5min",   "t_1h",      "t_1d",     "t_key",
		"t_1min_rows",      "_rows",    "rows_rows",
	};
	const char *const good_tables[] = {"rows", "t_p2026", "tallyd", "t_2min", "series", "pgs"};
	const char *const bad_tags[] = {"rows", "newest", "load_sum", "load_span", "xmin"};
	struct error error;
	(void)state;
	for (size_t i = 0; i < sizeof(bad_tables) / sizeof(*bad_tables); i++) {
		table.name = bad_tables[i];
		assert_int_equal(declaration_check_table_names(&table, &error), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(good_tables) / sizeof(*good_tables); i++) {
		table.name = good_tables[i];
		assert_int_equal(declaration_check_table_names(&table, &error), 0);
	}
	for (size_t i = 0; i < sizeof(bad_tags) / sizeof(*bad_tags); i++) {
		columns[1].name = bad_tags[i];
		assert_int_equal(declaration_check_table_names(&table, &error), -EINVAL);
	}
	table.kind = TALLY_STATE; /* has no rollups */
	columns[1].name = "rows";
	assert_int_equal(declaration_check_table_names(&table, &error), 0);
}

static void what_is_no_shared_object_is_refused(void **state)
{
	(void)state;
	char path[512];
	snprintf(path, sizeof(path), "%s/text.so", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is a text that is long enough to be looked at as an object file\n", file);
	fclose(file);
	assert_refused_at(path, ": not a shared object for this machine (invalid ELF header): "
				"rebuild it");
	unlink(path);
	assert_refused_at(path, ": cannot be read: No such file or directory");
	assert_refused_at(folder, ": not a regular file, but a plugin is a shared object");
}

static void a_plugin_that_others_may_write_is_refused(void **state)
{
	(void)state;
	char path[512], why[512];
	snprintf(path, sizeof(path), "%s/open.so", folder);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(path, 0666), 0);
	assert_refused_at(path, ": others may write it (mode 0666): chmod go-w it if you trust it");
	if (geteuid() == 0) {
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(chown(path, 12345, 0), 0);
		snprintf(why, sizeof(why),
			 ": belongs to user 12345, not to root or this daemon's user %u: chown it "
			 "if you trust it",
			 geteuid());
		assert_refused_at(path, why);
	}
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_plugin_loads_and_loads_again_as_the_same),
		cmocka_unit_test(what_an_older_plugin_does_not_have_reads_as_null),
		cmocka_unit_test(a_plugin_of_another_abi_is_refused),
		cmocka_unit_test(an_undefined_symbol_is_told_by_its_name),
		cmocka_unit_test(a_shared_object_that_is_no_plugin_is_refused),
		cmocka_unit_test(every_broken_declaration_is_told),
		cmocka_unit_test(a_name_that_a_store_makes_is_refused),
		cmocka_unit_test(what_is_no_shared_object_is_refused),
		cmocka_unit_test(a_plugin_that_others_may_write_is_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
