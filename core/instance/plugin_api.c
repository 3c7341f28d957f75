/*
 * The daemon as a plugin sees it: one struct tally_host for all, and one api for each instance,
 * made before it and destroyed after it by the thread that owns the instance.  Errors, messages and
 * time are here, a line or two each; see plugin_api_parts.h for the rest.  A plugin's reason is
 * kept per thread, so that it also crosses from a store to the instance that queries it.
 */
#include "instance/plugin_api_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "instance/plan.h"
#include "base/clock.h"
#include "instance/plugin_metrics.h"
#include "plugin/reason.h"
#include "process/log.h"

/* ---- Errors and messages ---- */

static void plugin_api_report(struct tally_ctx *ctx, int error, const char *fmt, va_list ap)
{
	(void)ctx;
	reason_vset(error, fmt ? fmt : "(no reason)", ap);
}

static const char *plugin_api_reason_text(struct tally_ctx *ctx)
{
	(void)ctx;
	return reason_last()->text;
}

static void plugin_api_report_text(struct tally_ctx *ctx, int error, const char *text, size_t len)
{
	struct error said;
	(void)ctx;
	int max = len < sizeof(said.text) ? (int)len : (int)sizeof(said.text);
	error_set(&said, error, "%.*s", max, text ? text : "");
	reason_restore(&said);
}

/* A level that a plugin of another version made up is brought to the nearest known one, so that
 * its message is not lost. */
static int plugin_api_level(int level)
{
	return level < TALLY_ERROR ? TALLY_ERROR : level > TALLY_DEBUG ? TALLY_DEBUG : level;
}

static void plugin_api_log_text(struct tally_ctx *ctx, int level, const char *text, size_t len)
{
	log_text(plugin_api_level(level), ctx->name, text ? text : "", text ? len : 0);
}

static void plugin_api_log(struct tally_ctx *ctx, int level, const char *fmt, va_list ap)
{
	log_vmessage(plugin_api_level(level), ctx->name, fmt ? fmt : "(no text)", ap);
}

/* ---- Time and stopping ---- */

static bool plugin_api_ctx_stopping(const struct tally_ctx *ctx)
{
	return plugin_api_stopping(plugin_api_of(ctx));
}

static bool plugin_api_cancelled(void *api)
{
	return plugin_api_stopping(api);
}

void plugin_api_set_waiting(struct api *api, void (*waiting)(void *arg), void *arg)
{
	api->waiting = waiting;
	api->waiting_arg = arg;
}

static void plugin_api_waits(void *arg)
{
	const struct api *api = arg;
	if (api->waiting)
		api->waiting(api->waiting_arg);
}

/* A follower begins anew also for rows without a position: it emits them once more when it runs
 * again, while an input that gathers never would. */
static void plugin_api_passed_over(void *arg, bool again)
{
	struct api *api = arg;
	const struct tally_input *input = api->plugin->input;
	if (again || (input && input->run))
		atomic_store(&api->passed_over, true);
}

bool plugin_api_take_passed_over(struct api *api)
{
	return atomic_exchange(&api->passed_over, false);
}

bool plugin_api_is_passed_over(const struct api *api)
{
	return atomic_load(&api->passed_over);
}

/* A thread that outlives its instance gets a descriptor that is readable for ever, so that its
 * poll() returns and it finds out. */
static int plugin_api_stop_fd(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_enter(ctx);
	int fd = api ? api->stop_fd : plugin_api_gone_stop_fd();
	if (api)
		plugin_api_leave(api);
	return fd;
}

static bool plugin_api_ctx_sleep(struct tally_ctx *ctx, int64_t ns)
{
	struct api *api = plugin_api_enter(ctx);
	bool stopping = !api || plugin_api_sleep(api, ns);
	if (api)
		plugin_api_leave(api);
	return stopping;
}

static int64_t plugin_api_now(const struct tally_ctx *ctx)
{
	(void)ctx;
	return clock_now();
}

static int64_t plugin_api_monotonic(const struct tally_ctx *ctx)
{
	(void)ctx;
	return clock_monotonic();
}

static const struct tally_host plugin_api_vtable = {
	.size = sizeof(struct tally_host),
	.version = TALLYD_VERSION,
	.log = plugin_api_log,
	.report = plugin_api_report,
	.log_text = plugin_api_log_text,
	.report_text = plugin_api_report_text,
	.reason = plugin_api_reason_text,
	.stopping = plugin_api_ctx_stopping,
	.stop_fd = plugin_api_stop_fd,
	.sleep = plugin_api_ctx_sleep,
	.now = plugin_api_now,
	.monotonic = plugin_api_monotonic,
	.batch_new = plugin_api_batch_new,
	.batch_row = plugin_api_batch_row,
	.batch_copy = plugin_api_batch_copy,
	.batch_adopt = plugin_api_batch_adopt,
	.batch_keep = plugin_api_batch_keep,
	.batch_drop = plugin_api_batch_drop,
	.batch_bytes = plugin_api_batch_bytes,
	.batch_encode = plugin_api_batch_encode,
	.batch_decode = plugin_api_batch_decode,
	.emit = plugin_api_emit,
	.position = plugin_api_position,
	.reject_row = plugin_api_reject_row,
	.reject_entry = plugin_api_reject_entry,
	.count = plugin_api_count,
	.gauge = plugin_api_gauge,
	.samples = plugin_api_samples,
	.query = plugin_api_query,
	.store_tables = plugin_api_store_tables,
	.cache_get = plugin_api_cache_get,
	.cache_set = plugin_api_cache_set,
	.cache_subscribe = plugin_api_cache_subscribe,
	.secret = plugin_api_secret,
	.must_flush = plugin_api_must_flush,
	.declare = plugin_api_declare,
	.safe_position = plugin_api_safe_position,
	.hostname = plugin_api_hostname,
	.wants_hostname = plugin_api_wants_hostname,
	.tell_hostname = plugin_api_tell_hostname,
	.tables = plugin_api_each_table,
};

void plugin_api_set_options(struct api *api, const struct options *options)
{
	atomic_store(&api->options, options);
}

/* ---- Making one ---- */

/* Allocated once and kept after the instance is gone (plugin_api_gone.h), so that a thread which
 * outlives it finds a closed gate and not freed memory. */
int plugin_api_create(const struct plugin_services *services, const struct tally_plugin *plugin,
		      const char *name, int64_t interval, struct api **ret, struct error *error)
{
	struct api *api = calloc(1, sizeof(*api));
	if (!api)
		return error_set(error, ENOMEM, "out of memory");
	api->services = services;
	api->plugin = plugin;
	api->ctx = (struct tally_ctx){.size = sizeof(struct tally_ctx),
				      .host = &plugin_api_vtable,
				      .name = plugin_api_for_ever(name),
				      .hostname = plugin_api_for_ever(services->hostname),
				      .state_dir = plugin_api_for_ever(services->state_dir),
				      .producer = plugin_api_for_ever(services->producer),
				      .interval = interval};
	api->from = (struct router_source){.input = api->ctx.name,
					   .cancelled = plugin_api_cancelled,
					   .waiting = plugin_api_waits,
					   .passed_over = plugin_api_passed_over,
					   .arg = api};
	pthread_mutex_init(&api->pin_lock, NULL);
	api->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = api->stop_fd < 0 ? -errno : 0;
	if (r == 0)
		r = plugin_metrics_create(services->metrics, plugin, name, &api->metrics,
					  &api->n_metrics);
	if (r < 0) {
		plugin_api_destroy(api);
		return error_set(error, -r, "%s", strerror(-r));
	}
	*ret = api;
	return 0;
}

/* Its pin_lock, name and flags stay, as they are looked at before anything else. */
void plugin_api_destroy(struct api *api)
{
	if (!api)
		return;
	plugin_api_stop(api);
	if (!plugin_api_gate_close(&api->gate, clock_monotonic() + PLUGIN_API_LEAVE_TIMEOUT)) {
		log_message(TALLY_ERROR, api->ctx.name,
			    "plugin bug: one of its threads is still inside a call to the daemon "
			    "although the instance was stopped");
		plugin_api_gone_stuck();
		return;
	}
	pin_drop(api->pin);
	api->pin = NULL;
	if (api->stop_fd >= 0)
		close(api->stop_fd);
	api->stop_fd = -1;
	plugin_api_tables_done(api);
	free(api->metrics);
	api->metrics = NULL;
	api->n_metrics = 0;
	free(plugin_api_gone_keep(api));
}

/* A reload swaps the pin while other threads of the plugin make batches: each batch keeps the
 * one that it saw. */
int plugin_api_pin(struct api *api, struct plan *plan)
{
	const struct pin_plans *old = api->pin ? pin_plans(api->pin) : NULL;
	const struct pin_plans plans = {.origin = plan_keep(old ? old->origin : plan),
					.plan = plan_keep(plan),
					.before = plan_keep(old ? old->plan : NULL)};
	struct pin *pin = pin_create(api->ctx.name, &plans, plan_destroy);
	if (!pin) {
		plan_destroy(plans.origin);
		plan_destroy(plans.plan);
		plan_destroy(plans.before);
		return -ENOMEM;
	}
	pthread_mutex_lock(&api->pin_lock);
	struct pin *before = api->pin;
	api->pin = pin;
	pthread_mutex_unlock(&api->pin_lock);
	pin_drop(before);
	return 0;
}

struct tally_ctx *plugin_api_ctx(struct api *api)
{
	return &api->ctx;
}

void plugin_api_set_delivery(struct api *api, struct delivery *delivery)
{
	api->delivery = delivery;
}
