/*
 * One configured buffer while it runs: the plugin's self and the journal around it.  Main thread
 * only; the journal is everybody's.
 */
#ifndef TALLYD_CORE_BUFFER_H
#define TALLYD_CORE_BUFFER_H

#include <stdbool.h>

#include "instance/plugin_api.h"
#include "pipeline/journal.h"
#include "instance/plan.h"

struct buffer;

/* All borrowed, for as long as the buffer lives. */
struct buffer_setup {
	const struct plan_instance *instance;
	const struct plugin_services *services;
	struct positions *positions;
};

int buffer_create(const struct buffer_setup *setup, struct buffer **ret, struct error *error);
/* May be tried again when it fails; then there is a journal. */
int buffer_start(struct buffer *buffer, struct error *error);
void buffer_destroy(struct buffer *buffer); /* stops it; nobody uses the journal any more */

struct journal *buffer_journal(const struct buffer *buffer);

/* What can be changed while running is; says in the log what must wait for a restart. */
void buffer_reconfigure(struct buffer *buffer, const struct plan_instance *fresh);

const struct plan_instance *buffer_plan(const struct buffer *buffer);   /* in effect now */
const struct plan_instance *buffer_origin(const struct buffer *buffer); /* made from */

#endif
