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

struct pin {
	atomic_uint references;
	const char *name;
	struct pin_plans plans;
	void (*drop)(struct plan *plan);
};

struct pin *pin_create(const char *name, const struct pin_plans *plans,
		       void (*drop)(struct plan *plan))
{
	struct pin *pin = calloc(1, sizeof(*pin));
	if (!pin)
		return NULL;
	atomic_init(&pin->references, 1);
	pin->name = name;
	pin->plans = *plans;
	pin->drop = drop;
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
	pin->drop(pin->plans.origin);
	pin->drop(pin->plans.plan);
	pin->drop(pin->plans.before);
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
