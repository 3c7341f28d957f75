/*
 * `tallyd config dump`: what is in effect, as one valid file.  `config explain [INSTANCE]`: each
 * key with where it is from and what it means.  Secrets are masked in both.  `config reference`:
 * what there is, docs/configuration.md.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "commands/checked.h"
#include "commands/output.h"
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

/* One that is there and disabled is the likely reason for the question, so it is not simply
 * unknown. */
static bool config_knows(const struct plan *plan, const char *only)
{
	if (!only || strcmp(only, "tallyd") == 0)
		return true;
	for (size_t i = 0; i < plan->n_instances; i++)
		if (strcmp(only, plan->instances[i].name) == 0)
			return true;
	const struct config_section *section = config_find(plan->config, only);
	if (section)
		fprintf(stderr, "%s:%u: [%s] is not enabled\n", section->file, section->line, only);
	else
		fprintf(stderr, "there is no [%s]\n", only);
	return false;
}

/* only: a section's name; NULL: all. */
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
	return COMMAND_OK;
}

/* ---- For programs ------------------------------------------------------------ */

static void config_json_option(struct json_writer *json, const struct options_value *value)
{
	json_write_key(json, value->option->name);
	json_begin_object(json);
	json_write_key(json, "value");
	json_write_string(json, options_shown(value));
	json_write_key(json, "from");
	json_write_string(json, value->file ? "file" : value->text ? "default" : NULL);
	json_write_key(json, "file");
	json_write_string(json, value->file);
	json_write_key(json, "line");
	if (value->file)
		json_write_int(json, value->line);
	else
		json_write_null(json);
	json_write_key(json, "secret_file");
	json_write_string(json, value->secret_file);
	json_write_key(json, "help");
	json_write_string(json, value->option->help);
	json_end_object(json);
}

static void config_json_options(struct json_writer *json, const char *name,
				const struct options *options)
{
	json_write_key(json, name);
	json_begin_object(json);
	for (size_t i = 0; i < options->n; i++)
		config_json_option(json, &options->values[i]);
	json_end_object(json);
}

/* The sections with their options, each with value, origin and meaning: the same for dump and
 * explain.  only: a section's name; NULL: all. */
static int config_json(const struct plan *plan, const char *only)
{
	struct json_writer json;
	output_json_begin(&json);
	json_begin_object(&json);
	if (!only || strcmp(only, "tallyd") == 0)
		config_json_options(&json, "tallyd", plan->globals_options);
	for (size_t i = 0; i < plan->n_instances; i++)
		if (!only || strcmp(only, plan->instances[i].name) == 0)
			config_json_options(&json, plan->instances[i].name,
					    plan->instances[i].options);
	json_end_object(&json);
	return output_json_end(&json) < 0 ? COMMAND_FAILED : COMMAND_OK;
}

/* ---- The command ------------------------------------------------------------- */

/* Needs a valid plan: values are shown as they are in effect, defaults of plugins included. */
static int config_on_plan(const struct command_line *line, bool dump)
{
	struct checked checked;
	const char *only = line->argc > 1 ? line->argv[1] : NULL;
	int r = checked_create(line, false, &checked);
	if (r != COMMAND_OK)
		return r;
	if (!config_knows(checked.plan, only))
		r = COMMAND_FAILED;
	else if (command_value(line, "json"))
		r = config_json(checked.plan, only);
	else
		r = dump ? config_dump(checked.plan) : config_explain(checked.plan, only);
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
	if (strcmp(line->verb->name, "reference") == 0)
		return config_reference(line);
	return config_on_plan(line, strcmp(line->verb->name, "dump") == 0);
}
