/*
 * `tallyd config dump`: what is in effect, as one valid file.  `config explain [INSTANCE]`: each
 * key with where it is from and what it means.  Secrets are masked in both.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/checked.h"
#include "commands/reference.h"

/* ---- dump -------------------------------------------------------------------- */

/* Unset options are shown as comments: the output is valid as a file and complete as a list.  A
 * secret that is read from a file is shown by the file's name, which needs no mask. */
static void config_dump_options(const char *name, const struct options *options)
{
	printf("[%s]\n", name);
	for (size_t i = 0; i < options->n; i++) {
		const struct options_value *value = &options->values[i];
		if (!value->text) {
			printf("; %s is not set\n", value->option->name);
			continue;
		}
		printf("%s%s = ", value->option->name, value->secret_file ? "_file" : "");
		/* As a file would have it, where a dollar begins a variable. */
		const char *text = value->secret_file ? value->secret_file : options_shown(value);
		for (; *text; text++) {
			if (*text == '$')
				putchar('$');
			putchar(*text);
		}
		putchar('\n');
	}
}

static int config_dump(const struct plan *plan)
{
	config_dump_options("tallyd", plan->globals_options);
	for (size_t i = 0; i < plan->n_instances; i++) {
		putchar('\n');
		config_dump_options(plan->instances[i].name, plan->instances[i].options);
	}
	return COMMAND_OK;
}

/* ---- explain ----------------------------------------------------------------- */

static void config_explain_options(const char *name, const struct config_section *section,
				   const struct options *options)
{
	printf("[%s]", name);
	if (section)
		printf("  %s:%u", section->file, section->line);
	putchar('\n');
	for (size_t i = 0; i < options->n; i++) {
		const struct options_value *value = &options->values[i];
		const char *shown = options_shown(value);
		printf("  %s%s%s  (", value->option->name, shown ? " = " : "", shown ? shown : "");
		if (!shown)
			printf("not set");
		else if (!value->file)
			printf("default");
		else
			printf("%s:%u", value->file, value->line);
		if (value->secret_file)
			printf(", read from %s", value->secret_file);
		printf(")\n      %s\n", value->option->help);
	}
}

/* only: a section's name; NULL: all.  One that is there and disabled is the likely reason for the
 * question, so it is not simply unknown. */
static int config_explain(const struct plan *plan, const char *only)
{
	bool found = false;
	if (!only || strcmp(only, "tallyd") == 0) {
		config_explain_options("tallyd", config_find(plan->config, "tallyd"),
				       plan->globals_options);
		found = true;
	}
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (only && strcmp(only, instance->name) != 0)
			continue;
		if (found)
			putchar('\n');
		config_explain_options(instance->name, instance->section, instance->options);
		found = true;
	}
	if (found)
		return COMMAND_OK;
	const struct config_section *section = config_find(plan->config, only);
	if (section)
		fprintf(stderr, "%s:%u: [%s] is not enabled\n", section->file, section->line, only);
	else
		fprintf(stderr, "there is no [%s]\n", only);
	return COMMAND_FAILED;
}

/* ---- The command ------------------------------------------------------------- */

/* Needs a valid plan: values are shown as they are in effect, defaults of plugins included. */
static int config_on_plan(const struct command_line *line, bool dump)
{
	struct checked checked;
	int r = checked_create(line, false, &checked);
	if (r != COMMAND_OK)
		return r;
	if (dump)
		r = config_dump(checked.plan);
	else
		r = config_explain(checked.plan, line->argc == 2 ? line->argv[1] : NULL);
	checked_destroy(&checked);
	return r;
}

/* Needs the plugins only: whoever looks up an option may not have a valid configuration yet. */
static int config_reference(const struct command_line *line)
{
	struct registry *registry = checked_registry(line);
	if (!registry) {
		fprintf(stderr, "out of memory\n");
		return COMMAND_FAILED;
	}
	int r = reference_print(registry);
	registry_destroy(registry);
	return r;
}

int command_config(const struct command_line *line)
{
	const char *verb = line->argc > 0 ? line->argv[0] : "";
	if (strcmp(verb, "dump") == 0 && line->argc == 1)
		return config_on_plan(line, true);
	if (strcmp(verb, "explain") == 0 && line->argc <= 2)
		return config_on_plan(line, false);
	if (strcmp(verb, "reference") == 0 && line->argc == 1)
		return config_reference(line); /* for docs/configuration.md; not in the usage */
	fprintf(stderr, "usage: tallyd config dump | explain [INSTANCE]\n");
	return COMMAND_USAGE;
}
