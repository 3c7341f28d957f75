/*
 * What a rule has to know after a restart, in a file of the state directory (state_file.h): the
 * alerts that are not quiet, and the changes that are on their way.  One thread.
 */
#ifndef TALLYD_ALERT_SAVED_H
#define TALLYD_ALERT_SAVED_H

#include <tallyd/host.h>

#include "evaluate/engine.h"
#include "keep/outbox.h"

/* A batch of both, to be written by saved_write() without the engine's lock.  NULL: no memory. */
struct tally_batch *saved_collect(struct tally_ctx *ctx, const struct engine *engine,
				  const struct outbox *outbox);
/* Drops the batch.  0, or what tally_fail() returned. */
int saved_write(struct tally_ctx *ctx, struct tally_batch *batch);

/* Nothing is there at the first start.  -ENOMEM, -ENOSPC: not all of it fits. */
int saved_read(struct tally_ctx *ctx, struct engine *engine, struct outbox *outbox);

#endif
