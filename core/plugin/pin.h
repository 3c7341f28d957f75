/*
 * What a batch may point to without copying it: the configuration of the instance that made it.
 * Batches outlive instances; so an instance hands each of its batches a reference to a pin, and
 * the pin keeps the plans that its texts lie in until the last reference is gone.  Any thread.
 */
#ifndef TALLYD_CORE_PIN_H
#define TALLYD_CORE_PIN_H

struct plan;
struct pin;

/*
 * One reference, the caller's.  name: of the instance, lives for ever.  origin: the plan it was
 * made from; plan: the one in effect; before: the one that was in effect, which a thread of the
 * plugin's may still be reading.  NULL for each: none.  NULL: no memory.
 */
struct pin_plans {
	struct plan *origin, *plan, *before;
};
/* Takes over a reference to each plan; drop gives one back, also of NULL, and is given here since
 * plans stand above plugins.  NULL: no memory, and the references stay the caller's. */
struct pin *pin_create(const char *name, const struct pin_plans *plans,
		       void (*drop)(struct plan *plan));
struct pin *pin_keep(struct pin *pin); /* NULL is fine */
void pin_drop(struct pin *pin);        /* NULL is fine */
const char *pin_name(const struct pin *pin);
const struct pin_plans *pin_plans(const struct pin *pin);

#endif
