/*
 * Steps that may crash, end the process or never come back, since they run a plugin's code: each
 * runs in a child, and the parent learns what became of it.  Only while the process has one
 * thread.
 */
#ifndef TALLYD_CORE_ISOLATE_H
#define TALLYD_CORE_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct isolate {
	size_t n; /* steps 0 … n-1, in this order, in as few children as it takes */
	/* In the child.  0, or -errno with why in error. */
	int (*step)(void *arg, size_t i, struct error *error);
	/* In the parent, of each that did not end with 0.  fault: it was the end of the child, as
	 * "crashed: Segmentation fault"; else what step() said. */
	void (*failed)(void *arg, size_t i, const char *why, bool fault);
	void *arg;
};

/* -ECANCELED: a SIGTERM or SIGINT is pending, and the rest was not run; -errno: no child can be
 * made. */
int isolate_run(const struct isolate *what);

#endif
