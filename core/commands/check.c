/*
 * `tallyd check`: is the configuration right, plugins and references included, and does this
 * machine have what it needs?  Connects to nothing, and changes nothing.  What cannot work is an
 * error; what works and was hardly meant that way, a warning.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/checked.h"
#include "runtime/state_dir.h"
#include "base/globs.h"

/* Of this run.  Warnings do not change the exit code: a script that deploys a configuration must
 * not fail because of one that runs. */
static unsigned check_warnings;

static void check_warn(const struct plan_instance *instance, const char *what, const char *more)
{
	check_warnings++;
	fprintf(stderr, "warning: %s:%u: [%s] %s%s\n", instance->section->file,
		instance->section->line, instance->name, what, more);
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

static void check_buffer(const struct plan *plan, const struct plan_instance *buffer)
{
	for (size_t i = 0; i < plan->n_instances; i++)
		if (plan->instances[i].buffer == buffer)
			return;
	check_warn(buffer, "no output reads from it", "");
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
static void check_output(const struct plan *plan, const struct plan_instance *output)
{
	const char *const *pattern = output->common.tables;
	if (!output->buffer || !check_is_fed(plan, NULL))
		return; /* without any input, this daemon only serves what is stored */
	if (!check_is_fed(plan, output->common.tables)) {
		check_warn(output, "no input feeds it: no input has a table that `tables` accepts",
			   "");
		return;
	}
	for (; pattern && *pattern; pattern++) {
		const char *const one[] = {*pattern, NULL};
		if (**pattern != '!' && !check_is_fed(plan, one))
			check_warn(output, "no input has a table that matches ", *pattern);
	}
}

/* Warnings only: each of these configurations runs, and hardly does what was meant. */
static void check_instances(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		const struct tally_table *const *table = instance->plugin->tables;
		if (instance->kind == PLAN_BUFFER)
			check_buffer(plan, instance);
		if (instance->kind == PLAN_OUTPUT)
			check_output(plan, instance);
		for (; instance->kind == PLAN_INPUT && table && *table; table++)
			if (!check_is_taken(plan, (*table)->name))
				check_warn(instance, "no output accepts its table ",
					   (*table)->name);
	}
}

/* ---- Nothing to do ---- */

/* An input collects, and an output that takes no rows is a service: either is reason enough to run.
 * A store alone at least looks after what it holds.  Returns how many errors. */
static int check_purpose(const struct plan *plan)
{
	bool stores = false;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct tally_plugin *plugin = plan->instances[i].plugin;
		enum plan_kind kind = plan->instances[i].kind;
		if (kind == PLAN_INPUT || (kind == PLAN_OUTPUT && !plugin->output))
			return 0;
		stores |= kind == PLAN_OUTPUT && (plugin->store || plugin->cache);
	}
	if (stores) {
		check_warnings++;
		fprintf(stderr,
			"warning: no [input.…] is enabled, and nothing queries the stores\n");
		return 0;
	}
	fprintf(stderr, "nothing to do: no [input.…], store or service is enabled\n");
	return 1;
}

/* Named by the line that sets it; a default has no line. */
static int check_state_dir(const struct plan *plan)
{
	struct error error;
	const struct options_value *value = options_find(plan->globals_options, "state_dir");
	if (state_dir_check(plan->globals.state_dir, &error) == 0)
		return 0;
	if (value && value->file)
		fprintf(stderr, "%s:%u: ", value->file, value->line);
	fprintf(stderr, "[tallyd] %s\n", error.text);
	return 1;
}

/* ---- The command ---- */

static const char *check_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

/* Problems of the text have ended the command already, in checked_create(): what follows needs a
 * plan. */
int command_check(const struct command_line *line)
{
	struct checked checked;
	if (line->argc > 0) {
		fprintf(stderr, "tallyd check takes no arguments\n");
		return COMMAND_USAGE;
	}
	int r = checked_create(line, true, &checked);
	if (r != COMMAND_OK)
		return r;
	check_warnings = 0;
	check_instances(checked.plan);
	int errors = check_purpose(checked.plan) + check_state_dir(checked.plan);
	if (!errors) {
		size_t instances = checked.plan->n_instances, files = checked.plan->config->n_files;
		printf("ok: %zu instance%s, %zu file%s", instances, check_plural(instances), files,
		       check_plural(files));
		if (check_warnings)
			printf(", %u warning%s", check_warnings, check_plural(check_warnings));
		putchar('\n');
	}
	checked_destroy(&checked);
	return errors ? COMMAND_CONFIG : COMMAND_OK;
}
