/*
 * A rule on rows of the past: the same engine as for those that pass, with the time that they had.
 * For `tallyd alerts test`; on one thread.
 */
#ifndef TALLYD_ALERT_REPLAY_H
#define TALLYD_ALERT_REPLAY_H

#include "evaluate/engine.h"
#include "past/past.h"

/* engine: what the engine is made with; `now` is of no account.  Rows are read from before `from`
 * on, so that windows are full there; changes before it are not passed on.  What tally_fail()
 * returned, or what change() did. */
int replay_run(struct tally_ctx *ctx, const struct past *past, const struct engine_setup *engine,
	       int64_t from, int64_t to, engine_change_fn *change, void *arg);

#endif
