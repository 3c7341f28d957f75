/*
 * `tallyd plugins test FILE.so`: whether a plugin keeps to the rules of the ABI, for its author.
 *
 * Main thread.  What is found goes to stdout, a line each; --json gives the same as one object. The
 * exit code is COMMAND_OK if nothing was found but warnings, else COMMAND_WRONG.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "commands/plugins_more.h"
#include "conformance/conformance.h"

enum { TEST_TIMEOUT = 20, TEST_TIMEOUT_MAX = 600, TEST_JSON_MAX = 4 << 20 };

struct test_line {
	struct conformance_settings settings;
	bool json;
};

static int test_usage(void)
{
	fprintf(stderr,
		"usage: tallyd plugins test FILE.so [--config FILE] "
		"[--kind input|output|buffer] [--timeout 1..%d] [--json]\n",
		TEST_TIMEOUT_MAX);
	return COMMAND_USAGE;
}

static bool test_is_kind(const char *word)
{
	return strcmp(word, "input") == 0 || strcmp(word, "output") == 0 ||
	       strcmp(word, "buffer") == 0;
}

static int test_parse(const struct command_line *line, struct test_line *ret)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
						{"kind", required_argument, NULL, 'k'},
						{"timeout", required_argument, NULL, 't'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	int64_t seconds = TEST_TIMEOUT;
	int option;
	optind = 0; /* begin anew: the options before the command were read with it, too */
	while ((option = getopt_long(line->argc, line->argv, "c:k:t:j", options, NULL)) != -1) {
		if (option == 'c')
			ret->settings.config_path = optarg;
		else if (option == 'k' && test_is_kind(optarg))
			ret->settings.kind = optarg;
		else if (option == 'j')
			ret->json = true;
		else if (option != 't' || text_parse_int(optarg, &seconds) < 0 || seconds < 1 ||
			 seconds > TEST_TIMEOUT_MAX)
			return -EINVAL;
	}
	if (optind != line->argc - 1)
		return -EINVAL;
	ret->settings.path = line->argv[optind];
	ret->settings.timeout = seconds * CLOCK_SECOND;
	return 0;
}

static size_t test_count(const struct conformance_result *result, enum conformance_outcome outcome)
{
	size_t n = 0;
	for (size_t i = 0; i < result->n_checks; i++)
		n += result->checks[i].outcome == outcome;
	return n;
}

/* ---- For people ---- */

static void test_print_check(const struct conformance_result *result,
			     const struct conformance_check *check, const char *skipped_before)
{
	static const char *const words[] = {"ok", "FOUND", "skipped"};
	const char *skipped = check->skipped;
	printf("%-8s %-14s %s", words[check->outcome], check->name, check->help);
	/* A service that is missing is the reason of many. */
	if (skipped)
		printf(": not done, %s",
		       strcmp(skipped, skipped_before) == 0 ? "as above" : skipped);
	printf("\n");
	for (size_t i = 0; i < result->n_findings; i++) {
		const struct conformance_finding *finding = &result->findings[i];
		if (strcmp(finding->check, check->name) == 0)
			printf("  %s: %s [%s]\n", finding->warning ? "warning" : "error",
			       finding->text, finding->read);
	}
}

static void test_print(const char *path, const struct conformance_result *result)
{
	size_t errors = conformance_errors(result);
	const char *skipped = "";
	for (size_t i = 0; i < result->n_checks; i++) {
		const struct conformance_check *check = &result->checks[i];
		if (check->outcome == CONFORMANCE_INAPPLICABLE)
			continue;
		test_print_check(result, check, skipped);
		if (check->skipped)
			skipped = check->skipped;
	}
	printf("%s: %zu errors, %zu warnings; %zu checks passed, %zu skipped\n", path, errors,
	       result->n_findings - errors, test_count(result, CONFORMANCE_PASSED),
	       test_count(result, CONFORMANCE_SKIPPED));
}

/* ---- For programs ---- */

static void test_json_check(struct json_writer *json, const struct conformance_check *check)
{
	static const char *const words[] = {"passed", "found", "skipped", "inapplicable"};
	json_begin_object(json);
	json_write_key(json, "check");
	json_write_string(json, check->name);
	json_write_key(json, "help");
	json_write_string(json, check->help);
	json_write_key(json, "outcome");
	json_write_string(json, words[check->outcome]);
	json_write_key(json, "skipped");
	json_write_string(json, check->skipped);
	json_end_object(json);
}

static void test_json_finding(struct json_writer *json, const struct conformance_finding *finding)
{
	json_begin_object(json);
	json_write_key(json, "check");
	json_write_string(json, finding->check);
	json_write_key(json, "level");
	json_write_string(json, finding->warning ? "warning" : "error");
	json_write_key(json, "text");
	json_write_string(json, finding->text);
	json_write_key(json, "read");
	json_write_string(json, finding->read);
	json_end_object(json);
}

static int test_print_json(const char *path, const struct conformance_result *result)
{
	struct json_writer json;
	json_writer_init(&json, TEST_JSON_MAX);
	json_begin_object(&json);
	json_write_key(&json, "plugin");
	json_write_string(&json, path);
	json_write_key(&json, "errors");
	json_write_int(&json, (int64_t)conformance_errors(result));
	json_write_key(&json, "checks");
	json_begin_array(&json);
	for (size_t i = 0; i < result->n_checks; i++)
		test_json_check(&json, &result->checks[i]);
	json_end_array(&json);
	json_write_key(&json, "findings");
	json_begin_array(&json);
	for (size_t i = 0; i < result->n_findings; i++)
		test_json_finding(&json, &result->findings[i]);
	json_end_array(&json);
	json_end_object(&json);
	int r = json.error;
	if (r == 0)
		printf("%.*s\n", (int)json.len, json.data);
	json_writer_done(&json);
	return r;
}

int plugins_test(const struct command_line *line)
{
	struct test_line test = {.json = false};
	struct conformance_result result;
	struct error error;
	if (test_parse(line, &test) < 0)
		return test_usage();
	int r = conformance_run(&test.settings, &result, &error);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", test.settings.path, error.text);
	else if (test.json)
		r = test_print_json(test.settings.path, &result);
	else
		test_print(test.settings.path, &result);
	int exit_code = r < 0                         ? COMMAND_FAILED
			: conformance_errors(&result) ? COMMAND_WRONG
						      : COMMAND_OK;
	conformance_done(&result);
	return exit_code;
}
