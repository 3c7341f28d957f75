#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/buffer.h>
#include <unistd.h>

#include "config/options.h"
#include "test.h"

struct everything {
	bool verify;
	int64_t port, limit, timeout, mode;
	const char *endpoint, *token, *path;
	const char *const *include;
	struct tally_store *store;
	const struct tally_named_cache *caches;
};
#define AT(field) offsetof(struct everything, field)

static const struct tally_option everything_options[] = {
	{"verify", "yes", NULL, "Ask twice", TALLY_OPT_BOOL, 0, AT(verify), NULL},
	{"port", "7", "1..65535", "Which", TALLY_OPT_INT, 0, AT(port), NULL},
	{"limit", NULL, "..1Gi", "How much", TALLY_OPT_SIZE, 0, AT(limit), NULL},
	{"timeout", "3s", "100ms..", "How long", TALLY_OPT_DURATION, 0, AT(timeout), NULL},
	{"mode", "careful", "fast|careful|off", "How", TALLY_OPT_CHOICE, 0, AT(mode), NULL},
	{"endpoint", NULL, NULL, "Where", TALLY_OPT_STRING, 0, AT(endpoint), NULL},
	{"token", NULL, NULL, "Who", TALLY_OPT_STRING, TALLY_OPT_SECRET, AT(token), NULL},
	{"include", NULL, NULL, "What", TALLY_OPT_LIST, 0, AT(include), NULL},
	{"store", NULL, NULL, "Whom", TALLY_OPT_STORE, 0, AT(store), NULL},
	{"caches", NULL, "memory|off", "Whose", TALLY_OPT_CACHES, 0, AT(caches), NULL},
	{.name = NULL},
};
static const struct tally_option required_options[] = {
	{"path", NULL, NULL, "Where it goes", TALLY_OPT_STRING, TALLY_OPT_REQUIRED, AT(path), NULL},
	{.name = NULL},
};

struct fixture {
	struct problems problems;
	struct config *config;
	struct options *options;
	struct everything values;
	char secret[64];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	if (!fixture)
		return -1;
	problems_init(&fixture->problems);
	snprintf(fixture->secret, sizeof(fixture->secret), "/tmp/tallyd-secret-XXXXXX");
	int fd = mkstemp(fixture->secret);
	if (fd >= 0)
		close(fd);
	*state = fixture;
	return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	unlink(fixture->secret);
	options_destroy(fixture->options);
	config_destroy(fixture->config);
	problems_done(&fixture->problems);
	free(fixture);
	return 0;
}

static int parse_with(struct fixture *fixture, const struct tally_option *options,
		      options_bind_fn *bind, const char *keys)
{
	char text[8192];
	struct options_target target = {options, &fixture->values};
	int len = snprintf(text, sizeof(text), "[input.a]\n%s", keys);
	options_destroy(fixture->options);
	config_destroy(fixture->config);
	fixture->options = NULL;
	fixture->config = NULL;
	memset(&fixture->values, 0xA5, sizeof(fixture->values));
	assert_int_equal(
		config_parse("t.conf", text, (size_t)len, &fixture->config, &fixture->problems), 0);
	return options_parse(&fixture->config->sections[0], &target, 1, bind, fixture,
			     &fixture->options, &fixture->problems);
}

static int parse(struct fixture *fixture, const char *keys)
{
	return parse_with(fixture, everything_options, NULL, keys);
}

static void assert_refused(struct fixture *fixture, const char *keys, const char *problem)
{
	assert_int_equal(parse(fixture, keys), -EINVAL);
	assert_null(fixture->options);
	assert_true(fixture->problems.n > 0);
	assert_string_equal(fixture->problems.texts[fixture->problems.n - 1], problem);
}

static void write_secret(const struct fixture *fixture, const char *text, size_t len)
{
	FILE *file = fopen(fixture->secret, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

static void unset_keys_have_their_fallback_or_nothing(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, ""), 0);
	const struct everything *values = &fixture->values;
	assert_true(values->verify);
	assert_int_equal(values->port, 7);
	assert_int_equal(values->limit, 0);
	assert_int_equal(values->timeout, 3000000000);
	assert_int_equal(values->mode, 1);
	assert_null(values->endpoint);
	assert_null(values->include);
	assert_null(values->store);
	assert_null(options_find(fixture->options, "port")->file);
	assert_null(options_find(fixture->options, "endpoint")->text);
	assert_null(options_find(fixture->options, "nonsense"));
}

static void every_type_is_stored_as_it_is_declared(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "verify = off\nport = 65535\nlimit = 16Mi\n"
					"timeout = 2min\nmode = off\nendpoint = tcp://x:1\n"
					"include = web-*, !web-old  db\n"),
			 0);
	const struct everything *values = &fixture->values;
	assert_false(values->verify);
	assert_int_equal(values->port, 65535);
	assert_int_equal(values->limit, 16 << 20);
	assert_int_equal(values->timeout, 120000000000);
	assert_int_equal(values->mode, 2);
	assert_string_equal(values->endpoint, "tcp://x:1");
	assert_string_equal(values->include[0], "web-*");
	assert_string_equal(values->include[1], "!web-old");
	assert_string_equal(values->include[2], "db");
	assert_null(values->include[3]);
	assert_int_equal(options_find(fixture->options, "port")->line, 3);
}

static void an_empty_list_is_a_list(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "include =\nendpoint =\n"), 0);
	assert_non_null(fixture->values.include);
	assert_null(fixture->values.include[0]);
	assert_string_equal(fixture->values.endpoint, "");
}

static void wrong_values_are_told_with_what_would_do(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "timeout = 10x",
		       "t.conf:2: [input.a] timeout: \"10x\" is not a duration (try 10s or 1m)");
	assert_refused(fixture, "verify = maybe",
		       "t.conf:2: [input.a] verify: \"maybe\" is not yes or no");
	assert_refused(fixture, "port = many",
		       "t.conf:2: [input.a] port: \"many\" is not a whole number");
	assert_refused(fixture, "limit = 16MB",
		       "t.conf:2: [input.a] limit: \"16MB\" is not a size (try 512, 64Ki or 16Mi)");
	assert_refused(fixture, "mode = carefull",
		       "t.conf:2: [input.a] mode: \"carefull\" is none of fast, careful, off (did "
		       "you mean careful?)");
	assert_refused(fixture, "store =", "t.conf:2: [input.a] store: names nothing");
}

static void a_value_out_of_range_is_told_with_the_range(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "port = 0",
		       "t.conf:2: [input.a] port: \"0\" is out of range: it must be between 1 and "
		       "65535");
	assert_refused(fixture, "timeout = 10ms",
		       "t.conf:2: [input.a] timeout: \"10ms\" is out of range: it must be at "
		       "least 100ms");
	assert_refused(fixture, "limit = 2Gi",
		       "t.conf:2: [input.a] limit: \"2Gi\" is out of range: it must be at most "
		       "1Gi");
	assert_refused(fixture, "port = 99999999999999999999",
		       "t.conf:2: [input.a] port: \"99999999999999999999\" is larger than any "
		       "number can be");
}

static void an_unknown_key_is_told_with_what_it_may_have_meant(void **state)
{
	struct fixture *fixture = *state;
	assert_refused(fixture, "\nendpiont = x",
		       "t.conf:3: [input.a] endpiont: no such key (did you mean endpoint?)");
	assert_refused(fixture, "colour = red", "t.conf:2: [input.a] colour: no such key");
	assert_refused(fixture, "endpoint_file = /x",
		       "t.conf:2: [input.a] endpoint_file: no such key (did you mean endpoint?)");
}

static void all_wrong_keys_are_told_in_one_go(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "port = 0\ncolour = red\nverify = maybe\n"), -EINVAL);
	assert_int_equal(fixture->problems.n, 3);
}

static void a_required_key_is_missed_at_its_section(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse_with(fixture, required_options, NULL, ""), -EINVAL);
	assert_int_equal(parse_with(fixture, required_options, NULL, "path ="), -EINVAL);
	assert_string_equal(fixture->problems.texts[0],
			    "t.conf:1: [input.a] path: is missing: Where it goes");
	assert_string_equal(fixture->problems.texts[1],
			    "t.conf:2: [input.a] path: is missing: Where it goes");
	assert_int_equal(parse_with(fixture, required_options, NULL, "path = /x"), 0);
}

static void a_secret_is_masked_and_its_file_gives_the_first_line(void **state)
{
	struct fixture *fixture = *state;
	char keys[128];
	assert_int_equal(parse(fixture, "token = sesame"), 0);
	assert_string_equal(fixture->values.token, "sesame");
	assert_string_equal(options_shown(options_find(fixture->options, "token")), "********");
	write_secret(fixture, "open sesame\r\nsecond line\n", 25);
	snprintf(keys, sizeof(keys), "token_file = %s", fixture->secret);
	assert_int_equal(parse(fixture, keys), 0);
	assert_string_equal(fixture->values.token, "open sesame");
	const struct options_value *value = options_find(fixture->options, "token");
	assert_string_equal(options_shown(value), "********");
	assert_string_equal(value->secret_file, fixture->secret);
	assert_int_equal(value->line, 2);
}

static void a_bad_secret_file_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char keys[128], problem[256];
	static char large[64 * 1024 + 1];
	assert_refused(fixture, "token = a\ntoken_file = /x",
		       "t.conf:3: [input.a] token: is set twice: here and by token_file");
	assert_refused(fixture, "token_file = /nowhere/at/all",
		       "t.conf:2: [input.a] token: /nowhere/at/all cannot be read: No such file "
		       "or directory");
	assert_refused(fixture, "token_file = /tmp",
		       "t.conf:2: [input.a] token: /tmp is not a regular file of at most 64Ki");
	snprintf(keys, sizeof(keys), "token_file = %s", fixture->secret);
	snprintf(problem, sizeof(problem),
		 "t.conf:2: [input.a] token: the first line of %s is empty", fixture->secret);
	assert_refused(fixture, keys, problem);
	memset(large, 's', sizeof(large));
	write_secret(fixture, large, sizeof(large));
	snprintf(problem, sizeof(problem),
		 "t.conf:2: [input.a] token: %s is not a regular file of at most 64Ki",
		 fixture->secret);
	assert_refused(fixture, keys, problem);
}

static void a_secret_of_another_type_is_not_quoted_when_wrong(void **state)
{
	struct fixture *fixture = *state;
	static const struct tally_option options[] = {
		{"port", "1", "1..9", "Which", TALLY_OPT_INT, TALLY_OPT_SECRET, AT(port), NULL},
		{.name = NULL},
	};
	assert_int_equal(parse_with(fixture, options, NULL, "port = sesame"), -EINVAL);
	assert_int_equal(parse_with(fixture, options, NULL, "port = 1234"), -EINVAL);
	for (size_t i = 0; i < fixture->problems.n; i++) {
		assert_null(strstr(fixture->problems.texts[i], "sesame"));
		assert_null(strstr(fixture->problems.texts[i], "1234"));
	}
}

static int bind_or_refuse(void *arg, const struct tally_option *option, const char *name,
			  void **ret, struct error *error)
{
	assert_true(option->type == TALLY_OPT_STORE || option->type == TALLY_OPT_CACHES);
	if (strcmp(name, "sqlite") != 0)
		return error_set(error, ENOENT, "there is no %s", name);
	*ret = arg;
	return 0;
}

static void a_reference_is_bound_or_told(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse_with(fixture, everything_options, bind_or_refuse, "store = sqlite"),
			 0);
	assert_ptr_equal(fixture->values.store, fixture);
	assert_int_equal(parse_with(fixture, everything_options, bind_or_refuse, "store = moon"),
			 -EINVAL);
	assert_string_equal(fixture->problems.texts[0],
			    "t.conf:2: [input.a] store: there is no moon");
}

static void each_word_of_a_list_is_one_that_it_accepts(void **state)
{
	static const struct tally_option options[] = {
		{"include", NULL, "cpu|memory|disk", "What", TALLY_OPT_LIST, 0, AT(include), NULL},
		{.name = NULL},
	};
	struct fixture *fixture = *state;
	assert_int_equal(parse_with(fixture, options, NULL, "include = disk, cpu"), 0);
	assert_string_equal(fixture->values.include[0], "disk");
	assert_string_equal(fixture->values.include[1], "cpu");
	assert_null(fixture->values.include[2]);
	assert_int_equal(parse_with(fixture, options, NULL, "include = cpu, memorie"), -EINVAL);
	assert_non_null(strstr(fixture->problems.texts[0], "\"memorie\""));
	assert_non_null(strstr(fixture->problems.texts[0], "cpu, memory, disk"));
	assert_non_null(strstr(fixture->problems.texts[0], "did you mean memory?"));
}

static void the_declaration_of_each_type_is_sound(void **state)
{
	struct error error;
	(void)state;
	for (const struct tally_option *option = everything_options; option->name; option++)
		if (options_check(option, sizeof(struct everything), &error) < 0)
			fail_msg("%s", error.text);
}

static void caches_are_bound_in_their_order_and_words_left_alone(void **state)
{
	struct fixture *fixture = *state;
	const struct tally_named_cache *caches;
	assert_int_equal(parse_with(fixture, everything_options, bind_or_refuse, ""), 0);
	assert_null(fixture->values.caches);
	assert_int_equal(
		parse_with(fixture, everything_options, bind_or_refuse, "caches = memory, sqlite"),
		0);
	caches = fixture->values.caches;
	assert_string_equal(caches[0].name, "memory");
	assert_null(caches[0].cache);
	assert_string_equal(caches[1].name, "sqlite");
	assert_ptr_equal(caches[1].cache, fixture);
	assert_null(caches[2].name);
	for (size_t i = 0; i < 2; i++) { /* a part of a word is none */
		assert_int_equal(parse_with(fixture, everything_options, bind_or_refuse,
					    i ? "caches = mem" : "caches = memory, off, moon"),
				 -EINVAL);
		assert_non_null(strstr(fixture->problems.texts[i],
				       i ? "caches: there is no mem" : "caches: there is no moon"));
	}
}

static void options_are_equal_by_value_and_not_by_place(void **state)
{
	struct fixture *fixture = *state;
	assert_int_equal(parse(fixture, "port = 7\ntoken = a"), 0);
	struct options *first = fixture->options;
	fixture->options = NULL;
	assert_int_equal(parse(fixture, "\n\ntoken = a"), 0);
	assert_true(options_equal(first, fixture->options));
	assert_int_equal(parse(fixture, "token = b"), 0);
	assert_false(options_equal(first, fixture->options));
	assert_int_equal(parse(fixture, ""), 0);
	assert_false(options_equal(first, fixture->options));
	options_destroy(first);
}

static void without_a_section_all_is_default(void **state)
{
	struct fixture *fixture = *state;
	struct options_target target = {everything_options, &fixture->values};
	assert_int_equal(
		options_parse(NULL, &target, 1, NULL, NULL, &fixture->options, &fixture->problems),
		0);
	assert_int_equal(fixture->values.port, 7);
	assert_string_equal(options_default(fixture->options, "endpoint", "later"), "later");
	assert_string_equal(options_default(fixture->options, "port", "9"), "7");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unset_keys_have_their_fallback_or_nothing),
		TEST(every_type_is_stored_as_it_is_declared),
		TEST(an_empty_list_is_a_list),
		TEST(wrong_values_are_told_with_what_would_do),
		TEST(a_value_out_of_range_is_told_with_the_range),
		TEST(an_unknown_key_is_told_with_what_it_may_have_meant),
		TEST(all_wrong_keys_are_told_in_one_go),
		TEST(a_required_key_is_missed_at_its_section),
		TEST(a_secret_is_masked_and_its_file_gives_the_first_line),
		TEST(a_bad_secret_file_is_refused),
		TEST(a_secret_of_another_type_is_not_quoted_when_wrong),
		TEST(a_reference_is_bound_or_told),
		cmocka_unit_test(the_declaration_of_each_type_is_sound),
		TEST(caches_are_bound_in_their_order_and_words_left_alone),
		TEST(each_word_of_a_list_is_one_that_it_accepts),
		TEST(options_are_equal_by_value_and_not_by_place),
		TEST(without_a_section_all_is_default),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
