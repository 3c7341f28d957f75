/*
 * What only a plugin can say about its configuration (an address that is none, two options that do
 * not go together) it says in create(), which does no I/O.  So each instance of a plan is made once
 * and unmade, in a child that may crash or hang.  Main thread, while there is no other: on a reload
 * it is the child of reload_check.c that does this.
 */
#ifndef TALLYD_CORE_DRY_RUN_H
#define TALLYD_CORE_DRY_RUN_H

#include <stdbool.h>

#include "instance/plan.h"
#include "plugin/registry.h"
#include "config/problems.h"

struct dry_run_settings {
	struct registry *registry;
	bool thorough; /* also by the plugins' check(): are the files there that they need? */
	bool rights;   /* of what check() finds, only files that the daemon has no right to */
};

/* Every problem is added.  -ECANCELED: told to stop meanwhile; -errno: it could not be done. */
int dry_run_plan(const struct plan *plan, const struct dry_run_settings *settings,
		 struct problems *problems);

#endif
