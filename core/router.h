/*
 * Which journals a table's rows go to: each journal once, if any of its readers wants the table.
 * Rebuilt by the main thread on a reload, read by every input thread.
 */
#ifndef TALLYD_CORE_ROUTER_H
#define TALLYD_CORE_ROUTER_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "journal.h"

struct router;

struct router *router_create(struct metrics *metrics);
void router_destroy(struct router *router);

/* Swaps in a new set of journals; returns when nobody uses the old one any more. */
int router_set(struct router *router, struct journal *const *journals, size_t n);

/*
 * Takes over the batch's reference.  Counts rows as collected{input,table}; rows nobody wants as
 * dropped{reason="no_output"}; rows given up while stopping as dropped{reason="shutdown"}.
 */
struct router_source {
	const char *input;
	bool (*cancelled)(void *arg);
	void *arg;
};
int router_emit(struct router *router, const struct router_source *from, struct tally_batch *batch,
		const char *source, const char *position);
int router_position(struct router *router, const char *source, char *ret, size_t size);

#endif
