/*
 * `tallyd backup FILE` and `tallyd restore FILE`: the plugin of an output does them, by its
 * commands of these names.  Here: which output; which small files of the state directory belong to
 * its rows; and for restore that no daemon runs.  Main thread.
 *
 * A plugin that is told the verb alone says whether it has it, and does nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/checked.h"
#include "commands/command.h"
#include "commands/db.h"
#include "runtime/state_dir.h"

enum { BACKUP_FILES_MOST = 1000 };

struct backup {
	struct db db;
	char *words[BACKUP_FILES_MOST + 5]; /* the verb, FILE, options, names of files */
	int n, first_file;
};

/* ---- Which output ------------------------------------------------------------------- */

/* -ENOSYS: it cannot, and error says what to do instead. */
static int backup_probe(struct backup *backup, const struct plan_instance *instance,
			struct error *error)
{
	backup->db.command.argc = 1;
	backup->db.command.argv = backup->words;
	int r = db_call(&backup->db, instance, error);
	return r == -EINVAL ? -ENOSYS : r;
}

/* COMMAND_OK: db.only names the one. */
static int backup_choose(struct backup *backup)
{
	const char *verb = backup->words[0], *wanted = backup->db.only;
	const struct plan *plan = backup->db.checked.plan;
	struct error why = {.text = ""};
	const char *found = NULL, *cannot = NULL;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (instance->kind != PLAN_OUTPUT || !instance->plugin->command ||
		    !checked_names(wanted, instance))
			continue;
		if (backup_probe(backup, instance, &why) == -ENOSYS) {
			cannot = instance->name;
			continue;
		}
		if (found) {
			fprintf(stderr, "tallyd %s: which one, %s or %s? tallyd %s FILE INSTANCE\n",
				verb, found, instance->name, verb);
			return COMMAND_USAGE;
		}
		found = instance->name;
	}
	backup->db.only = found;
	if (found)
		return COMMAND_OK;
	if (cannot)
		fprintf(stderr, "tallyd %s: %s: %s\n", verb, cannot, why.text);
	else
		fprintf(stderr, "tallyd %s: no %s with a database is configured\n", verb,
			wanted ? wanted : "output");
	return COMMAND_FAILED;
}

/* ---- The state directory -------------------------------------------------------------- */

/* Where inputs resume, and what instances keep of before (input.docker_status.rows).  Not: locks,
 * the producer's id, databases and spools, dead letters, and what is just being written. */
static bool backup_is_state(const char *name)
{
	static const char *const others[] = {".new", ".damaged", ".ndjson"};
	const char *end = strrchr(name, '.');
	for (size_t i = 0; end && i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(end, others[i]) == 0)
			return false;
	return strcmp(name, "positions") == 0 || strncmp(name, "input.", 6) == 0 ||
	       strncmp(name, "output.", 7) == 0;
}

static bool backup_is_file(const char *dir, const char *name)
{
	char path[4096];
	struct stat st;
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name);
	return len > 0 && (size_t)len < sizeof(path) && lstat(path, &st) == 0 &&
	       S_ISREG(st.st_mode);
}

/* A folder that is not there has none. */
static int backup_list(struct backup *backup)
{
	const char *dir = backup->db.checked.plan->globals.state_dir;
	const struct dirent *entry;
	DIR *folder = opendir(dir);
	int r = COMMAND_OK;
	backup->first_file = backup->n;
	if (!folder && errno == ENOENT)
		return COMMAND_OK;
	if (!folder) {
		fprintf(stderr, "tallyd %s: state_dir %s: %s\n", backup->words[0], dir,
			strerror(errno));
		return COMMAND_FAILED;
	}
	while (r == COMMAND_OK && (entry = readdir(folder))) {
		if (!backup_is_state(entry->d_name) || !backup_is_file(dir, entry->d_name))
			continue;
		char *name = backup->n < backup->first_file + BACKUP_FILES_MOST
				     ? strdup(entry->d_name)
				     : NULL;
		if (name)
			backup->words[backup->n++] = name;
		else
			r = COMMAND_FAILED;
	}
	if (r != COMMAND_OK)
		fprintf(stderr, "tallyd %s: state_dir %s: too many files, or no memory\n",
			backup->words[0], dir);
	closedir(folder);
	return r;
}

/* ---- Both -------------------------------------------------------------------------------- */

static int backup_work(struct backup *backup)
{
	int exit_code = backup_list(backup);
	if (exit_code == COMMAND_OK) {
		backup->db.command.argc = backup->n;
		backup->db.command.argv = backup->words;
		exit_code = db_run(&backup->db, backup->db.checked.plan);
	}
	while (backup->n > backup->first_file)
		free(backup->words[--backup->n]);
	return exit_code;
}

static int backup_command(const struct command_line *line, char *verb, int (*work)(struct backup *))
{
	static char force[] = "--force", json[] = "--json", store_only[] = "--store-only";
	struct backup backup = {.words = {verb, line->argv[0]}, .n = 2};
	backup.db.only = line->argc > 1 ? line->argv[1] : NULL;
	backup.db.json = command_value(line, "json") != NULL;
	int exit_code = db_begin(line, &backup.db);
	if (exit_code != COMMAND_OK)
		return exit_code;
	if (command_value(line, "force"))
		backup.words[backup.n++] = force;
	if (backup.db.json)
		backup.words[backup.n++] = json;
	if (command_value(line, "store-only"))
		backup.words[backup.n++] = store_only;
	exit_code = backup_choose(&backup);
	if (exit_code == COMMAND_OK)
		exit_code = work(&backup);
	db_end(&backup.db);
	return exit_code;
}

int command_backup(const struct command_line *line)
{
	char verb[] = "backup";
	return backup_command(line, verb, backup_work);
}

/* ---- restore -------------------------------------------------------------------------------- */

/* What another user makes there the daemon could not write any more. */
static bool restore_is_owner(const char *state_dir)
{
	struct stat st;
	if (stat(state_dir, &st) < 0 || st.st_uid == geteuid())
		return true;
	const struct passwd *owner = getpwuid(st.st_uid);
	fprintf(stderr,
		"tallyd restore: state_dir %s belongs to %s: run it as that user (sudo -u %s "
		"tallyd restore …)\n",
		state_dir, owner ? owner->pw_name : "another user",
		owner ? owner->pw_name : "USER");
	return false;
}

static int restore_work(struct backup *backup)
{
	const char *dir = backup->db.checked.plan->globals.state_dir;
	struct state_dir state;
	struct error error;
	if (!restore_is_owner(dir))
		return COMMAND_FAILED;
	int r = state_dir_open(dir, &state, &error);
	if (r < 0) {
		fprintf(stderr, "tallyd restore: %s%s\n",
			r == -EBUSY ? "stop the daemon first: " : "", error.text);
		return COMMAND_FAILED;
	}
	int exit_code = backup_work(backup);
	state_dir_close(&state);
	return exit_code;
}

int command_restore(const struct command_line *line)
{
	char verb[] = "restore";
	return backup_command(line, verb, restore_work);
}
