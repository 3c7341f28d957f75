/*
 * `tallyd check`: is the configuration right, plugins and references included, and does this
 * machine have what it needs?  Connects to nothing, and changes nothing.  What cannot work is an
 * error; what works and was hardly meant that way, a warning.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/checked.h"
#include "commands/output.h"
#include "runtime/state_dir.h"
#include "base/globs.h"

/* Warnings do not change the exit code: a script that deploys a configuration must not fail because
 * of one that runs. */
struct check {
	const struct plan *plan;
	struct problems errors, warnings;
};

static void check_warn(struct check *check, const struct plan_instance *instance, const char *what,
		       const char *more)
{
	problems_add(&check->warnings, instance->section->file, instance->section->line,
		     "[%s] %s%s", instance->name, what, more);
}

/* ---- Rows that go nowhere, and nothing that comes ---- */

/* An output without a buffer takes no rows, whatever its patterns say. */
static bool check_is_taken(const struct plan *plan, const char *table)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *output = &plan->instances[i];
		if (output->buffer && globs_match(output->common.tables, table))
			return true;
	}
	return false;
}

static void check_buffer(struct check *check, const struct plan_instance *buffer)
{
	const struct plan *plan = check->plan;
	for (size_t i = 0; i < plan->n_instances; i++)
		if (plan->instances[i].buffer == buffer)
			return;
	check_warn(check, buffer, "no output reads from it", "");
}

/* Does any input emit a table that fits?  patterns NULL: any table. */
static bool check_is_fed(const struct plan *plan, const char *const *patterns)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *input = &plan->instances[i];
		const struct tally_table *const *table = input->plugin->tables;
		for (; input->kind == PLAN_INPUT && table && *table; table++)
			if (!patterns || globs_match(patterns, (*table)->name))
				return true;
	}
	return false;
}

/* Each pattern is tried alone as well: a misspelt one hides beside others that fit. */
static void check_output(struct check *check, const struct plan_instance *output)
{
	const struct plan *plan = check->plan;
	const char *const *pattern = output->common.tables;
	if (!output->buffer || !check_is_fed(plan, NULL))
		return; /* without any input, this daemon only serves what is stored */
	if (!check_is_fed(plan, output->common.tables)) {
		check_warn(check, output,
			   "no input feeds it: no input has a table that `tables` accepts", "");
		return;
	}
	for (; pattern && *pattern; pattern++) {
		const char *const one[] = {*pattern, NULL};
		if (**pattern != '!' && !check_is_fed(plan, one))
			check_warn(check, output, "no input has a table that matches ", *pattern);
	}
}

/* Warnings only: each of these configurations runs, and hardly does what was meant. */
static void check_instances(struct check *check)
{
	const struct plan *plan = check->plan;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		const struct tally_table *const *table = instance->plugin->tables;
		if (instance->kind == PLAN_BUFFER)
			check_buffer(check, instance);
		if (instance->kind == PLAN_OUTPUT)
			check_output(check, instance);
		for (; instance->kind == PLAN_INPUT && table && *table; table++)
			if (!check_is_taken(plan, (*table)->name))
				check_warn(check, instance, "no output accepts its table ",
					   (*table)->name);
	}
}

/* ---- Nothing to do ---- */

/* An input collects, and an output that takes no rows is a service: either is reason enough to run.
 * A store alone at least looks after what it holds. */
static void check_purpose(struct check *check)
{
	const struct plan *plan = check->plan;
	bool stores = false;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct tally_plugin *plugin = plan->instances[i].plugin;
		enum plan_kind kind = plan->instances[i].kind;
		if (kind == PLAN_INPUT || (kind == PLAN_OUTPUT && !plugin->output))
			return;
		stores |= kind == PLAN_OUTPUT && (plugin->store || plugin->cache);
	}
	if (stores)
		problems_add(&check->warnings, NULL, 0,
			     "no [input.…] is enabled, and nothing queries the stores");
	else
		problems_add(&check->errors, NULL, 0,
			     "nothing to do: no [input.…], store or service is enabled");
}

/* Named by the line that sets it; a default has no line. */
static void check_state_dir(struct check *check)
{
	struct error error;
	const struct options_value *value = options_find(check->plan->globals_options, "state_dir");
	if (state_dir_check(check->plan->globals.state_dir, &error) < 0)
		problems_add(&check->errors, value ? value->file : NULL, value ? value->line : 0,
			     "[tallyd] %s", error.text);
}

/* ---- The result ---- */

static const char *check_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void check_print_all(const struct problems *problems, const char *before)
{
	for (size_t i = 0; i < problems->n; i++)
		fprintf(stderr, "%s%s\n", before, problems->texts[i]);
	if (problems->lost)
		fprintf(stderr, "%zu more problems (out of memory)\n", problems->lost);
}

static void check_print(const struct check *check)
{
	check_print_all(&check->errors, "");
	check_print_all(&check->warnings, "warning: ");
	if (problems_count(&check->errors))
		return;
	size_t instances = check->plan->n_instances, files = check->plan->config->n_files;
	size_t warnings = problems_count(&check->warnings);
	printf("ok: %zu instance%s, %zu file%s", instances, check_plural(instances), files,
	       check_plural(files));
	if (warnings)
		printf(", %zu warning%s", warnings, check_plural(warnings));
	putchar('\n');
}

static void check_json_list(struct json_writer *json, const char *key,
			    const struct problems *problems)
{
	json_write_key(json, key);
	json_begin_array(json);
	for (size_t i = 0; i < problems->n; i++)
		json_write_string(json, problems->texts[i]);
	json_end_array(json);
}

static int check_print_json(const struct check *check)
{
	struct json_writer json;
	output_json_begin(&json);
	json_begin_object(&json);
	json_write_key(&json, "ok");
	json_write_bool(&json, !problems_count(&check->errors));
	check_json_list(&json, "errors", &check->errors);
	check_json_list(&json, "warnings", &check->warnings);
	json_write_key(&json, "instances");
	json_begin_array(&json);
	for (size_t i = 0; check->plan && i < check->plan->n_instances; i++)
		json_write_string(&json, check->plan->instances[i].name);
	json_end_array(&json);
	json_write_key(&json, "files");
	json_begin_array(&json);
	for (size_t i = 0; check->plan && i < check->plan->config->n_files; i++)
		json_write_string(&json, check->plan->config->files[i]);
	json_end_array(&json);
	json_end_object(&json);
	return output_json_end(&json);
}

/* ---- The command ---- */

/* Problems of the text end the search: what follows needs a plan. */
int command_check(const struct command_line *line)
{
	struct checked checked = {0};
	struct check check = {0};
	problems_init(&check.errors);
	problems_init(&check.warnings);
	if (checked_create_quietly(line, true, &check.errors, &checked) == COMMAND_OK) {
		check.plan = checked.plan;
		check_instances(&check);
		check_purpose(&check);
		check_state_dir(&check);
	}
	int r = problems_count(&check.errors) ? COMMAND_CONFIG : COMMAND_OK;
	if (!command_value(line, "json"))
		check_print(&check);
	else if (check_print_json(&check) < 0)
		r = COMMAND_FAILED;
	if (check.plan)
		checked_destroy(&checked);
	problems_done(&check.errors);
	problems_done(&check.warnings);
	return r;
}
