/*
 * Each instance is one step of a child (isolate.h): made, unmade, and, if that is asked for, looked
 * over by its plugin's check().  What a child says, or how it ends, is a problem of the section.
 */
#include "instance/dry_run.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/option_value.h"
#include "instance/plugin_api.h"
#include "instance/plugin_metrics.h"
#include "plugin/isolate.h"
#include "process/log.h"
#include "plugin/reason.h"
#include "base/cleanup.h"

struct dry_run {
	struct plugin_services services; /* of nobody else */
	pthread_rwlock_t registry_lock;
	const struct plan *plan;
	const struct dry_run_settings *settings;
	struct problems *problems;
};

static bool dry_run_is_about(const char *reason, const char *option)
{
	size_t len = strlen(option);
	return strncmp(reason, option, len) == 0 && len > 0 && reason[len] &&
	       strchr(": ,", reason[len]);
}

/* Where the option is set that the reason begins with, as reasons of plugins do; else the section.
 */
static void dry_run_add(struct dry_run *dry_run, const struct plan_instance *plan,
			const char *reason)
{
	const char *file = plan->section->file;
	unsigned line = plan->section->line;
	bool quoted = false;
	for (size_t i = 0; i < plan->options->n; i++) {
		const struct options_value *value = &plan->options->values[i];
		if (!value->file || !dry_run_is_about(reason, value->option->name))
			continue;
		file = value->file;
		line = value->line;
		quoted = option_value_is_quoted(value->text);
	}
	problems_add(dry_run->problems, file, line, "[%s] %s%s", plan->name, reason,
		     quoted ? option_value_unquote : "");
}

/* ---- In the child ---- */

/* At the start a missing file may yet come, as a disk that is mounted late.  A file that is there
 * and not for the daemon's user stays so, and would be an API that never listens, in a service that
 * is said to be active. */
static int dry_run_check(const struct dry_run *dry_run, const struct plan_instance *plan,
			 struct api *api, struct error *error)
{
	const struct tally_plugin *plugin = plan->plugin;
	const struct dry_run_settings *settings = dry_run->settings;
	bool has_check = plugin->size > offsetof(struct tally_plugin, check) && plugin->check;
	if (!has_check || (!settings->thorough && !settings->rights))
		return 0;
	int r = PLUGIN_CALL(plugin->check(plugin_api_ctx(api), plan->config));
	if (r >= 0 || (!settings->thorough && r != -EACCES && r != -EPERM))
		return 0;
	return reason_explain(r, error);
}

/* Rules may be about tables of inputs that other processes run, so the names of all installed
 * plugins are known to their check().  In the child, which forgets them. */
static void dry_run_learn_names(const struct dry_run *dry_run)
{
	static bool done; /* in this child */
	struct registry *registry = dry_run->services.registry;
	auto_free char **names = NULL;
	const struct tally_plugin *plugin;
	struct error error;
	size_t n = 0;
	if (done || registry_available(registry, &names, &n) < 0)
		return;
	done = true;
	for (size_t i = 0; i < n; i++)
		(void)registry_plugin(registry, names[i], &plugin, &error);
}

/* create() and destroy() only, since start() would connect; then check(), which may connect and
 * take its time.  There is no use in asking a plugin about options that it has refused. */
static int dry_run_step(void *arg, size_t i, struct error *error)
{
	struct dry_run *dry_run = arg;
	const struct plan_instance *plan = &dry_run->plan->instances[i];
	const struct tally_plugin *plugin = plan->plugin;
	struct api *api = NULL;
	void *self = NULL;
	log_set_level(TALLY_ERROR); /* only the outcome matters, not what is logged on the way */
	int r = plugin_api_create(&dry_run->services, plugin, plan->name, 0, &api, error);
	if (r == 0 && plugin->create) {
		r = PLUGIN_CALL(plugin->create(plugin_api_ctx(api), plan->config, &self));
		r = r < 0 ? reason_explain(r, error) : 0;
	}
	if (r == 0 && self && plugin->destroy)
		PLUGIN_CALL(plugin->destroy(self));
	if (r == 0 && dry_run->settings->thorough && config_is_rule(plan->section))
		dry_run_learn_names(dry_run);
	if (r == 0)
		r = dry_run_check(dry_run, plan, api, error);
	plugin_api_destroy(api);
	return r;
}

/* ---- In the parent ---- */

/* In the parent, with what the child said or how it ended; a crash is reported with the plugin's
 * file, as the instance's name says nothing about it. */
static void dry_run_failed(void *arg, size_t i, const char *why, bool fault)
{
	struct dry_run *dry_run = arg;
	const struct plan_instance *plan = &dry_run->plan->instances[i];
	char text[sizeof(((struct error *)NULL)->text)];
	if (!fault) {
		dry_run_add(dry_run, plan, why);
		return;
	}
	const char *path = registry_path(dry_run->services.registry, plan->plugin);
	snprintf(text, sizeof(text), "plugin bug in %s: it %s while the instance was created",
		 path ? path : plan->plugin->name, why);
	dry_run_add(dry_run, plan, text);
}

/* With metrics and services of its own, so that nothing of a running daemon is touched. */
int dry_run_plan(const struct plan *plan, const struct dry_run_settings *settings,
		 struct problems *problems)
{
	struct dry_run dry_run = {.services = {.metrics = metrics_create(),
					       .registry = settings->registry,
					       .registry_lock = &dry_run.registry_lock,
					       .hostname = plan->globals.host,
					       .state_dir = plan->globals.state_dir,
					       .producer = "dry_run"},
				  .plan = plan,
				  .settings = settings,
				  .problems = problems};
	const struct isolate what = {.n = plan->n_instances,
				     .step = dry_run_step,
				     .failed = dry_run_failed,
				     .arg = &dry_run};
	pthread_rwlock_init(&dry_run.registry_lock, NULL);
	int r = dry_run.services.metrics ? isolate_run(&what) : -ENOMEM;
	if (r < 0 && r != -ECANCELED)
		problems_add(problems, NULL, 0, "cannot try the instances: %s", strerror(-r));
	metrics_destroy(dry_run.services.metrics);
	pthread_rwlock_destroy(&dry_run.registry_lock);
	return r;
}
