/*
 * Asks some of the daemon's instances to stop and waits until they have, with an eye on signals and
 * chores.  A TERM or INT meanwhile ends the patience with outputs that drain.  Main thread only.
 */
#ifndef TALLYD_CORE_DRAIN_H
#define TALLYD_CORE_DRAIN_H

#include "runtime/daemon.h"

typedef bool drain_select_fn(const void *arg, const struct instance *instance);

struct drain {
	struct daemon *daemon;
	drain_select_fn *pick; /* is it one of those that are to stop? */
	const void *arg;
	int64_t drain_deadline; /* monotonic ns; moved to now by a signal */
	bool hurried;           /* by a signal */
};

/* How long after its drain deadline an instance may take to come back from a call. */
extern const int64_t drain_grace;

/* False: not all are done at drain_deadline + grace; the log names those that are not. */
bool drain_wait(struct drain *drain);

#endif
