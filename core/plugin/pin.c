/*
 * A count of references over three others.
 *
 * Dropped on whatever thread drops the last batch, often an output's, long after a reload.  Keeping
 * is relaxed, since whoever keeps has a reference already; dropping is acquire-release, so that the
 * last one sees what the others have written.
 */
#include "plugin/pin.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "instance/plan.h"

struct pin {
	atomic_uint references;
	const char *name;
	struct pin_plans plans;
};

struct pin *pin_create(const char *name, const struct pin_plans *plans)
{
	struct pin *pin = calloc(1, sizeof(*pin));
	if (!pin)
		return NULL;
	atomic_init(&pin->references, 1);
	pin->name = name;
	pin->plans.origin = plan_keep(plans->origin);
	pin->plans.plan = plan_keep(plans->plan);
	pin->plans.before = plan_keep(plans->before);
	return pin;
}

struct pin *pin_keep(struct pin *pin)
{
	if (pin)
		atomic_fetch_add_explicit(&pin->references, 1, memory_order_relaxed);
	return pin;
}

void pin_drop(struct pin *pin)
{
	if (!pin || atomic_fetch_sub_explicit(&pin->references, 1, memory_order_acq_rel) != 1)
		return;
	plan_destroy(pin->plans.origin);
	plan_destroy(pin->plans.plan);
	plan_destroy(pin->plans.before);
	free(pin);
}

const char *pin_name(const struct pin *pin)
{
	return pin->name;
}

const struct pin_plans *pin_plans(const struct pin *pin)
{
	return &pin->plans;
}
