/*
 * `tallyd plugins list|info NAME|check FILE.so`: what plugins there are and what they declare.  The
 * verbs for authors, `new` and `test`, have files of their own.
 *
 * Main thread.  Every plugin is loaded in a child process first, so that one that crashes is
 * reported and does not end the command.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/checked.h"
#include "commands/describe.h"
#include "commands/output.h"
#include "commands/plugins_more.h"
#include "instance/dry_run.h"
#include "base/arena.h"
#include "base/cleanup.h"

enum { PLUGINS_WORDS_SIZE = 512 };

static int plugins_out_of_memory(void)
{
	fprintf(stderr, "out of memory\n");
	return COMMAND_FAILED;
}

/* ---- For programs ------------------------------------------------------------ */

static void plugins_json_string(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, value);
}

static void plugins_json_section(struct json_writer *json, const struct tally_plugin *plugin,
				 enum plan_kind kind)
{
	char name[PLUGINS_WORDS_SIZE];
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(kind, plugin, NULL, NULL, targets);
	snprintf(name, sizeof(name), "%s.%s", plan_kind_name(kind), plugin->name);
	json_write_key(json, name);
	json_begin_array(json);
	for (size_t i = n; i-- > 0;) {
		const struct tally_option *option = targets[i].options;
		for (; option && option->name; option++) {
			char scratch[PLAN_FALLBACK_SIZE], words[PLUGINS_WORDS_SIZE];
			describe_option(option, words, sizeof(words));
			json_begin_object(json);
			plugins_json_string(json, "name", option->name);
			plugins_json_string(json, "default",
					    plan_fallback(kind, plugin, option, scratch));
			plugins_json_string(json, "type", words);
			json_write_key(json, "required");
			json_write_bool(json, option->flags & TALLY_OPT_REQUIRED);
			plugins_json_string(json, "help", option->help);
			json_end_object(json);
		}
	}
	json_end_array(json);
}

static void plugins_json_table(struct json_writer *json, const struct tally_table *table)
{
	json_begin_object(json);
	plugins_json_string(json, "name", table->name);
	plugins_json_string(json, "kind", describe_table_kind(table->kind));
	json_write_key(json, "kept_long");
	json_write_bool(json, table->flags & TALLY_KEPT_LONG);
	plugins_json_string(json, "help", table->help);
	json_write_key(json, "columns");
	json_begin_array(json);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		json_begin_object(json);
		plugins_json_string(json, "name", column->name);
		plugins_json_string(json, "type", describe_column_type(column->type));
		plugins_json_string(json, "role", describe_column_role(column->role));
		plugins_json_string(json, "unit", column->unit);
		plugins_json_string(json, "help", column->help);
		json_end_object(json);
	}
	json_end_array(json);
	json_end_object(json);
}

static void plugins_json_declared(struct json_writer *json, const struct tally_plugin *plugin)
{
	json_write_key(json, "sections");
	json_begin_object(json);
	for (enum plan_kind k = PLAN_INPUT; k <= PLAN_OUTPUT; k++)
		if (plan_kind_fits(k, plugin))
			plugins_json_section(json, plugin, k);
	json_end_object(json);
	json_write_key(json, "tables");
	json_begin_array(json);
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++)
		plugins_json_table(json, *t);
	json_end_array(json);
	json_write_key(json, "metrics");
	json_begin_array(json);
	for (const struct tally_metric *m = plugin->metrics; m && m->name; m++) {
		char name[PLUGINS_WORDS_SIZE];
		metrics_declared_name(plugin->name, m, name, sizeof(name));
		json_begin_object(json);
		plugins_json_string(json, "name", name);
		plugins_json_string(json, "labels", m->labels);
		plugins_json_string(json, "help", m->help);
		json_end_object(json);
	}
	json_end_array(json);
}

/* all: with what it declares. */
static void plugins_json(struct json_writer *json, struct registry *registry,
			 const struct tally_plugin *plugin, bool all)
{
	char kind[PLUGINS_WORDS_SIZE];
	describe_plugin(plugin, kind, sizeof(kind));
	json_begin_object(json);
	plugins_json_string(json, "name", plugin->name);
	plugins_json_string(json, "version", plugin->version);
	plugins_json_string(json, "kind", kind);
	snprintf(kind, sizeof(kind), "%u.%u", plugin->abi_major, plugin->abi_minor);
	plugins_json_string(json, "abi", kind);
	plugins_json_string(json, "file", registry_path(registry, plugin));
	plugins_json_string(json, "help", plugin->help);
	if (all)
		plugins_json_declared(json, plugin);
	json_end_object(json);
}

/* ---- list -------------------------------------------------------------------- */

/* A file that cannot be loaded is named with the reason on stderr; the rest is listed all the
 * same. */
static int plugins_list(struct registry *registry, bool as_json)
{
	struct json_writer json;
	auto_free char **names = NULL;
	size_t n = 0;
	int r = COMMAND_OK;
	if (registry_available(registry, &names, &n) < 0)
		return plugins_out_of_memory();
	output_json_begin(&json);
	json_begin_array(&json);
	for (size_t i = 0; i < n; i++) {
		const struct tally_plugin *plugin;
		struct error error;
		char kind[PLUGINS_WORDS_SIZE];
		if (registry_plugin(registry, names[i], &plugin, &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			r = COMMAND_CONFIG;
			continue;
		}
		if (as_json) {
			plugins_json(&json, registry, plugin, false);
			continue;
		}
		describe_plugin(plugin, kind, sizeof(kind));
		printf("%-16s %-8s %-14s %s\n%-16s %s\n", plugin->name, plugin->version, kind,
		       registry_path(registry, plugin), "", plugin->help);
	}
	json_end_array(&json);
	if (n == 0)
		fprintf(stderr, "no plugins found\n");
	if (!as_json)
		json_writer_done(&json);
	else if (output_json_end(&json) < 0)
		r = COMMAND_FAILED;
	return r;
}

/* ---- info -------------------------------------------------------------------- */

/* The plugin's own options before those that all of its kind have: they are what one looks for. */
static void plugins_show_section(const struct tally_plugin *plugin, enum plan_kind kind)
{
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(kind, plugin, NULL, NULL, targets);
	printf("\n[%s.%s]\n", plan_kind_name(kind), plugin->name);
	for (size_t i = n; i-- > 0;) {
		const struct tally_option *option = targets[i].options;
		for (; option && option->name; option++) {
			char scratch[PLAN_FALLBACK_SIZE], words[PLUGINS_WORDS_SIZE];
			const char *fallback = plan_fallback(kind, plugin, option, scratch);
			describe_option(option, words, sizeof(words));
			printf("  %s%s%s  (%s%s)\n      %s\n", option->name, fallback ? " = " : "",
			       fallback ? fallback : "", words,
			       option->flags & TALLY_OPT_REQUIRED ? ", required" : "",
			       option->help);
		}
	}
}

static void plugins_show_metrics(const struct tally_plugin *plugin)
{
	const struct tally_metric *metric = plugin->metrics;
	if (metric && metric->name)
		printf("\nmetrics\n");
	for (; metric && metric->name; metric++) {
		char name[PLUGINS_WORDS_SIZE];
		metrics_declared_name(plugin->name, metric, name, sizeof(name));
		printf("  %s%s%s%s\n      %s\n", name, metric->labels ? "{" : "",
		       metric->labels ? metric->labels : "", metric->labels ? "}" : "",
		       metric->help);
	}
}

static void plugins_show_table(const struct tally_table *table)
{
	printf("\ntable %s (%s%s): %s\n", table->name, describe_table_kind(table->kind),
	       table->flags & TALLY_KEPT_LONG ? ", kept long" : "", table->help ? table->help : "");
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		printf("  %-20s %-5s %-8s %-8s %s\n", column->name,
		       describe_column_type(column->type), describe_column_role(column->role),
		       column->unit ? column->unit : "", column->help ? column->help : "");
	}
}

static int plugins_info(struct registry *registry, const char *name, bool as_json)
{
	const struct tally_plugin *plugin;
	struct error error;
	char kind[PLUGINS_WORDS_SIZE];
	if (registry_plugin(registry, name, &plugin, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return COMMAND_CONFIG;
	}
	if (as_json) {
		struct json_writer json;
		output_json_begin(&json);
		plugins_json(&json, registry, plugin, true);
		return output_json_end(&json) < 0 ? COMMAND_FAILED : COMMAND_OK;
	}
	describe_plugin(plugin, kind, sizeof(kind));
	printf("%s %s (%s): %s\nplugin ABI %u.%u, %s\n", plugin->name, plugin->version, kind,
	       plugin->help, plugin->abi_major, plugin->abi_minor, registry_path(registry, plugin));
	for (enum plan_kind k = PLAN_INPUT; k <= PLAN_OUTPUT; k++) {
		if (plan_kind_fits(k, plugin))
			plugins_show_section(plugin, k);
	}
	for (const struct tally_table *const *table = plugin->tables; table && *table; table++)
		plugins_show_table(*table);
	plugins_show_metrics(plugin);
	return COMMAND_OK;
}

/* ---- check ------------------------------------------------------------------- */

/* One section of nothing but defaults, and what create() says to it. */
struct plugins_try {
	struct registry *registry;
	const struct tally_plugin *plugin;
	struct bindings *bindings;
	struct problems problems;
};

/* Pretends that whatever a reference names is there: the plugin is tried alone. */
static int plugins_bind(void *arg, const struct tally_option *option, const char *name, void **ret,
			struct error *error)
{
	*ret = binding_slot(arg, (enum tally_option_type)option->type, name);
	return *ret ? 0 : error_set(error, ENOMEM, "out of memory");
}

/* The option without which no section is complete; NULL: there is none. */
static const char *plugins_required(const struct tally_plugin *plugin)
{
	for (const struct tally_option *o = plugin->options; o && o->name; o++)
		if ((o->flags & TALLY_OPT_REQUIRED) && (!o->fallback || !*o->fallback))
			return o->name;
	return NULL;
}

/* With an empty section, as a newcomer would begin.  Where an option is required, that alone would
 * be the problem found, so no instance is made. */
static void plugins_try_kind(struct plugins_try *try, enum plan_kind kind)
{
	const struct tally_plugin *plugin = try->plugin;
	const char *path = registry_path(try->registry, plugin);
	const char *taken = plan_taken_option(kind, plugin);
	struct config *config;
	char text[PLUGINS_WORDS_SIZE];
	int len = snprintf(text, sizeof(text), "[%s.%s]\n", plan_kind_name(kind), plugin->name);
	if (taken)
		problems_add(&try->problems, path, 0,
			     "declares the option %s, which the core reserves", taken);
	if (taken || plugins_required(plugin) ||
	    config_parse(path, text, (size_t)len, &config, &try->problems) < 0)
		return;
	struct arena arena = {0};
	struct plan_instance instance = {.name = config->sections[0].name,
					 .kind = kind,
					 .section = &config->sections[0],
					 .plugin = plugin,
					 .config = arena_alloc(&arena, plugin->config_size + 1)};
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(kind, plugin, &instance.common, instance.config, targets);
	/* The last are the plugin's own; the core's are known to be sound. */
	if (instance.config &&
	    options_parse(instance.section, &targets[n - 1], 1, plugins_bind, try->bindings,
			  &instance.options, &try->problems) == 0) {
		const struct dry_run_settings settings = {.registry = try->registry};
		const struct plan plan = {.globals = {.host = "localhost", .state_dir = "."},
					  .instances = &instance,
					  .n_instances = 1};
		dry_run_plan(&plan, &settings, &try->problems);
		options_destroy(instance.options);
	}
	arena_done(&arena);
	config_destroy(config);
}

/* Prints the problems and returns how many there are.  Every kind that the plugin can be is tried,
 * since each has options of its own which its names may clash with. */
static size_t plugins_try_all(struct registry *registry, const struct tally_plugin *plugin)
{
	struct plugins_try try = {
		.registry = registry, .plugin = plugin, .bindings = bindings_create()};
	problems_init(&try.problems);
	if (!try.bindings)
		problems_add(&try.problems, NULL, 0, "out of memory");
	for (enum plan_kind k = PLAN_INPUT; try.bindings && k <= PLAN_OUTPUT; k++) {
		if (plan_kind_fits(k, plugin))
			plugins_try_kind(&try, k);
	}
	for (size_t i = 0; i < try.problems.n; i++)
		fprintf(stderr, "%s\n", try.problems.texts[i]);
	size_t n = problems_count(&try.problems);
	problems_done(&try.problems);
	bindings_destroy(try.bindings);
	return n;
}

/* For authors: everything that loading, the declaration and a first create() can show without a
 * configuration. */
static int plugins_check(struct registry *registry, const char *path)
{
	const struct tally_plugin *plugin;
	struct error error;
	char kind[PLUGINS_WORDS_SIZE];
	if (registry_file(registry, path, &plugin, &error) < 0) {
		fprintf(stderr, "%s\n", error.text);
		return COMMAND_CONFIG;
	}
	if (plugins_try_all(registry, plugin) > 0)
		return COMMAND_CONFIG;
	const char *required = plugins_required(plugin);
	describe_plugin(plugin, kind, sizeof(kind));
	printf("ok: %s %s (%s), plugin ABI %u.%u%s%s%s\n", plugin->name, plugin->version, kind,
	       plugin->abi_major, plugin->abi_minor,
	       required ? "; no instance made, since it requires " : "", required ? required : "",
	       required ? " (use tallyd check)" : "");
	return COMMAND_OK;
}

/* ---- The command ------------------------------------------------------------- */

int command_plugins(const struct command_line *line)
{
	const char *verb = line->verb->name;
	bool json = command_value(line, "json") != NULL;
	int r;
	if (strcmp(verb, "new") == 0)
		return plugins_new(line);
	if (strcmp(verb, "test") == 0)
		return plugins_test(line);
	struct registry *registry = checked_registry(line);
	if (!registry)
		return plugins_out_of_memory();
	if (strcmp(verb, "list") == 0)
		r = plugins_list(registry, json);
	else if (strcmp(verb, "info") == 0)
		r = plugins_info(registry, line->argv[1], json);
	else
		r = plugins_check(registry, line->argv[1]);
	registry_destroy(registry);
	return r;
}
