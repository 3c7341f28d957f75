/*
 * From a path to a plan: reads the configuration, finds out where plugins are, checks everything,
 * and asks the plugins.
 * Main thread only.
 */
#ifndef TALLYD_CORE_LOAD_H
#define TALLYD_CORE_LOAD_H

#include <pthread.h>
#include <stdbool.h>

#include "instance/plan.h"
#include "plugin/registry.h"
#include "config/problems.h"

struct load {
	const char *config_path;
	const char *plugin_dir; /* instead of the configured one; NULL: as configured */
	plan_slot_fn *slot;     /* as plan_create() */
	void *slot_arg;
	struct registry *registry;       /* NULL at first: made, and then the caller's */
	pthread_rwlock_t *registry_lock; /* held while plugins are loaded; NULL: nobody reads */
	bool tried; /* its instances were tried elsewhere, in another process */
};

/* -EINVAL on any problem; all are added.  -ECANCELED: told to stop meanwhile. */
int load_plan(struct load *load, struct plan **ret, struct problems *problems);

#endif
