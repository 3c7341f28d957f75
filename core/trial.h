/*
 * What only a plugin can say about its configuration (an address that is none, two options that do
 * not go together) it says in create(), which does no I/O.  So each instance of a plan is made once
 * and unmade, before anything is started or, on a reload, stopped.  Main thread.
 */
#ifndef TALLYD_CORE_TRIAL_H
#define TALLYD_CORE_TRIAL_H

#include "plan.h"
#include "registry.h"
#include "util/problems.h"

/* before: what is the same there was tried then; NULL: nothing was.  Every problem is added. */
void trial_plan(const struct plan *plan, const struct plan *before, struct registry *registry,
		struct problems *problems);

#endif
