#include "trial.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "host_metrics.h"
#include "reason.h"

struct trial {
	struct host_services services; /* of nobody else */
	pthread_rwlock_t registry_lock;
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

static void trial_instance(struct trial *trial, const struct plan_instance *plan)
{
	const struct tally_plugin *plugin = plan->plugin;
	struct host *host = NULL;
	struct error error;
	void *self = NULL;
	int r = host_create(&trial->services, plugin, plan->name, 0, &host, &error);
	if (r == 0 && plugin->create) {
		r = PLUGIN_CALL(plugin->create(host_ctx(host), plan->config, &self));
		r = r < 0 ? reason_explain(r, &error) : 0;
	}
	if (r < 0)
		trial_add(trial, plan, error.text);
	else if (self && plugin->destroy)
		PLUGIN_CALL(plugin->destroy(self));
	host_destroy(host);
}

static bool trial_was_made(const struct plan *before, const struct plan_instance *plan)
{
	const struct plan_instance *same = before ? plan_find(before, plan->name) : NULL;
	return same && plan_instance_equal(same, plan);
}

void trial_plan(const struct plan *plan, const struct plan *before, struct registry *registry,
		struct problems *problems)
{
	struct trial trial = {.services = {.metrics = metrics_create(),
					   .registry = registry,
					   .registry_lock = &trial.registry_lock,
					   .machine = plan->globals.host,
					   .state_dir = plan->globals.state_dir,
					   .writer = "trial"},
			      .problems = problems};
	pthread_rwlock_init(&trial.registry_lock, NULL);
	if (!trial.services.metrics)
		problems_add(problems, NULL, 0, "out of memory");
	for (size_t i = 0; trial.services.metrics && i < plan->n_instances; i++)
		if (!trial_was_made(before, &plan->instances[i]))
			trial_instance(&trial, &plan->instances[i]);
	metrics_destroy(trial.services.metrics);
	pthread_rwlock_destroy(&trial.registry_lock);
}
