/*
 * `tallyd plugins test FILE.so`: whether a plugin keeps to the rules of the ABI, for its author.
 *
 * Main thread.  What is found goes to stdout, a line each; --json gives the same as one object. The
 * exit code is COMMAND_OK if nothing was found but warnings, else COMMAND_WRONG.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"
#include "commands/output.h"
#include "commands/plugins_more.h"
#include "conformance/conformance.h"

enum { TEST_TIMEOUT = 20 };

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
	output_json_begin(&json);
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
	return output_json_end(&json);
}

int plugins_test(const struct command_line *line)
{
	const struct conformance_settings settings = {
		.path = line->argv[1],
		.config_path = command_value(line, "config"),
		.kind = command_value(line, "kind"),
		.timeout = command_number(line, "timeout", TEST_TIMEOUT) * CLOCK_SECOND};
	struct conformance_result result;
	struct error error;
	int r = conformance_run(&settings, &result, &error);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", settings.path, error.text);
	else if (command_value(line, "json"))
		r = test_print_json(settings.path, &result);
	else
		test_print(settings.path, &result);
	int exit_code = r < 0                         ? COMMAND_FAILED
			: conformance_errors(&result) ? COMMAND_WRONG
						      : COMMAND_OK;
	conformance_done(&result);
	return exit_code;
}
