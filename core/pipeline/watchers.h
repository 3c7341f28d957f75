/*
 * Instances that see rows as they pass, without being an output for them: nothing is routed to
 * them, kept for them or counted.  Shown by input threads, several at once; attached and detached
 * by the watching instance's own thread.
 */
#ifndef TALLYD_CORE_WATCHERS_H
#define TALLYD_CORE_WATCHERS_H

#include <tallyd/plugin.h>

struct watchers;

struct watchers *watchers_create(void); /* NULL: no memory */
void watchers_destroy(struct watchers *watchers);

/* name: of the instance, lives for ever.  -ENOMEM. */
int watchers_attach(struct watchers *watchers, const struct tally_watcher *watcher, void *self,
		    const char *name);
/* Not called any more once this returns.  One that is not attached is fine. */
void watchers_detach(struct watchers *watchers, const void *self);
void watchers_show(struct watchers *watchers, const struct tally_batch *batch);

#endif
