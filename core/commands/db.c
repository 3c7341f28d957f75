/*
 * `tallyd db migrate|status|check|confirm-clock|refresh`: hands the words to the instances of the
 * configuration whose plugin has a command for them.  Nothing else is started.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/checked.h"
#include "commands/command.h"
#include "process/crash.h"
#include "instance/plugin_api.h"
#include "plugin/reason.h"

struct db {
	struct plugin_services services;
	pthread_rwlock_t registry_lock;
	const char *only; /* an instance's name; NULL: all */
	struct tally_command command;
};

enum { DB_NOTHING = -1 }; /* the instance cannot do that, and need not */

/* Lets the inputs whose plugin declares no table say in create() which their configuration names;
 * they are then in the registry.  Without one that fails the others' tables are made. */
static void db_declare(struct db *db, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		const struct tally_plugin *plugin = instance->plugin;
		struct api *api = NULL;
		struct error error;
		void *self = NULL;
		if (instance->kind != PLAN_INPUT || plugin->tables ||
		    plugin_api_create(&db->services, plugin, instance->name, 0, &api, &error) < 0)
			continue;
		plugin_api_set_options(api, instance->options);
		const char *before = crash_enter(plugin_api_ctx(api)->name);
		int r = PLUGIN_CALL(plugin->create(plugin_api_ctx(api), instance->config, &self));
		if (r == 0 && self)
			PLUGIN_CALL(plugin->destroy(self));
		else if (r < 0)
			reason_explain(r, &error);
		crash_leave(before);
		if (r < 0)
			fprintf(stderr, "%s: %s\n", instance->name, error.text);
		plugin_api_destroy(api);
	}
}

/* What all plugins of the plan emit, NULL at the end; also of instances that the command does not
 * name, since a store makes its schema from all of them. */
static const struct tally_table **db_tables(const struct db *db, const struct plan *plan)
{
	const struct registry *registry = db->services.registry;
	size_t n = 0;
	while (registry_declared(registry, n))
		n++;
	for (size_t i = 0; i < plan->n_instances; i++)
		for (const struct tally_table *const *t = plan->instances[i].plugin->tables;
		     t && *t; t++)
			n++;
	const struct tally_table **tables = calloc(n + 1, sizeof(*tables));
	n = 0;
	for (size_t i = 0; tables && i < plan->n_instances; i++)
		for (const struct tally_table *const *t = plan->instances[i].plugin->tables;
		     t && *t; t++)
			tables[n++] = *t;
	for (size_t i = 0; tables && registry_declared(registry, i); i++)
		tables[n++] = registry_declared(registry, i);
	return tables;
}

/* Makes the ctx only, not the instance: a command must not start what it looks at. */
static int db_instance(struct db *db, const struct plan_instance *plan)
{
	struct api *api = NULL;
	struct error error;
	int r = plugin_api_create(&db->services, plan->plugin, plan->name, 0, &api, &error);
	if (r == 0) {
		printf("%s\n", plan->name);
		plugin_api_set_options(api, plan->options);
		const char *before = crash_enter(plugin_api_ctx(api)->name);
		r = PLUGIN_CALL(
			plan->plugin->command(plugin_api_ctx(api), plan->config, &db->command));
		crash_leave(before);
		if (r == -ENOSYS)
			printf("  does not support %s\n", db->command.argv[0]);
		else if (r < 0)
			reason_explain(r, &error);
	}
	plugin_api_destroy(api);
	fflush(stdout);
	if (r == -ENOSYS)
		return DB_NOTHING;
	if (r < 0)
		fprintf(stderr, "%s: %s\n", plan->name, error.text);
	if (r < 0)
		return COMMAND_FAILED;
	return r > 0 ? COMMAND_WRONG : COMMAND_OK;
}

/* A failure outweighs a finding: the exit code says the worst that happened. */
static int db_run(struct db *db, const struct plan *plan)
{
	int exit_code = COMMAND_OK;
	size_t n = 0;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (!instance->plugin->command || !checked_names(db->only, instance))
			continue;
		int found = db_instance(db, instance);
		if (found == DB_NOTHING)
			continue;
		n++;
		if (exit_code != COMMAND_FAILED && found != COMMAND_OK)
			exit_code = found;
	}
	if (n)
		return exit_code;
	fprintf(stderr, "tallyd db: no %s with a database is configured\n",
		db->only ? db->only : "output");
	return COMMAND_FAILED;
}

/* Checked here and not left to the plugins, or a misspelt verb would be something that each of them
 * does not support. */
static bool db_is_verb(const char *word)
{
	return strcmp(word, "migrate") == 0 || strcmp(word, "status") == 0 ||
	       strcmp(word, "check") == 0 || strcmp(word, "confirm-clock") == 0 ||
	       strcmp(word, "refresh") == 0;
}

/* The words that are the command's own; the one after them names an instance. */
static int db_words(const struct command_line *line)
{
	return line->argc > 0 && strcmp(line->argv[0], "refresh") == 0 ? 3 : 1;
}

int command_db(const struct command_line *line)
{
	int words = db_words(line);
	struct db db = {.command = {.size = sizeof(db.command), .argc = words, .argv = line->argv}};
	struct checked checked;
	if (line->argc < words || line->argc > words + 1 || !db_is_verb(line->argv[0])) {
		fprintf(stderr, "usage: tallyd db migrate|status|check|confirm-clock [INSTANCE]\n"
				"       tallyd db refresh FROM TO [INSTANCE]\n");
		return COMMAND_USAGE;
	}
	db.only = line->argc > words ? line->argv[words] : NULL;
	int exit_code = checked_create(line, false, &checked);
	if (exit_code != COMMAND_OK)
		return exit_code;
	/* There is no other thread, but plugin_services are not complete without their lock. */
	pthread_rwlock_init(&db.registry_lock, NULL);
	db.services = (struct plugin_services){.metrics = metrics_create(),
					       .registry = checked.registry,
					       .registry_lock = &db.registry_lock,
					       .hostname = checked.plan->globals.host,
					       .state_dir = checked.plan->globals.state_dir,
					       .producer = "db"};
	if (db.services.metrics)
		db_declare(&db, checked.plan);
	const struct tally_table **tables = db_tables(&db, checked.plan);
	db.command.tables = tables;
	exit_code = tables && db.services.metrics ? db_run(&db, checked.plan) : COMMAND_FAILED;
	metrics_destroy(db.services.metrics);
	pthread_rwlock_destroy(&db.registry_lock);
	free(tables);
	checked_destroy(&checked);
	return exit_code;
}
