#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "test.h"

struct fixture {
	struct problems problems;
	struct config *config;
	char folder[64];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -1;
	problems_init(&fixture->problems);
	snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/tallyd-config-XXXXXX");
	*state = fixture;
	return mkdtemp(fixture->folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	static const char *const paths[] = {
		"conf.d/10.conf",   "conf.d/9.conf",   "conf.d/.hidden.conf",
		"conf.d/old.conf~", "conf.d/bad.conf", "conf.d",
		"tallyd.conf",      "only.conf",       "other"};
	char path[256];
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture->folder, paths[i]);
		(void)remove(path);
	}
	rmdir(fixture->folder);
	config_destroy(fixture->config);
	problems_done(&fixture->problems);
	free(fixture);
	return 0;
}

static int parse_bytes(struct fixture *fixture, const char *text, size_t len)
{
	return config_parse("t.conf", text, len, &fixture->config, &fixture->problems);
}

static int parse(struct fixture *fixture, const char *text)
{
	return parse_bytes(fixture, text, strlen(text));
}

/* All problems of a text, one a line. */
static void assert_problems(struct fixture *fixture, const char *text, const char *expected)
{
	char all[4096] = "";
	size_t len = 0;
	assert_int_equal(parse(fixture, text), -EINVAL);
	assert_null(fixture->config);
	for (size_t i = 0; i < fixture->problems.n; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s\n",
					fixture->problems.texts[i]);
	assert_string_equal(all, expected);
}

static void write_file(const struct fixture *fixture, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	fclose(file);
}

static void make_folder(const struct fixture *fixture, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

static int load(struct fixture *fixture, const char *name)
{
	char path[256];
	snprintf(path, sizeof(path), "%s%s%s", fixture->folder, *name ? "/" : "", name);
	return config_load(path, &fixture->config, &fixture->problems);
}

/* ---- Text -------------------------------------------------------------------- */

static void sections_and_keys_come_with_the_place_they_stand_at(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "; hello\n\n[output.sqlite:archive]\n  path = /a ; why\n"
					"tables=a, b\n"),
			 0);
	assert_int_equal(fixture->config->n_sections, 1);
	const struct config_section *section =
		config_find(fixture->config, "output.sqlite:archive");
	assert_non_null(section);
	assert_string_equal(section->kind, "output");
	assert_string_equal(section->plugin, "sqlite");
	assert_string_equal(section->label, "archive");
	assert_int_equal(section->line, 3);
	assert_int_equal(section->n_entries, 2);
	assert_string_equal(section->entries[0].key, "path");
	assert_string_equal(section->entries[0].value, "/a");
	assert_int_equal(section->entries[0].line, 4);
	assert_string_equal(section->entries[1].value, "a, b");
	assert_string_equal(section->entries[1].file, "t.conf");
}

static void a_section_without_keys_counts(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "[input.a]\n[input.b]\nx=1\n[buffer.c] ; here"), 0);
	assert_int_equal(fixture->config->n_sections, 3);
	assert_int_equal(config_find(fixture->config, "input.a")->n_entries, 0);
	assert_int_equal(config_find(fixture->config, "input.b")->n_entries, 1);
	assert_int_equal(config_find(fixture->config, "buffer.c")->n_entries, 0);
	assert_null(config_find(fixture->config, "input.a")->label);
}

static void indentation_joins_nothing(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "[input.a]\nx = 1\n    y = 2\n\t[input.b]\n"), 0);
	assert_string_equal(config_find(fixture->config, "input.a")->entries[1].key, "y");
	assert_non_null(config_find(fixture->config, "input.b"));
}

static void a_section_name_longer_than_fifty_bytes_stays_whole(void **state)
{
	struct fixture *fixture = *state;
	char text[128] = "[output.", *p = text + strlen(text);
	memset(p, 'p', 48);
	p[48] = ':';
	memset(p + 49, 'l', 48);
	memcpy(p + 97, "]\nx = 1\n", 9);
	assert_int_equal(parse(fixture, text), 0);
	assert_int_equal(strlen(fixture->config->sections[0].name), 104);
}

static void carriage_returns_and_a_byte_order_mark_are_passed_over(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "\xEF\xBB\xBF[input.a]\r\nx = 1\r\n"), 0);
	assert_string_equal(fixture->config->sections[0].entries[0].value, "1");
}

static void every_problem_of_a_text_is_told_at_once(void **state)
{
	struct fixture *fixture = *state;
	unsetenv("TALLY_TEST_UNSET");
	assert_problems(
		fixture,
		"early = 1\n"
		"[inptu.a]\n"
		"skipped = without a word\n"
		"[input.a]\n"
		"x = 1\n"
		"x = 2\n"
		"just words\n"
		"= 3\n"
		"y = ${TALLY_TEST_UNSET}\n"
		"[input.a]\n"
		"[input]\n"
		"[input.A]\n"
		"[input.a:b c]\n"
		"[input.b\n"
		"[input.c] trailing\n"
		"[alert.a]\n"
		"[alert.a]\n"
		"[alert.a:b]\n",
		"t.conf:1: early: comes before the first [section]\n"
		"t.conf:2: [inptu.a] is not a section: use [tallyd], [input.…], [buffer.…], "
		"[output.…] or [alert.…] (did you mean input?)\n"
		"t.conf:6: [input.a] x: is already set at t.conf:5\n"
		"t.conf:7: neither a [section] nor key = value\n"
		"t.conf:8: no key before the =\n"
		"t.conf:9: [input.a] y: ${TALLY_TEST_UNSET} is not set in the environment "
		"(${TALLY_TEST_UNSET:-…} gives a default)\n"
		"t.conf:10: [input.a] is already at t.conf:4; for a second one, write "
		"[input.a:LABEL]\n"
		"t.conf:11: [input] names no plugin: write [input.PLUGIN]\n"
		"t.conf:12: [input.A]: \"A\" cannot be a plugin's name (a-z, 0-9 and _)\n"
		"t.conf:13: [input.a:b c]: \"b c\" cannot be a label (letters, digits, _ . -)\n"
		"t.conf:14: a section without a closing ]\n"
		"t.conf:15: unexpected \"trailing\" after the section's ]\n"
		"t.conf:17: [alert.a] is already at t.conf:16; a second one needs another name\n"
		"t.conf:18: [alert.a:b] has no name of its own: write [alert.NAME]\n");
}

static void a_rule_is_an_instance_of_its_input(void **state)
{
	struct fixture *fixture = *state;
	struct config *config = NULL;
	const char *text = "[alert.busy-1]\nwhen = x\n[input.alert]\n";
	assert_int_equal(config_parse("t.conf", text, strlen(text), &config, &fixture->problems),
			 0);
	assert_string_equal(config->sections[0].name, "alert.busy-1");
	assert_string_equal(config->sections[0].kind, "input");
	assert_string_equal(config->sections[0].plugin, "alert");
	assert_string_equal(config->sections[0].label, "busy-1");
	assert_true(config_is_rule(&config->sections[0]));
	assert_false(config_is_rule(&config->sections[1]));
	config_destroy(config);
}

static void a_line_may_be_long_but_not_longer(void **state)
{
	struct fixture *fixture = *state;
	char text[CONFIG_MAX_LINE + 64] = "[input.a]\nx=";
	size_t start = strlen("[input.a]\n");
	memset(text + start + 2, 'v', CONFIG_MAX_LINE - 2);
	assert_int_equal(parse(fixture, text), 0);
	assert_int_equal(strlen(fixture->config->sections[0].entries[0].value),
			 CONFIG_MAX_LINE - 2);
	config_destroy(fixture->config);
	fixture->config = NULL;
	text[start + CONFIG_MAX_LINE] = 'v';
	assert_problems(fixture, text, "t.conf:2: the line has 4097 bytes; the limit is 4096\n");
}

static void a_nul_byte_and_foreign_bytes_are_told(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "[input.a]\nx = \0y\nz = \xff\n";
	assert_int_equal(parse_bytes(fixture, text, sizeof(text) - 1), -EINVAL);
	assert_int_equal(fixture->problems.n, 2);
	assert_string_equal(fixture->problems.texts[0],
			    "t.conf:2: contains a NUL byte: this is not a text file");
	assert_string_equal(fixture->problems.texts[1], "t.conf:3: is not UTF-8");
}

static void the_number_of_keys_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	char *text = malloc(CONFIG_MAX_KEYS * 16 + 64);
	assert_non_null(text);
	size_t len = (size_t)snprintf(text, 64, "[input.a]\n");
	for (int i = 0; i < CONFIG_MAX_KEYS + 3; i++)
		len += (size_t)snprintf(text + len, 16, "k%d=1\n", i);
	assert_int_equal(parse_bytes(fixture, text, len), -EINVAL);
	assert_int_equal(fixture->problems.n, 1);
	assert_string_equal(fixture->problems.texts[0],
			    "t.conf:10002: more than 10000 keys in total");
	free(text);
}

/* ---- Files ------------------------------------------------------------------- */

static void a_file_is_read_with_the_conf_d_beside_it_in_byte_order(void **state)
{
	struct fixture *fixture = *state;
	make_folder(fixture, "conf.d");
	write_file(fixture, "tallyd.conf", "[tallyd]\n");
	write_file(fixture, "conf.d/9.conf", "[input.nine]\n");
	write_file(fixture, "conf.d/10.conf", "[input.ten]\n");
	write_file(fixture, "conf.d/.hidden.conf", "nonsense\n");
	write_file(fixture, "conf.d/old.conf~", "nonsense\n");
	assert_int_equal(load(fixture, "tallyd.conf"), 0);
	assert_int_equal(fixture->config->n_files, 3);
	assert_string_equal(fixture->config->sections[0].name, "tallyd");
	assert_string_equal(fixture->config->sections[1].name, "input.ten");
	assert_string_equal(fixture->config->sections[2].name, "input.nine");
}

static void a_folder_with_tallyd_conf_and_conf_d_is_the_same(void **state)
{
	struct fixture *fixture = *state;
	make_folder(fixture, "conf.d");
	write_file(fixture, "tallyd.conf", "[tallyd]\n");
	write_file(fixture, "only.conf", "[input.only]\n");
	write_file(fixture, "conf.d/9.conf", "[input.nine]\n");
	assert_int_equal(load(fixture, ""), 0);
	assert_int_equal(fixture->config->n_files, 2);
	assert_null(config_find(fixture->config, "input.only"));
}

static void a_folder_of_conf_files_will_do(void **state)
{
	struct fixture *fixture = *state;
	write_file(fixture, "tallyd.conf", "[tallyd]\n");
	write_file(fixture, "only.conf", "[input.only]\n");
	write_file(fixture, "other", "nonsense\n");
	assert_int_equal(load(fixture, "/"), 0);
	assert_int_equal(fixture->config->n_files, 2);
	assert_string_equal(fixture->config->sections[0].name, "input.only");
}

static void what_cannot_be_read_is_told_and_the_rest_is_read(void **state)
{
	struct fixture *fixture = *state;
	make_folder(fixture, "conf.d");
	make_folder(fixture, "conf.d/9.conf");
	write_file(fixture, "tallyd.conf", "[tallyd]\n");
	write_file(fixture, "conf.d/bad.conf", "nonsense\n");
	char path[256];
	snprintf(path, sizeof(path), "%s/conf.d/10.conf", fixture->folder);
	assert_int_equal(symlink("/nowhere/at/all", path), 0);
	assert_int_equal(load(fixture, "tallyd.conf"), -EINVAL);
	assert_int_equal(fixture->problems.n, 3);
	assert_non_null(strstr(fixture->problems.texts[0],
			       "/conf.d/10.conf: cannot be read: No such file or directory"));
	assert_non_null(strstr(fixture->problems.texts[1],
			       "/conf.d/9.conf: cannot be read: it is a directory"));
	assert_non_null(strstr(fixture->problems.texts[2], "/conf.d/bad.conf:1: neither"));
	snprintf(path, sizeof(path), "%s/tallyd.conf", fixture->folder);
	struct config *partly = NULL;
	assert_int_equal(config_read(path, &partly, &fixture->problems), -EINVAL);
	assert_null(partly);
}

static void a_missing_file_and_an_empty_folder_are_told(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(load(fixture, "tallyd.conf"), -EINVAL);
	assert_non_null(strstr(fixture->problems.texts[0], "No such file or directory"));
	assert_int_equal(load(fixture, ""), -EINVAL);
	assert_non_null(strstr(fixture->problems.texts[1], "it holds no *.conf file"));
}

static void a_file_larger_than_a_mebibyte_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char path[256];
	write_file(fixture, "tallyd.conf", "");
	snprintf(path, sizeof(path), "%s/tallyd.conf", fixture->folder);
	assert_int_equal(truncate(path, CONFIG_MAX_FILE + 1), 0);
	assert_int_equal(load(fixture, "tallyd.conf"), -EINVAL);
	assert_non_null(strstr(fixture->problems.texts[0], "larger than 1Mi"));
}

static void a_text_with_mistakes_can_be_read_as_far_as_it_goes(void **state)
{
	struct fixture *fixture = *state;
	char path[256];
	unsetenv("TALLY_TEST_UNSET");
	write_file(fixture, "tallyd.conf", "[input.a]\nnonsense\nx = ${TALLY_TEST_UNSET}\ny = 1\n");
	snprintf(path, sizeof(path), "%s/tallyd.conf", fixture->folder);
	assert_int_equal(config_read(path, &fixture->config, &fixture->problems), -EINVAL);
	assert_non_null(fixture->config);
	assert_int_equal(fixture->problems.n, 2);
	const struct config_section *section = config_find(fixture->config, "input.a");
	assert_null(section->entries[0].value);
	assert_string_equal(section->entries[1].value, "1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sections_and_keys_come_with_the_place_they_stand_at),
		TEST(a_section_without_keys_counts),
		TEST(indentation_joins_nothing),
		TEST(a_section_name_longer_than_fifty_bytes_stays_whole),
		TEST(carriage_returns_and_a_byte_order_mark_are_passed_over),
		TEST(every_problem_of_a_text_is_told_at_once),
		TEST(a_rule_is_an_instance_of_its_input),
		TEST(a_line_may_be_long_but_not_longer),
		TEST(a_nul_byte_and_foreign_bytes_are_told),
		TEST(the_number_of_keys_is_bounded),
		TEST(a_file_is_read_with_the_conf_d_beside_it_in_byte_order),
		TEST(a_folder_with_tallyd_conf_and_conf_d_is_the_same),
		TEST(a_folder_of_conf_files_will_do),
		TEST(what_cannot_be_read_is_told_and_the_rest_is_read),
		TEST(a_missing_file_and_an_empty_folder_are_told),
		TEST(a_file_larger_than_a_mebibyte_is_refused),
		TEST(a_text_with_mistakes_can_be_read_as_far_as_it_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
