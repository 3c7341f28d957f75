/*
 * The daemon as one plugin instance sees it: what stands behind the wrappers of tallyd/host.h. Made
 * before the instance and gone after it.  plugin_api_stop() from any thread; the rest from the
 * thread that owns the instance.
 */
#ifndef TALLYD_CORE_PLUGIN_API_H
#define TALLYD_CORE_PLUGIN_API_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <tallyd/host.h>

#include "instance/binding.h"
#include "instance/host_name.h"
#include "pipeline/delivery.h"
#include "process/metrics.h"
#include "config/options.h"
#include "plugin/pin.h"
#include "plugin/registry.h"
#include "pipeline/router.h"
#include "base/error.h"

/* What all instances share; outlives them. */
struct plugin_services {
	struct metrics *metrics;
	struct router *router;
	struct registry *registry;
	pthread_rwlock_t *registry_lock; /* written while a reload loads plugins */
	const char *hostname, *state_dir, *producer;
	/* Where an input tells the name if hostname is only a container's id; NULL: hostname is it.
	 */
	struct host_name *host_name;
	/* Takes what is emitted instead of the router, for `once`; NULL: the router. */
	int (*emit)(void *arg, const char *input, struct tally_batch *batch);
	void *emit_arg;
};

struct api;

/*
 * plugin: borrowed.  interval: as ctx->interval.
 *
 * A thread that a plugin has left running may use its ctx after the instance is gone.  So
 * plugin_api_destroy() closes a host and keeps the struct itself, for the last PLUGIN_API_KEPT_GONE
 * that went: what such a thread asks for is refused and logged.  A thread that is inside a call
 * and does not come out keeps all of the host: see plugin_api_any_stuck().
 */
enum { PLUGIN_API_KEPT_GONE = 4096 };
int plugin_api_create(const struct plugin_services *services, const struct tally_plugin *plugin,
		      const char *name, int64_t interval, struct api **ret, struct error *error);
void plugin_api_destroy(struct api *api);
struct tally_ctx *plugin_api_ctx(struct api *api);

/* The batches it makes keep what they may point to: the plan it was made from and this one, which
 * is in effect from now on, and the one before.  Main thread.  -ENOMEM: as it was. */
int plugin_api_pin(struct api *api, struct plan *plan);

/* Is a thread still inside a call of a host that was destroyed?  Then what the hosts share, their
 * services, must not go either. */
bool plugin_api_any_stuck(void);
/* What its input emits, NULL at the end: what the plugin declares, and what the instance has
 * declared itself.  NULL: none are known.  Valid as long as the host; main thread or the
 * instance's. */
const struct tally_table *const *plugin_api_tables(const struct api *api);
/* What its secrets are read by; as long as the host.  NULL: it has none. */
void plugin_api_set_options(struct api *api, const struct options *options);
/* Called on the input's thread about once a second while a buffer takes none of its rows. */
void plugin_api_set_waiting(struct api *api, void (*waiting)(void *arg), void *arg);
/* Has a blocked buffer not got rows of this input that another one has?  Then it should begin anew,
 * to read them again.  Asking forgets it. */
bool plugin_api_take_passed_over(struct api *api);
bool plugin_api_is_passed_over(const struct api *api);

/* Where rejected rows go while this output delivers; NULL: nowhere. */
void plugin_api_set_delivery(struct api *api, struct delivery *delivery);

void plugin_api_stop(struct api *api);   /* tally_stopping() from now on */
void plugin_api_resume(struct api *api); /* no longer; by the instance's own thread */
bool plugin_api_stopping(const struct api *api);
bool plugin_api_sleep(struct api *api, int64_t ns); /* as tally_sleep() */

#endif
