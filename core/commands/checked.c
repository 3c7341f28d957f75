/*
 * The common beginning of `check`, `config`, `db` and `once` (`plugins` needs the registry only):
 * configuration → registry → plan → dry run, on the main thread of a process that does nothing
 * else.  Every problem goes to stderr, as plain lines and not through the log, since a person or
 * reload_check.c reads them.
 *
 * Plugins are tried in a child process first (registry_isolate()), because one that crashes while
 * it is loaded should be a line of the result and not the end of the command.
 */
#include "commands/checked.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "instance/dry_run.h"

/* From the folders that [tallyd] names, or else the default ones.  Mistakes in that section are
 * swallowed here: plan_create() reads it again and reports them. */
static struct registry *checked_registry_of(const struct config *config)
{
	struct problems ignored;
	struct plan_globals globals;
	struct options *options;
	struct registry *registry;
	problems_init(&ignored);
	if (config && plan_read_globals(config, &globals, &options, &ignored) == 0) {
		registry = registry_create(globals.plugin_dir);
		options_destroy(options);
	} else {
		char dirs[PATH_MAX];
		registry_default_dirs(dirs, sizeof(dirs));
		registry = registry_create(dirs);
	}
	problems_done(&ignored);
	return registry;
}

/* Goes on after a mistake in the text, so that one run shows everything that is wrong.  Plugins are
 * not asked about a plan with problems: half of what they would say follows from those. */
static void checked_plan(const struct command_line *line, bool thorough, struct checked *checked,
			 struct problems *problems)
{
	struct config *config = NULL;
	(void)config_read(line->config_path, &config, problems);
	if (!config)
		return;
	checked->registry =
		line->plugin_dir ? registry_create(line->plugin_dir) : checked_registry_of(config);
	checked->bindings = bindings_create();
	if (!checked->registry || !checked->bindings) {
		config_destroy(config);
		problems_add(problems, NULL, 0, "out of memory");
		return;
	}
	registry_isolate(checked->registry);
	if (plan_create(config, checked->registry, binding_slot, checked->bindings, &checked->plan,
			problems) < 0)
		checked->plan = NULL;
	else if (!problems_count(problems))
		dry_run_plan(checked->plan,
			     &(const struct dry_run_settings){.registry = checked->registry,
							      .thorough = thorough},
			     problems);
}

int checked_create_quietly(const struct command_line *line, bool thorough,
			   struct problems *problems, struct checked *ret)
{
	struct checked checked = {0};
	checked_plan(line, thorough, &checked, problems);
	int r = problems_count(problems) ? COMMAND_CONFIG : COMMAND_OK;
	if (r == COMMAND_OK)
		*ret = checked;
	else
		checked_destroy(&checked);
	return r;
}

/* Problems go to stderr in the order in which they were found, which is that of the files. */
int checked_create(const struct command_line *line, bool thorough, struct checked *ret)
{
	struct problems problems;
	problems_init(&problems);
	int r = checked_create_quietly(line, thorough, &problems, ret);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.texts[i]);
	if (problems.lost)
		fprintf(stderr, "%zu more problems (out of memory)\n", problems.lost);
	problems_done(&problems);
	return r;
}

void checked_destroy(struct checked *checked)
{
	plan_destroy(checked->plan);
	registry_destroy(checked->registry);
	bindings_destroy(checked->bindings);
}

bool checked_names(const char *word, const struct plan_instance *instance)
{
	return !word || strcmp(word, instance->name) == 0 ||
	       strcmp(word, strchr(instance->name, '.') + 1) == 0;
}

static struct registry *checked_isolated(struct registry *registry)
{
	if (registry)
		registry_isolate(registry);
	return registry;
}

/* For commands that need plugins and no valid configuration, such as the one that helps to write
 * it. */
struct registry *checked_registry(const struct command_line *line)
{
	struct problems ignored;
	struct config *config = NULL;
	if (line->plugin_dir)
		return checked_isolated(registry_create(line->plugin_dir));
	problems_init(&ignored);
	(void)config_read(line->config_path, &config, &ignored);
	struct registry *registry = checked_registry_of(config);
	config_destroy(config);
	problems_done(&ignored);
	return checked_isolated(registry);
}
