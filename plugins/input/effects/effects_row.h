/*
 * What was done to a service at one time, which may be several changes, and what became of it: a
 * row of change_effects.  The instance's thread.
 */
#ifndef TALLYD_EFFECTS_ROW_H
#define TALLYD_EFFECTS_ROW_H

#include <tallyd/host.h>

#include "effect/effect.h"

enum { DEPLOYMENT_KINDS = 12 };

/* A change, as it was asked for: in this order, behind the time. */
enum effects_change {
	CHANGE_TIME,
	CHANGE_SERVICE,
	CHANGE_KIND,
	CHANGE_ID,
	CHANGE_BEFORE,
	CHANGE_AFTER,
	CHANGE_PARTS
};

struct deployment {
	int64_t time;
	const struct tally_cell *changes[DEPLOYMENT_KINDS]; /* rows, the image first */
	uint32_t n;
};

/* -ENOMEM. */
int effects_row_add(struct tally_ctx *ctx, struct tally_batch *batch,
		    const struct deployment *deployment, const struct effect *effect,
		    int64_t judged_at);

#endif
