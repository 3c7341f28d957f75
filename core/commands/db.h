/* What the files of `tallyd db` share. */
#ifndef TALLYD_CORE_COMMANDS_DB_H
#define TALLYD_CORE_COMMANDS_DB_H

#include <pthread.h>

#include "commands/command.h"
#include "instance/plan.h"
#include "instance/plugin_api.h"

struct db {
	struct plugin_services services;
	pthread_rwlock_t registry_lock;
	const char *only; /* an instance's name; NULL: all */
	bool json;
	struct tally_command command;
};

enum { DB_NOTHING = -1 }; /* the instance cannot do that, and need not */

/* db->command for one instance.  What the plugin returned, */
int db_call(struct db *db, const struct plan_instance *plan, struct error *error);
int db_exit(int r); /* as an exit code, or DB_NOTHING. */
/* Both, and says on stderr what failed. */
int db_instance(struct db *db, const struct plan_instance *plan);

/* db_copy.c: from and to name instances; NULL: not given. */
int db_copy(struct db *db, const struct plan *plan, const char *from, const char *to);

#endif
