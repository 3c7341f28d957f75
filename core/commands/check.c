/* `tallyd check`: is the configuration right, plugins and references included?  Connects to
 * nothing. */
#include <stdbool.h>
#include <stdio.h>

#include "commands/checked.h"
#include "util/globs.h"

static bool check_is_taken(const struct plan *plan, const char *table)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *output = &plan->instances[i];
		if (output->buffer && globs_match(output->common.tables, table))
			return true;
	}
	return false;
}

/* Not wrong, but hardly what was meant. */
static void check_warn(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		const struct tally_table *const *table = instance->plugin->tables;
		for (; table && *table; table++) {
			if (!check_is_taken(plan, (*table)->name))
				fprintf(stderr, "warning: %s:%u: [%s] no output takes its %s\n",
					instance->section->file, instance->section->line,
					instance->name, (*table)->name);
		}
	}
	if (plan->n_instances == 0)
		fprintf(stderr, "warning: no section is enabled, so there is nothing to do\n");
}

static const char *check_plural(size_t n)
{
	return n == 1 ? "" : "s";
}

int command_check(const struct command_line *line)
{
	struct checked checked;
	if (line->argc > 0) {
		fprintf(stderr, "tallyd check takes no arguments\n");
		return COMMAND_USAGE;
	}
	int r = checked_create(line, &checked);
	if (r != COMMAND_OK)
		return r;
	size_t instances = checked.plan->n_instances, files = checked.plan->config->n_files;
	check_warn(checked.plan);
	printf("ok: %zu instance%s, %zu file%s\n", instances, check_plural(instances), files,
	       check_plural(files));
	checked_destroy(&checked);
	return COMMAND_OK;
}
