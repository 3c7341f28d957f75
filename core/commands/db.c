/*
 * `tallyd db migrate|status|check|confirm-clock|refresh|copy`: hands the words to the instances of
 * the configuration whose plugin has a command for them.  Nothing else is started.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json_reader.h"
#include "commands/arguments.h"
#include "commands/checked.h"
#include "commands/db.h"
#include "commands/output.h"
#include "process/crash.h"
#include "plugin/reason.h"

enum { DB_WORDS = 8 };

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

/* ---- For programs ---- */

/* Runs the command with stdout in a file of memory, and gives its lines: what plugins print is the
 * contract with them, and any plugin has it. */
static int db_capture(struct db *db, const struct plan_instance *plan, FILE **ret_lines,
		      struct error *error)
{
	fflush(stdout);
	int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int memory = memfd_create("tallyd db", MFD_CLOEXEC);
	FILE *lines = memory < 0 ? NULL : fdopen(memory, "r");
	if (kept < 0 || !lines) {
		int r = error_set(error, errno, "no memory for what it prints: %s",
				  strerror(errno));
		if (memory >= 0 && !lines)
			close(memory);
		if (lines)
			fclose(lines);
		if (kept >= 0)
			close(kept);
		return r;
	}
	dup2(memory, STDOUT_FILENO);
	int r = db_call(db, plan, error);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	lseek(memory, 0, SEEK_SET);
	*ret_lines = lines;
	return r;
}

/* "! table x: …" is a problem, "  table y" is none; an object is one for programs already. */
static void db_json_line(struct json_writer *json, char *line, size_t len)
{
	bool problem = line[0] == '!';
	while (len > 0 && strchr("\r\n", line[len - 1]))
		len--;
	if (line[0] == '{' && json_check(line, len)) {
		json_write_json(json, line, len);
		return;
	}
	size_t skip = problem ? 1 : 0;
	while (skip < len && line[skip] == ' ')
		skip++;
	json_begin_object(json);
	json_write_key(json, "problem");
	json_write_bool(json, problem);
	json_write_key(json, "text");
	json_write_text(json, line + skip, len - skip);
	json_end_object(json);
}

static int db_instance_json(struct db *db, const struct plan_instance *plan,
			    struct json_writer *json)
{
	FILE *lines = NULL;
	struct error error = {.text = ""};
	auto_free char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int r = db_capture(db, plan, &lines, &error);
	if (r != -ENOSYS) {
		json_begin_object(json);
		json_write_key(json, "instance");
		json_write_string(json, plan->name);
		json_write_key(json, "ok");
		json_write_bool(json, r == 0);
		json_write_key(json, "error");
		json_write_string(json, r < 0 ? error.text : NULL);
		json_write_key(json, "lines");
		json_begin_array(json);
		while (lines && (len = getline(&line, &size, lines)) > 0)
			db_json_line(json, line, (size_t)len);
		json_end_array(json);
		json_end_object(json);
	}
	if (lines)
		fclose(lines);
	return db_exit(r);
}

/* ---- All instances ---- */

/* A failure outweighs a finding: the exit code says the worst that happened. */
int db_run(struct db *db, const struct plan *plan)
{
	struct json_writer json;
	int exit_code = COMMAND_OK;
	size_t n = 0;
	output_json_begin(&json);
	json_begin_array(&json);
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (instance->kind == PLAN_INPUT || !instance->plugin->command ||
		    !checked_names(db->only, instance))
			continue;
		int found = db->json ? db_instance_json(db, instance, &json)
				     : db_instance(db, instance);
		if (found == DB_NOTHING)
			continue;
		n++;
		if (exit_code != COMMAND_FAILED && found != COMMAND_OK)
			exit_code = found;
	}
	json_end_array(&json);
	if (!db->json)
		json_writer_done(&json);
	else if (output_json_end(&json) < 0)
		exit_code = COMMAND_FAILED;
	if (n)
		return exit_code;
	fprintf(stderr, "tallyd db: no %s with a database is configured\n",
		db->only ? db->only : "output");
	return COMMAND_FAILED;
}

/* What the plugin is told: the verb, what has no brackets in its arguments, its options.  The word
 * after those names an instance. */
static int db_words(const struct command_line *line, char **words)
{
	int n = 1 + arguments_count(line->verb->arguments).least;
	for (int i = 0; i < n; i++)
		words[i] = line->argv[i];
	return n;
}

int db_begin(const struct command_line *line, struct db *db)
{
	int exit_code = checked_create(line, false, &db->checked);
	if (exit_code != COMMAND_OK)
		return exit_code;
	const struct plan *plan = db->checked.plan;
	/* There is no other thread, but plugin_services are not complete without their lock. */
	pthread_rwlock_init(&db->registry_lock, NULL);
	db->services = (struct plugin_services){.metrics = metrics_create(),
						.registry = db->checked.registry,
						.registry_lock = &db->registry_lock,
						.hostname = plan->globals.host,
						.state_dir = plan->globals.state_dir,
						.producer = "db"};
	if (db->services.metrics)
		db_declare(db, plan);
	db->tables = db_tables(db, plan);
	db->command = (struct tally_command){.size = sizeof(db->command), .tables = db->tables};
	if (db->tables && db->services.metrics)
		return COMMAND_OK;
	fprintf(stderr, "tallyd %s: out of memory\n", line->command->name);
	db_end(db);
	return COMMAND_FAILED;
}

void db_end(struct db *db)
{
	metrics_destroy(db->services.metrics);
	pthread_rwlock_destroy(&db->registry_lock);
	free(db->tables);
	checked_destroy(&db->checked);
}

int command_db(const struct command_line *line)
{
	char *words[DB_WORDS];
	int n = db_words(line, words);
	/* A word of its own: a plugin that does not know it does nothing, and not everything. */
	char dry_run[] = "dry-run", json[] = "--json";
	if (command_value(line, dry_run))
		words[0] = dry_run;
	struct db db = {.only = line->argc > n ? line->argv[n] : NULL,
			.json = command_value(line, "json") != NULL};
	int exit_code = db_begin(line, &db);
	if (exit_code != COMMAND_OK)
		return exit_code;
	if (db.json)
		words[n++] = json;
	db.command.argc = n;
	db.command.argv = words;
	exit_code = strcmp(words[0], "copy") == 0
			    ? db_copy(&db, db.checked.plan, command_value(line, "from"),
				      command_value(line, "to"))
			    : db_run(&db, db.checked.plan);
	db_end(&db);
	return exit_code;
}
