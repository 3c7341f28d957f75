/*
 * One configured input or output while it runs: the plugin's self, its host and a thread of its own
 * that starts it (backing off while that fails), lets it work, and stops it.  All functions are the
 * main thread's, but instance_up(), instance_tried() and instance_done(), which are anybody's.
 *
 * Stopping has two steps.  instance_stop() asks: inputs and services stop at once, an output that
 * writes goes on until nothing is waiting for it or its drain deadline has passed.  Then
 * instance_wake(), again and again until instance_done(): it cuts short whoever is late.
 */
#ifndef TALLYD_CORE_INSTANCE_H
#define TALLYD_CORE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "instance/binding.h"
#include "instance/plugin_api.h"
#include "pipeline/journal.h"
#include "instance/plan.h"
#include "process/trouble.h"

struct instance;

/* All borrowed, for as long as the instance lives. */
struct instance_setup {
	const struct plan *plan;              /* whose inputs' tables an output prepares for */
	const struct plan_instance *instance; /* what it is made from */
	const struct plugin_services *services;
	struct bindings *bindings;
	struct journal *journal; /* of an output that writes, else NULL */
};

/* Calls the plugin's create(); an output is attached to its journal from here on, so that rows wait
 * for it even while it cannot start. */
int instance_create(const struct instance_setup *setup, struct instance **ret, struct error *error);
int instance_start(struct instance *instance, struct error *error);

/* drain_deadline: monotonic ns; may be called again with an earlier one. */
void instance_stop(struct instance *instance, int64_t drain_deadline);
void instance_wake(struct instance *instance);
bool instance_done(const struct instance *instance);
/* An input that a blocked buffer has been passed over with is stopped and begins anew where its
 * position is, so that the buffer gets these rows too.  False: it does not have to. */
bool instance_begin_anew(struct instance *instance);
bool instance_is_passed_over(const struct instance *instance);
bool instance_asked_to_stop(const struct instance *instance);

/* Done, or never started.  Detaches an output from its journal. */
void instance_destroy(struct instance *instance);

/* Takes a new configuration while running.  -ENOTSUP: the plugin cannot, restart it. */
int instance_reconfigure(struct instance *instance, const struct plan_instance *fresh,
			 struct error *error);

const struct plan_instance *instance_plan(const struct instance *instance); /* in effect now */
/* What an input emits (plugin_api_tables()). */
const struct tally_table *const *instance_tables(const struct instance *instance);
const struct plan_instance *instance_origin(const struct instance *instance); /* made from */
bool instance_up(const struct instance *instance);
bool instance_tried(const struct instance *instance);       /* start() has returned once */
uint64_t instance_waiting(const struct instance *instance); /* rows; of an output that writes */
/* What is wrong with it now; false: nothing that is known. */
bool instance_trouble(struct instance *instance, struct trouble_state *ret);
/* Puts that into its metric; each second. */
void instance_count_trouble(struct instance *instance);
/* Says what holds it up: the plugin's function that it is in, and for how long. */
void instance_describe_call(const struct instance *instance, char *ret, size_t size);

#endif
