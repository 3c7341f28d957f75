/*
 * A command of `tallyd db` for one instance: what its plugin prints, and why it failed, with the
 * instance's name before it.  On the main thread of a process that runs nothing else.
 */
#include <errno.h>
#include <stdio.h>

#include "commands/db.h"
#include "plugin/reason.h"
#include "process/crash.h"

/* Makes the ctx only, not the instance: a command must not start what it looks at. */
int db_call(struct db *db, const struct plan_instance *plan, struct error *error)
{
	struct api *api = NULL;
	int r = plugin_api_create(&db->services, plan->plugin, plan->name, 0, &api, error);
	if (r < 0)
		return r;
	plugin_api_set_options(api, plan->options);
	const char *before = crash_enter(plugin_api_ctx(api)->name);
	r = PLUGIN_CALL(plan->plugin->command(plugin_api_ctx(api), plan->config, &db->command));
	crash_leave(before);
	if (r < 0)
		reason_explain(r, error);
	plugin_api_destroy(api);
	return r;
}

int db_exit(int r)
{
	if (r == -ENOSYS)
		return DB_NOTHING;
	if (r < 0)
		return COMMAND_FAILED;
	return r > 0 ? COMMAND_WRONG : COMMAND_OK;
}

int db_instance(struct db *db, const struct plan_instance *plan)
{
	struct error error;
	printf("%s\n", plan->name);
	int r = db_call(db, plan, &error);
	if (r == -ENOSYS)
		printf("  does not support %s\n", db->command.argv[0]);
	fflush(stdout);
	if (r < 0 && r != -ENOSYS)
		fprintf(stderr, "%s: %s\n", plan->name, error.text);
	return db_exit(r);
}
