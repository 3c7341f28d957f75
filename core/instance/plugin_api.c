/*
 * One function per entry of struct tally_host, each a line or two; a ctx is the first member of
 * its host.  A plugin's reason is kept per thread, so that it also crosses from a store to the
 * instance that queries it.  What touches anything but the host itself enters it first, so that a
 * thread which outlives its instance is turned away (plugin_api_gone.c).
 */
#include "instance/plugin_api.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "pipeline/batch_check.h"
#include "pipeline/batch_codec.h"
#include "instance/plugin_api_gone.h"
#include "instance/plugin_metrics.h"
#include "process/log.h"
#include "process/process.h"
#include "plugin/reason.h"
#include "base/clock.h"

struct api {
	struct tally_ctx ctx; /* first */
	struct plugin_api_gate gate;
	const struct plugin_services *services;
	const struct tally_plugin *plugin;
	struct router_source from;
	struct delivery *delivery;
	struct metric **metrics; /* as declared */
	uint32_t n_metrics;
	int stop_fd;
	atomic_bool stopping;
	pthread_mutex_t pin_lock; /* guards pin, which a reload changes beside the instance */
	struct pin *pin;
	const struct options *_Atomic options;
	atomic_bool passed_over; /* a blocked buffer lacks rows that are to be read again */
	void (*waiting)(void *arg);
	void *waiting_arg;
};

static struct api *plugin_api_of(const struct tally_ctx *ctx)
{
	return (struct api *)(uintptr_t)ctx;
}

/* For what a plugin asked for wrongly: it gets the reason, and -EINVAL. */
static int plugin_api_refuse(const char *what)
{
	struct error error;
	int r = error_set(&error, EINVAL, "plugin bug: %s", what);
	reason_restore(&error);
	return r;
}

/* NULL: the instance is gone.  Else to be left again. */
static struct api *plugin_api_enter(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_of(ctx);
	if (plugin_api_gate_enter(&api->gate))
		return api;
	log_message(TALLY_ERROR, ctx->name,
		    "plugin bug: one of its threads still calls the daemon although the instance "
		    "is gone");
	struct error error;
	error_set(&error, ECANCELED, "the instance is gone");
	reason_restore(&error);
	return NULL;
}

static void plugin_api_leave(struct api *api)
{
	plugin_api_gate_leave(&api->gate);
}

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

void plugin_api_stop(struct api *api)
{
	if (!atomic_exchange(&api->stopping, true))
		eventfd_write(api->stop_fd, 1);
}

bool plugin_api_stopping(const struct api *api)
{
	return atomic_load(&api->stopping);
}

void plugin_api_resume(struct api *api)
{
	eventfd_t stops;
	atomic_store(&api->stopping, false);
	eventfd_read(api->stop_fd, &stops);
}

bool plugin_api_sleep(struct api *api, int64_t ns)
{
	struct pollfd stop = {.fd = api->stop_fd, .events = POLLIN};
	int64_t deadline = clock_monotonic() + ns;
	while (!plugin_api_stopping(api)) {
		int64_t left = deadline - clock_monotonic();
		if (left <= 0)
			return false;
		struct timespec timeout = clock_timespec(left);
		ppoll(&stop, 1, &timeout, NULL);
	}
	return true;
}

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

/* What a follower emits without a position it tells of anew when it begins anew. */
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

/* ---- Batches ---- */

static struct pin *plugin_api_keep_pin(struct api *api)
{
	pthread_mutex_lock(&api->pin_lock);
	struct pin *pin = pin_keep(api->pin);
	pthread_mutex_unlock(&api->pin_lock);
	return pin;
}

static struct tally_batch *plugin_api_batch_new(struct tally_ctx *ctx,
						const struct tally_table *table)
{
	if (!table || !table->columns || !table->n_columns) {
		plugin_api_refuse("it creates a batch without a table");
		return NULL;
	}
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return NULL;
	struct pin *pin = plugin_api_keep_pin(api);
	struct tally_batch *batch = batch_create_pinned(table, pin);
	pin_drop(pin);
	plugin_api_leave(api);
	return batch;
}

/* Batches outlive their instance, so these do not enter it. */
static struct tally_cell *plugin_api_batch_row(struct tally_ctx *ctx, struct tally_batch *batch)
{
	(void)ctx;
	return batch_row(batch);
}

static const char *plugin_api_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
					 const char *text, size_t len)
{
	(void)ctx;
	return batch_copy(batch, text, len);
}

static int plugin_api_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
				  size_t size, void (*free_fn)(void *memory))
{
	(void)ctx;
	return batch_adopt(batch, memory, size, free_fn);
}

static void plugin_api_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_keep(batch);
}

static void plugin_api_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_drop(batch);
}

static size_t plugin_api_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	return batch_bytes(batch);
}

static int plugin_api_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch,
				   void **ret, size_t *ret_len)
{
	(void)ctx;
	if (!batch || !ret || !ret_len)
		return plugin_api_refuse("it encodes NULL instead of a batch");
	return batch_encode(batch, ret, ret_len);
}

static const struct tally_table *plugin_api_find_table(void *registry, const char *name)
{
	return registry_table(registry, name);
}

static int plugin_api_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
				   struct tally_batch **ret)
{
	if (!bytes || !ret)
		return plugin_api_refuse("it decodes NULL instead of bytes");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct plugin_services *services = api->services;
	struct error error;
	pthread_rwlock_rdlock(services->registry_lock);
	int r = batch_decode(bytes, len, plugin_api_find_table, services->registry, ret, &error);
	pthread_rwlock_unlock(services->registry_lock);
	if (r < 0)
		reason_restore(&error);
	plugin_api_leave(api);
	return r;
}

static bool plugin_api_declares(const struct api *api, const struct tally_table *table)
{
	const struct tally_table *const *at = api->plugin->tables;
	while (at && *at && *at != table)
		at++;
	return at && *at;
}

/* Rows that no thread may be handed stop here. */
static void plugin_api_take_out_wrong(struct api *api, struct tally_batch *batch)
{
	const struct plugin_services *services = api->services;
	struct error error;
	uint32_t wrong = batch_check(batch, &error);
	if (!wrong)
		return;
	log_message(TALLY_ERROR, api->ctx.name, "plugin bug: %u rows dropped: %s", wrong,
		    error.text);
	if (!services->emit)
		router_count_invalid(services->router, &api->from, batch->table, wrong);
}

static int plugin_api_emit_checked(struct api *api, struct tally_batch *batch, const char *source,
				   const char *position)
{
	const struct plugin_services *services = api->services;
	if (!plugin_api_declares(api, batch->table)) {
		/* Nobody has checked it; an output that cannot take it would wait for ever. */
		struct error error;
		error_set(&error, EINVAL, "it emits rows of %s, which it does not declare",
			  batch->table->name ? batch->table->name : "a table without a name");
		reason_restore(&error);
		batch_drop(batch);
		return -EINVAL;
	}
	plugin_api_take_out_wrong(api, batch);
	if (services->emit)
		return services->emit(services->emit_arg, api->ctx.name, batch);
	struct error before = *reason_last(); /* buffers and watchers are called meanwhile */
	int r = router_emit(services->router, &api->from, batch, source, position);
	reason_restore(&before);
	return r;
}

static int plugin_api_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
			   const char *position)
{
	if (!batch)
		return plugin_api_refuse("it emits NULL instead of a batch");
	struct api *api = plugin_api_enter(ctx);
	if (!api) {
		batch_drop(batch);
		return -ECANCELED;
	}
	struct pin *pin = plugin_api_keep_pin(api);
	int r = batch_seal(batch, pin);
	pin_drop(pin);
	if (r == 0)
		r = plugin_api_emit_checked(api, batch, source, position);
	else
		plugin_api_refuse("it emits a batch that it no longer owns");
	plugin_api_leave(api);
	return r;
}

static const int64_t plugin_api_ask_again = CLOCK_SECOND / 20;

static int plugin_api_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	if (!source || !ret || !size)
		return plugin_api_refuse("it asks for a position without a source");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct plugin_services *services = api->services;
	int r = -ENOENT;
	do
		if (!services->emit)
			r = router_position(services->router, api->plugin->tables, source, ret,
					    size);
	while (r == -EAGAIN && !plugin_api_sleep(api, plugin_api_ask_again));
	plugin_api_leave(api);
	return r == -EAGAIN ? -ECANCELED : r;
}

static void plugin_api_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch,
				  uint32_t row, const char *why)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	if (api->delivery)
		delivery_reject_row(api->delivery, batch, row, why ? why : "no reason given");
	plugin_api_leave(api);
}

static void plugin_api_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
				    const char *why)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	if (api->delivery && entry && why)
		delivery_reject_entry(api->delivery, entry, why);
	plugin_api_leave(api);
}

static bool plugin_api_must_flush(const struct tally_ctx *ctx)
{
	struct api *api = plugin_api_enter(ctx);
	bool flush = api && api->delivery && delivery_must_flush(api->delivery);
	if (api)
		plugin_api_leave(api);
	return flush;
}

/* ---- Counting ---- */

/* NULL: there is none of that kind, or the instance is gone; else the host is to be left. */
static struct metric *plugin_api_metric(struct api *api, uint32_t metric, uint32_t kind)
{
	if (metric >= api->n_metrics)
		log_message(TALLY_ERROR, api->ctx.name,
			    "plugin bug: it counts metric %u but declares %u metrics", metric,
			    api->n_metrics);
	else if (api->plugin->metrics[metric].kind != kind)
		log_message(TALLY_ERROR, api->ctx.name, "plugin bug: metric %s is %s",
			    api->plugin->metrics[metric].name,
			    kind == TALLY_METRIC_GAUGE ? "a counter, but it sets it"
						       : "a gauge, but it adds to it");
	else
		return api->metrics[metric];
	return NULL;
}

static void plugin_api_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	struct metric *counter = plugin_api_metric(api, metric, TALLY_METRIC_COUNTER);
	if (counter)
		metric_add(counter, n);
	plugin_api_leave(api);
}

static void plugin_api_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return;
	struct metric *gauge = plugin_api_metric(api, metric, TALLY_METRIC_GAUGE);
	if (gauge)
		metric_set(gauge, value);
	plugin_api_leave(api);
}

static int plugin_api_log_samples(tally_sample_fn *each, void *arg)
{
	int r = 0;
	for (int level = TALLY_ERROR; level <= TALLY_DEBUG && r == 0; level++) {
		char labels[32];
		snprintf(labels, sizeof(labels), "level=\"%s\"", log_level_name(level));
		struct tally_sample sample = {
			.name = "tallyd_log_messages_total",
			.labels = labels,
			.help = "Messages logged, including suppressed repetitions.",
			.kind = TALLY_METRIC_COUNTER,
			.value = (double)log_counted(level)};
		r = each(arg, &sample);
	}
	return r;
}

static int plugin_api_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	if (!each)
		return plugin_api_refuse("it reads metrics without a callback");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	int r = metrics_each(api->services->metrics, each, arg);
	if (r == 0)
		r = plugin_api_log_samples(each, arg);
	if (r == 0)
		r = process_samples(each, arg);
	plugin_api_leave(api);
	return r;
}

/* ---- Other instances ---- */

/* Another plugin was called in between.  What it said is the reason if it failed; if not, what this
 * one had said before still is. */
static int plugin_api_nested(int r, const struct error *before, const struct error *error)
{
	if (r >= 0)
		reason_restore(before);
	else if (error->text[0])
		reason_restore(error);
	return r;
}

static int plugin_api_query(struct tally_ctx *ctx, struct tally_store *store,
			    const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	if (!query || !rows)
		return plugin_api_refuse("it queries a store without a query");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_query(store, query, rows, arg, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

static int plugin_api_store_tables(struct tally_ctx *ctx, struct tally_store *store,
				   tally_table_fn *each, void *arg)
{
	if (!each)
		return plugin_api_refuse("it lists tables without a callback");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_tables(store, each, arg, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

static int plugin_api_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
				struct tally_blob *ret)
{
	if (!key || !ret)
		return plugin_api_refuse("it reads from a cache without a key");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_get(cache, key, ret, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

static int plugin_api_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
				const void *data, size_t len, int64_t ttl_ns)
{
	if (!key || (!data && len))
		return plugin_api_refuse("it writes to a cache without a key or a value");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_set(cache, key, data, len, ttl_ns, &error), &before,
				  &error);
	plugin_api_leave(api);
	return r;
}

static int plugin_api_cache_follow(struct tally_ctx *ctx, struct tally_cache *cache,
				   const char *const *channels, int stop_fd,
				   tally_message_fn *message, void *arg)
{
	if (!channels || !message)
		return plugin_api_refuse("it subscribes to no channels");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	const struct binding_subscription what = {channels, stop_fd, message, arg};
	struct error before = *reason_last(), error = {0};
	int r = plugin_api_nested(binding_subscribe(cache, &what, &error), &before, &error);
	plugin_api_leave(api);
	return r;
}

void plugin_api_set_options(struct api *api, const struct options *options)
{
	atomic_store(&api->options, options);
}

static int plugin_api_secret_of(struct api *api, const char *option, char **ret)
{
	const struct options *options = atomic_load(&api->options);
	struct error error;
	if (!options)
		return 0;
	int r = options_secret(options, option, ret, &error);
	if (r == 0 || r == -ENOMEM)
		return r;
	log_message(TALLY_WARNING, api->ctx.name, "%s_file: %s; using the value read before",
		    option, error.text);
	const char *text = options_find(options, option)->text;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int plugin_api_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	if (!option || !ret)
		return plugin_api_refuse("it asks for a secret without a name");
	struct api *api = plugin_api_enter(ctx);
	if (!api)
		return -ECANCELED;
	int r = plugin_api_secret_of(api, option, ret);
	plugin_api_leave(api);
	return r;
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
	.cache_subscribe = plugin_api_cache_follow,
	.secret = plugin_api_secret,
	.must_flush = plugin_api_must_flush,
};

/* ---- Making one ---- */

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
	if (!plugin_api_gate_close(&api->gate, clock_monotonic() + HOST_LEAVE_TIMEOUT)) {
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
	free(api->metrics);
	api->metrics = NULL;
	api->n_metrics = 0;
	free(plugin_api_gone_keep(api));
}

int plugin_api_pin(struct api *api, struct plan *plan)
{
	const struct pin_plans *old = api->pin ? pin_plans(api->pin) : NULL;
	const struct pin_plans plans = {
		.origin = old ? old->origin : plan, .plan = plan, .before = old ? old->plan : NULL};
	struct pin *pin = pin_create(api->ctx.name, &plans);
	if (!pin)
		return -ENOMEM;
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
