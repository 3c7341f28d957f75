/*
 * Asks some of the daemon's instances to stop and waits until they have, with an eye on signals and
 * chores.  A TERM or INT meanwhile ends the patience with outputs that drain.  Main thread only.
 */
#ifndef TALLYD_CORE_FAREWELL_H
#define TALLYD_CORE_FAREWELL_H

#include "daemon.h"

typedef bool farewell_pick_fn(const void *arg, const struct instance *instance);

struct farewell {
	struct daemon *daemon;
	farewell_pick_fn *pick; /* who is meant */
	const void *arg;
	int64_t drain_deadline; /* monotonic ns; moved to now by a signal */
	bool hurried;           /* by a signal */
};

/* How long after its drain deadline an instance may take to come back from a call. */
extern const int64_t farewell_grace;

/* False: not all are done at drain_deadline + grace; who is not has been told in the log. */
bool farewell_wait(struct farewell *farewell);

#endif
