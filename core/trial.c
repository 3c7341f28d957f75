/*
 * Each instance is one step of a child (isolate.h): made, unmade, and, if that is asked for, looked
 * over by its plugin's check().  What a child says, or how it ends, is a problem of the section.
 */
#include "trial.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "host_metrics.h"
#include "isolate.h"
#include "log.h"
#include "reason.h"

struct trial {
	struct host_services services; /* of nobody else */
	pthread_rwlock_t registry_lock;
	const struct plan *plan;
	const struct trial_settings *settings;
	struct problems *problems;
};

static bool trial_is_about(const char *reason, const char *option)
{
	size_t len = strlen(option);
	return strncmp(reason, option, len) == 0 && len > 0 && reason[len] &&
	       strchr(": ,", reason[len]);
}

/* Where the option is set that the reason begins with, as reasons of plugins do; else the section.
 */
static void trial_add(struct trial *trial, const struct plan_instance *plan, const char *reason)
{
	const char *file = plan->section->file;
	unsigned line = plan->section->line;
	for (size_t i = 0; i < plan->options->n; i++) {
		const struct options_value *value = &plan->options->values[i];
		if (!value->file || !trial_is_about(reason, value->option->name))
			continue;
		file = value->file;
		line = value->line;
	}
	problems_add(trial->problems, file, line, "[%s] %s", plan->name, reason);
}

/* ---- In the child ---- */

static bool trial_can_check(const struct tally_plugin *plugin)
{
	return plugin->size > offsetof(struct tally_plugin, check) && plugin->check;
}

static int trial_make(const struct tally_plugin *plugin, const struct plan_instance *plan,
		      struct host *host, struct error *error)
{
	void *self = NULL;
	int r = plugin->create ? PLUGIN_CALL(plugin->create(host_ctx(host), plan->config, &self))
			       : 0;
	if (r < 0)
		return reason_explain(r, error);
	if (self && plugin->destroy)
		PLUGIN_CALL(plugin->destroy(self));
	return 0;
}

static int trial_step(void *arg, size_t i, struct error *error)
{
	struct trial *trial = arg;
	const struct plan_instance *plan = &trial->plan->instances[i];
	const struct tally_plugin *plugin = plan->plugin;
	struct host *host = NULL;
	log_set_level(TALLY_ERROR); /* what is said on the way is not asked for */
	int r = host_create(&trial->services, plugin, plan->name, 0, &host, error);
	if (r == 0)
		r = trial_make(plugin, plan, host, error);
	if (r == 0 && trial->settings->thorough && trial_can_check(plugin)) {
		r = PLUGIN_CALL(plugin->check(host_ctx(host), plan->config));
		r = r < 0 ? reason_explain(r, error) : 0;
	}
	host_destroy(host);
	return r;
}

/* ---- In the parent ---- */

static void trial_failed(void *arg, size_t i, const char *why, bool fault)
{
	struct trial *trial = arg;
	const struct plan_instance *plan = &trial->plan->instances[i];
	char text[sizeof(((struct error *)NULL)->text)];
	if (!fault) {
		trial_add(trial, plan, why);
		return;
	}
	const char *path = registry_path(trial->services.registry, plan->plugin);
	snprintf(text, sizeof(text), "a fault of the plugin %s: it %s while the instance was made",
		 path ? path : plan->plugin->name, why);
	trial_add(trial, plan, text);
}

int trial_plan(const struct plan *plan, const struct trial_settings *settings,
	       struct problems *problems)
{
	struct trial trial = {.services = {.metrics = metrics_create(),
					   .registry = settings->registry,
					   .registry_lock = &trial.registry_lock,
					   .machine = plan->globals.host,
					   .state_dir = plan->globals.state_dir,
					   .writer = "trial"},
			      .plan = plan,
			      .settings = settings,
			      .problems = problems};
	const struct isolate what = {
		.n = plan->n_instances, .step = trial_step, .failed = trial_failed, .arg = &trial};
	pthread_rwlock_init(&trial.registry_lock, NULL);
	int r = trial.services.metrics ? isolate_run(&what) : -ENOMEM;
	if (r < 0 && r != -ECANCELED)
		problems_add(problems, NULL, 0, "instances cannot be tried: %s", strerror(-r));
	metrics_destroy(trial.services.metrics);
	pthread_rwlock_destroy(&trial.registry_lock);
	return r;
}
