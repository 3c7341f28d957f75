/*
 * The lists of what the daemon runs: plans, buffers, instances.  A plan stays as long as anything
 * is made from it; order means nothing in the others, so the last takes the place of what goes.
 *
 * Main thread only, like all of the daemon; called by daemon.c when it starts and ends, and by
 * reload.c.
 */
#include "runtime/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In front, since the first is the newest and that is the one in effect. */
int daemon_add_plan(struct daemon *daemon, struct plan *plan)
{
	struct daemon_plan *added = malloc(sizeof(*added));
	if (!added)
		return -ENOMEM;
	*added = (struct daemon_plan){daemon->plans, plan};
	daemon->plans = added;
	return 0;
}

static bool daemon_plan_has(const struct plan *plan, const struct plan_instance *instance)
{
	return instance >= plan->instances && instance < plan->instances + plan->n_instances;
}

/* By address: an instance points into the plan that it was made from, and into the one that is
 * in effect. */
static bool daemon_plan_used(const struct daemon *daemon, const struct plan *plan)
{
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (daemon_plan_has(plan, instance_origin(daemon->instances[i])) ||
		    daemon_plan_has(plan, instance_plan(daemon->instances[i])))
			return true;
	for (size_t i = 0; i < daemon->n_buffers; i++)
		if (daemon_plan_has(plan, buffer_origin(daemon->buffers[i])) ||
		    daemon_plan_has(plan, buffer_plan(daemon->buffers[i])))
			return true;
	return false;
}

/* The newest always stays, since it is the configuration that the next reload is compared with. */
void daemon_forget_plans(struct daemon *daemon)
{
	struct daemon_plan **link = &daemon->plans;
	while (*link) {
		struct daemon_plan *plan = *link;
		if (plan == daemon->plans || daemon_plan_used(daemon, plan->plan)) {
			link = &plan->older;
			continue;
		}
		*link = plan->older;
		plan_destroy(plan->plan);
		free(plan);
	}
}

/* Counted only when it was made, so that a failure leaves the list as it was. */
int daemon_add_buffer(struct daemon *daemon, const struct plan_instance *plan, struct error *error)
{
	const struct buffer_setup setup = {plan, &daemon->services, daemon->positions};
	struct buffer **grown =
		reallocarray(daemon->buffers, daemon->n_buffers + 1, sizeof(struct buffer *));
	if (!grown)
		return error_set(error, ENOMEM, "%s: out of memory", plan->name);
	daemon->buffers = grown;
	int r = buffer_create(&setup, &grown[daemon->n_buffers], error);
	if (r == 0)
		daemon->n_buffers++;
	return r;
}

/* The journal is looked up by name among the running buffers, not in the plan: a buffer survives
 * reloads. */
int daemon_add_instance(struct daemon *daemon, const struct plan *plan,
			const struct plan_instance *instance, struct error *error)
{
	struct buffer *buffer =
		instance->buffer ? daemon_find_buffer(daemon, instance->buffer->name) : NULL;
	const struct instance_setup setup = {.plan = plan,
					     .instance = instance,
					     .services = &daemon->services,
					     .bindings = daemon->bindings,
					     .journal = buffer ? buffer_journal(buffer) : NULL};
	struct instance **grown =
		reallocarray(daemon->instances, daemon->n_instances + 1, sizeof(struct instance *));
	if (!grown)
		return error_set(error, ENOMEM, "%s: out of memory", instance->name);
	daemon->instances = grown;
	int r = instance_create(&setup, &grown[daemon->n_instances], error);
	if (r == 0)
		daemon->n_instances++;
	return r;
}

struct buffer *daemon_take_buffer(struct daemon *daemon, size_t i)
{
	struct buffer *buffer = daemon->buffers[i];
	daemon->buffers[i] = daemon->buffers[--daemon->n_buffers];
	return buffer;
}

void daemon_remove_instance(struct daemon *daemon, struct instance *instance)
{
	size_t i = 0;
	while (daemon->instances[i] != instance)
		i++;
	daemon->instances[i] = daemon->instances[--daemon->n_instances];
	instance_destroy(instance);
}

struct buffer *daemon_find_buffer(const struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < daemon->n_buffers; i++)
		if (strcmp(buffer_plan(daemon->buffers[i])->name, name) == 0)
			return daemon->buffers[i];
	return NULL;
}

struct instance *daemon_find_instance(const struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (strcmp(instance_plan(daemon->instances[i])->name, name) == 0)
			return daemon->instances[i];
	return NULL;
}

/* Series are announced when routing changes, so that each pair of input and output has its
 * series before the first row. */
int daemon_route(struct daemon *daemon)
{
	struct journal **journals = calloc(daemon->n_buffers + 1, sizeof(struct journal *));
	if (!journals)
		return -ENOMEM;
	for (size_t i = 0; i < daemon->n_buffers; i++)
		journals[i] = buffer_journal(daemon->buffers[i]);
	int r = router_set(daemon->services.router, journals, daemon->n_buffers);
	free(journals);
	for (size_t i = 0; i < daemon->n_instances && r == 0; i++) {
		const struct plan_instance *plan = instance_plan(daemon->instances[i]);
		if (plan->kind == PLAN_INPUT)
			router_announce(daemon->services.router, plan->name,
					instance_tables(daemon->instances[i]));
	}
	return r;
}

void daemon_wake(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_buffers; i++)
		if (buffer_journal(daemon->buffers[i]))
			journal_wake(buffer_journal(daemon->buffers[i]));
}
