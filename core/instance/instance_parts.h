/* What instance.c (a life) and instance_work.c (what is done in it) share.  Nobody else's. */
#ifndef TALLYD_CORE_INSTANCE_PARTS_H
#define TALLYD_CORE_INSTANCE_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "instance/instance.h"

struct instance {
	struct instance_setup setup;
	const struct plan_instance *origin; /* what it was made from */
	const struct plan_instance *plan;   /* in effect now; the main thread's */
	const char *name;
	const struct tally_plugin *plugin;
	struct api *api;
	void *self;
	struct delivery *delivery; /* of an output that writes; NULL: it is none */
	struct metric *up, *failing;
	struct call call;       /* of its thread */
	struct trouble trouble; /* starting, gathering or following fails */
	pthread_t thread;
	bool threaded; /* there is a thread to join */
	atomic_bool tried, done, asked;
	atomic_bool again;      /* it is stopped only to begin anew */
	int64_t drain_deadline; /* atomic; 0 until asked */
	pthread_mutex_t lock;   /* guards callable; held over interrupt(), which does not block */
	bool callable;          /* the plugin may be interrupted: it is not being stopped */
};

/* The plugin's part between start() and stop(); returns when stopping, or with why it ended early
 * (negative, and error filled). */
int instance_work(struct instance *instance, struct error *error);

/* Its counters are there from now on, at 0, also while it cannot start. */
void instance_announce(const struct instance *instance);

#endif
