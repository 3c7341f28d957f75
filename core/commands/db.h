/* What the files of `tallyd db` share. */
#ifndef TALLYD_CORE_COMMANDS_DB_H
#define TALLYD_CORE_COMMANDS_DB_H

#include <pthread.h>

#include "commands/checked.h"
#include "commands/command.h"
#include "instance/plan.h"
#include "instance/plugin_api.h"

struct db {
	struct checked checked;
	struct plugin_services services;
	pthread_rwlock_t registry_lock;
	const char *only; /* an instance's name; NULL: all */
	bool json;
	const struct tally_table **tables;
	struct tally_command command;
};

enum { DB_NOTHING = -1 }; /* the instance cannot do that, and need not */

/* Reads the configuration and makes what a plugin's ctx needs; its problems are printed. */
int db_begin(const struct command_line *line, struct db *db);
void db_end(struct db *db);
/* db->command for the instances of db->only. */
int db_run(struct db *db, const struct plan *plan);

/* db->command for one instance.  What the plugin returned, */
int db_call(struct db *db, const struct plan_instance *plan, struct error *error);
int db_exit(int r); /* as an exit code, or DB_NOTHING. */
/* Both, and says on stderr what failed. */
int db_instance(struct db *db, const struct plan_instance *plan);

/* db_copy.c: from and to name instances; NULL: not given. */
int db_copy(struct db *db, const struct plan *plan, const char *from, const char *to);

#endif
