/*
 * The daemon as one plugin instance sees it: what stands behind the wrappers of tallyd/host.h. Made
 * before the instance and gone after it.  host_stop() from any thread; the rest from the thread
 * that owns the instance.
 */
#ifndef TALLYD_CORE_HOST_H
#define TALLYD_CORE_HOST_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tallyd/host.h>

#include "capability.h"
#include "delivery.h"
#include "metrics.h"
#include "options.h"
#include "pin.h"
#include "registry.h"
#include "router.h"
#include "base/error.h"

/* What all instances share; outlives them. */
struct host_services {
	struct metrics *metrics;
	struct router *router;
	struct registry *registry;
	pthread_rwlock_t *registry_lock; /* written while a reload loads plugins */
	const char *machine, *state_dir, *writer;
	/* Takes what is emitted instead of the router, for `once`; NULL: the router. */
	int (*emit)(void *arg, const char *input, struct tally_batch *batch);
	void *emit_arg;
};

struct host;

/*
 * plugin: borrowed.  interval: as ctx->interval.
 *
 * A thread that a plugin has left running may use its ctx after the instance is gone.  So
 * host_destroy() closes a host and keeps the struct itself, for the last HOST_KEPT_GONE that went:
 * what such a thread asks for is refused, and told.  A thread that is inside a call and does not
 * come out keeps all of the host: see host_any_stuck().
 */
enum { HOST_KEPT_GONE = 4096 };
int host_create(const struct host_services *services, const struct tally_plugin *plugin,
		const char *name, int64_t interval, struct host **ret, struct error *error);
void host_destroy(struct host *host);
struct tally_ctx *host_ctx(struct host *host);

/* The batches it makes keep what they may point to: the plan it was made from and this one, which
 * is in effect from now on, and the one before.  Main thread.  -ENOMEM: as it was. */
int host_pin(struct host *host, struct plan *plan);

/* Is a thread still inside a call of a host that was destroyed?  Then what the hosts share, their
 * services, must not go either. */
bool host_any_stuck(void);
/* What its secrets are read by; as long as the host.  NULL: it has none. */
void host_set_options(struct host *host, const struct options *options);
/* Called on the input's thread about once a second while a buffer takes none of its rows. */
void host_set_waiting(struct host *host, void (*waiting)(void *arg), void *arg);
/* Has a blocked buffer not got rows of this input that another one has?  Then it should begin anew,
 * to read them again.  Asking forgets it. */
bool host_take_passed_over(struct host *host);
bool host_is_passed_over(const struct host *host);

/* Where rejected rows go while this output delivers; NULL: nowhere. */
void host_set_delivery(struct host *host, struct delivery *delivery);

void host_stop(struct host *host);   /* tally_stopping() from now on */
void host_resume(struct host *host); /* no longer; by the instance's own thread */
bool host_stopping(const struct host *host);
bool host_sleep(struct host *host, int64_t ns); /* as tally_sleep() */

#endif
