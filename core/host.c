/*
 * One function per entry of struct tally_host, each a line or two; a ctx is the first member of
 * its host.  A plugin's reason is kept per thread, so that it also crosses from a store to the
 * instance that queries it.  What touches anything but the host itself enters it first, so that a
 * thread which outlives its instance is turned away (host_gone.c).
 */
#include "host.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "batch.h"
#include "batch_check.h"
#include "batch_codec.h"
#include "host_gone.h"
#include "host_metrics.h"
#include "log.h"
#include "process.h"
#include "reason.h"
#include "base/clock.h"

struct host {
	struct tally_ctx ctx; /* first */
	struct host_gate gate;
	const struct host_services *services;
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

static struct host *host_of(const struct tally_ctx *ctx)
{
	return (struct host *)(uintptr_t)ctx;
}

/* For what a plugin asked for wrongly: it gets the reason, and -EINVAL. */
static int host_refuse(const char *what)
{
	struct error error;
	int r = error_set(&error, EINVAL, "a fault of the plugin: %s", what);
	reason_restore(&error);
	return r;
}

/* NULL: the instance is gone.  Else to be left again. */
static struct host *host_enter(const struct tally_ctx *ctx)
{
	struct host *host = host_of(ctx);
	if (host_gate_enter(&host->gate))
		return host;
	log_message(TALLY_ERROR, ctx->name,
		    "a fault of the plugin: a thread of it still calls the daemon, although the "
		    "instance is gone");
	struct error error;
	error_set(&error, ECANCELED, "the instance is gone");
	reason_restore(&error);
	return NULL;
}

static void host_leave(struct host *host)
{
	host_gate_leave(&host->gate);
}

/* ---- Errors and messages ---- */

static void host_report(struct tally_ctx *ctx, int error, const char *fmt, va_list ap)
{
	(void)ctx;
	reason_vset(error, fmt ? fmt : "(no reason)", ap);
}

static const char *host_reason_text(struct tally_ctx *ctx)
{
	(void)ctx;
	return reason_last()->text;
}

static void host_log(struct tally_ctx *ctx, int level, const char *fmt, va_list ap)
{
	if (level < TALLY_ERROR)
		level = TALLY_ERROR;
	if (level > TALLY_DEBUG)
		level = TALLY_DEBUG;
	log_vmessage(level, ctx->name, fmt ? fmt : "(no text)", ap);
}

/* ---- Time and stopping ---- */

void host_stop(struct host *host)
{
	if (!atomic_exchange(&host->stopping, true))
		eventfd_write(host->stop_fd, 1);
}

bool host_stopping(const struct host *host)
{
	return atomic_load(&host->stopping);
}

void host_resume(struct host *host)
{
	eventfd_t stops;
	atomic_store(&host->stopping, false);
	eventfd_read(host->stop_fd, &stops);
}

bool host_sleep(struct host *host, int64_t ns)
{
	struct pollfd stop = {.fd = host->stop_fd, .events = POLLIN};
	int64_t deadline = clock_monotonic() + ns;
	while (!host_stopping(host)) {
		int64_t left = deadline - clock_monotonic();
		if (left <= 0)
			return false;
		struct timespec timeout = clock_timespec(left);
		ppoll(&stop, 1, &timeout, NULL);
	}
	return true;
}

static bool host_ctx_stopping(const struct tally_ctx *ctx)
{
	return host_stopping(host_of(ctx));
}

static bool host_cancelled(void *host)
{
	return host_stopping(host);
}

void host_set_waiting(struct host *host, void (*waiting)(void *arg), void *arg)
{
	host->waiting = waiting;
	host->waiting_arg = arg;
}

static void host_waits(void *arg)
{
	const struct host *host = arg;
	if (host->waiting)
		host->waiting(host->waiting_arg);
}

/* What a follower emits without a position it tells of anew when it begins anew. */
static void host_passed_over(void *arg, bool again)
{
	struct host *host = arg;
	const struct tally_input *input = host->plugin->input;
	if (again || (input && input->run))
		atomic_store(&host->passed_over, true);
}

bool host_take_passed_over(struct host *host)
{
	return atomic_exchange(&host->passed_over, false);
}

bool host_is_passed_over(const struct host *host)
{
	return atomic_load(&host->passed_over);
}

static int host_stop_fd(const struct tally_ctx *ctx)
{
	struct host *host = host_enter(ctx);
	int fd = host ? host->stop_fd : host_gone_stop_fd();
	if (host)
		host_leave(host);
	return fd;
}

static bool host_ctx_sleep(struct tally_ctx *ctx, int64_t ns)
{
	struct host *host = host_enter(ctx);
	bool stopping = !host || host_sleep(host, ns);
	if (host)
		host_leave(host);
	return stopping;
}

static int64_t host_now(const struct tally_ctx *ctx)
{
	(void)ctx;
	return clock_now();
}

static int64_t host_monotonic(const struct tally_ctx *ctx)
{
	(void)ctx;
	return clock_monotonic();
}

/* ---- Batches ---- */

static struct pin *host_keep_pin(struct host *host)
{
	pthread_mutex_lock(&host->pin_lock);
	struct pin *pin = pin_keep(host->pin);
	pthread_mutex_unlock(&host->pin_lock);
	return pin;
}

static struct tally_batch *host_batch_new(struct tally_ctx *ctx, const struct tally_table *table)
{
	if (!table || !table->columns || !table->n_columns) {
		host_refuse("it makes a batch of no table");
		return NULL;
	}
	struct host *host = host_enter(ctx);
	if (!host)
		return NULL;
	struct pin *pin = host_keep_pin(host);
	struct tally_batch *batch = batch_create_pinned(table, pin);
	pin_drop(pin);
	host_leave(host);
	return batch;
}

static int host_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch, void **ret,
			     size_t *ret_len)
{
	(void)ctx;
	if (!batch || !ret || !ret_len)
		return host_refuse("it encodes no batch");
	return batch_encode(batch, ret, ret_len);
}

static const struct tally_table *host_find_table(void *registry, const char *name)
{
	return registry_table(registry, name);
}

static int host_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
			     struct tally_batch **ret)
{
	if (!bytes || !ret)
		return host_refuse("it decodes nothing");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	const struct host_services *services = host->services;
	struct error error;
	pthread_rwlock_rdlock(services->registry_lock);
	int r = batch_decode(bytes, len, host_find_table, services->registry, ret, &error);
	pthread_rwlock_unlock(services->registry_lock);
	if (r < 0)
		reason_restore(&error);
	host_leave(host);
	return r;
}

static bool host_declares(const struct host *host, const struct tally_table *table)
{
	const struct tally_table *const *at = host->plugin->tables;
	while (at && *at && *at != table)
		at++;
	return at && *at;
}

/* Rows that no thread may be handed stop here. */
static void host_take_out_wrong(struct host *host, struct tally_batch *batch)
{
	const struct host_services *services = host->services;
	struct error error;
	uint32_t wrong = batch_check(batch, &error);
	if (!wrong)
		return;
	log_message(TALLY_ERROR, host->ctx.name, "a fault of the plugin: %u rows dropped: %s",
		    wrong, error.text);
	if (!services->emit)
		router_count_invalid(services->router, &host->from, batch->table, wrong);
}

static int host_emit_checked(struct host *host, struct tally_batch *batch, const char *source,
			     const char *position)
{
	const struct host_services *services = host->services;
	if (!host_declares(host, batch->table)) {
		/* Nobody has checked it; an output that cannot take it would wait for ever. */
		struct error error;
		error_set(&error, EINVAL, "it emits rows of %s, which it does not declare",
			  batch->table->name ? batch->table->name : "a table without a name");
		reason_restore(&error);
		batch_drop(batch);
		return -EINVAL;
	}
	host_take_out_wrong(host, batch);
	if (services->emit)
		return services->emit(services->emit_arg, host->ctx.name, batch);
	struct error before = *reason_last(); /* buffers and watchers are called meanwhile */
	int r = router_emit(services->router, &host->from, batch, source, position);
	reason_restore(&before);
	return r;
}

static int host_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
		     const char *position)
{
	if (!batch)
		return host_refuse("it emits no batch");
	struct host *host = host_enter(ctx);
	if (!host) {
		batch_drop(batch);
		return -ECANCELED;
	}
	struct pin *pin = host_keep_pin(host);
	int r = batch_seal(batch, pin);
	pin_drop(pin);
	if (r == 0)
		r = host_emit_checked(host, batch, source, position);
	else
		host_refuse("it emits a batch that is not its own any more");
	host_leave(host);
	return r;
}

static const int64_t host_ask_again = CLOCK_SECOND / 20;

static int host_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	if (!source || !ret || !size)
		return host_refuse("it asks for the position of nothing");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	const struct host_services *services = host->services;
	int r = -ENOENT;
	do
		if (!services->emit)
			r = router_position(services->router, host->plugin->tables, source, ret,
					    size);
	while (r == -EAGAIN && !host_sleep(host, host_ask_again));
	host_leave(host);
	return r == -EAGAIN ? -ECANCELED : r;
}

static void host_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch, uint32_t row,
			    const char *why)
{
	struct host *host = host_enter(ctx);
	if (!host)
		return;
	if (host->delivery)
		delivery_reject_row(host->delivery, batch, row, why ? why : "it does not say why");
	host_leave(host);
}

static bool host_must_flush(const struct tally_ctx *ctx)
{
	struct host *host = host_enter(ctx);
	bool flush = host && host->delivery && delivery_must_flush(host->delivery);
	if (host)
		host_leave(host);
	return flush;
}

/* ---- Counting ---- */

/* NULL: there is none of that kind, or the instance is gone; else the host is to be left. */
static struct metric *host_metric(struct host *host, uint32_t metric, uint32_t kind)
{
	if (metric >= host->n_metrics)
		log_message(TALLY_ERROR, host->ctx.name,
			    "a fault of the plugin: it counts at metric %u and declares %u", metric,
			    host->n_metrics);
	else if (host->plugin->metrics[metric].kind != kind)
		log_message(TALLY_ERROR, host->ctx.name, "a fault of the plugin: metric %s is %s",
			    host->plugin->metrics[metric].name,
			    kind == TALLY_METRIC_GAUGE ? "a counter, and is set"
						       : "a gauge, and is counted");
	else
		return host->metrics[metric];
	return NULL;
}

static void host_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	struct host *host = host_enter(ctx);
	if (!host)
		return;
	struct metric *counter = host_metric(host, metric, TALLY_METRIC_COUNTER);
	if (counter)
		metric_add(counter, n);
	host_leave(host);
}

static void host_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	struct host *host = host_enter(ctx);
	if (!host)
		return;
	struct metric *gauge = host_metric(host, metric, TALLY_METRIC_GAUGE);
	if (gauge)
		metric_set(gauge, value);
	host_leave(host);
}

static int host_log_samples(tally_sample_fn *each, void *arg)
{
	int r = 0;
	for (int level = TALLY_ERROR; level <= TALLY_DEBUG && r == 0; level++) {
		char labels[32];
		snprintf(labels, sizeof(labels), "level=\"%s\"", log_level_name(level));
		struct tally_sample sample = {.name = "tallyd_log_messages_total",
					      .labels = labels,
					      .help = "Messages logged, those left out as "
						      "repetitions included.",
					      .kind = TALLY_METRIC_COUNTER,
					      .value = (double)log_counted(level)};
		r = each(arg, &sample);
	}
	return r;
}

static int host_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	if (!each)
		return host_refuse("it gives nobody the samples");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	int r = metrics_each(host->services->metrics, each, arg);
	if (r == 0)
		r = host_log_samples(each, arg);
	if (r == 0)
		r = process_samples(each, arg);
	host_leave(host);
	return r;
}

/* ---- Other instances ---- */

/* Another plugin was called in between.  What it said is the reason if it failed; if not, what this
 * one had said before still is. */
static int host_nested(int r, const struct error *before, const struct error *error)
{
	if (r >= 0)
		reason_restore(before);
	else if (error->text[0])
		reason_restore(error);
	return r;
}

static int host_query(struct tally_ctx *ctx, struct tally_store *store,
		      const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	if (!query || !rows)
		return host_refuse("it queries a store without a query");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = host_nested(capability_query(store, query, rows, arg, &error), &before, &error);
	host_leave(host);
	return r;
}

static int host_store_tables(struct tally_ctx *ctx, struct tally_store *store, tally_table_fn *each,
			     void *arg)
{
	if (!each)
		return host_refuse("it gives nobody the tables");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = host_nested(capability_tables(store, each, arg, &error), &before, &error);
	host_leave(host);
	return r;
}

static int host_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			  struct tally_blob *ret)
{
	if (!key || !ret)
		return host_refuse("it asks a cache without a key");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = host_nested(capability_get(cache, key, ret, &error), &before, &error);
	host_leave(host);
	return r;
}

static int host_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			  const void *data, size_t len, int64_t ttl_ns)
{
	if (!key || (!data && len))
		return host_refuse("it gives a cache no key, or nothing to keep");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	struct error before = *reason_last(), error = {0};
	int r = host_nested(capability_set(cache, key, data, len, ttl_ns, &error), &before, &error);
	host_leave(host);
	return r;
}

static int host_cache_follow(struct tally_ctx *ctx, struct tally_cache *cache,
			     const char *const *channels, int stop_fd, tally_heard_fn *heard,
			     void *arg)
{
	if (!channels || !heard)
		return host_refuse("it follows no channels");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	const struct capability_following what = {channels, stop_fd, heard, arg};
	struct error before = *reason_last(), error = {0};
	int r = host_nested(capability_follow(cache, &what, &error), &before, &error);
	host_leave(host);
	return r;
}

void host_set_options(struct host *host, const struct options *options)
{
	atomic_store(&host->options, options);
}

static int host_secret_of(struct host *host, const char *option, char **ret)
{
	const struct options *options = atomic_load(&host->options);
	struct error error;
	if (!options)
		return 0;
	int r = options_secret(options, option, ret, &error);
	if (r == 0 || r == -ENOMEM)
		return r;
	log_message(TALLY_WARNING, host->ctx.name,
		    "%s_file: %s; the value it was configured with is used", option, error.text);
	const char *text = options_find(options, option)->text;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static int host_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	if (!option || !ret)
		return host_refuse("it asks for no secret");
	struct host *host = host_enter(ctx);
	if (!host)
		return -ECANCELED;
	int r = host_secret_of(host, option, ret);
	host_leave(host);
	return r;
}

static const struct tally_host host_vtable = {
	.size = sizeof(struct tally_host),
	.version = TALLYD_VERSION,
	.log = host_log,
	.report = host_report,
	.reason = host_reason_text,
	.stopping = host_ctx_stopping,
	.stop_fd = host_stop_fd,
	.sleep = host_ctx_sleep,
	.now = host_now,
	.monotonic = host_monotonic,
	.batch_new = host_batch_new,
	.batch_row = batch_row,
	.batch_copy = batch_copy,
	.batch_adopt = batch_adopt,
	.batch_keep = batch_keep,
	.batch_drop = batch_drop,
	.batch_bytes = batch_bytes,
	.batch_encode = host_batch_encode,
	.batch_decode = host_batch_decode,
	.emit = host_emit,
	.position = host_position,
	.reject_row = host_reject_row,
	.count = host_count,
	.gauge = host_gauge,
	.samples = host_samples,
	.query = host_query,
	.store_tables = host_store_tables,
	.cache_get = host_cache_get,
	.cache_set = host_cache_set,
	.cache_follow = host_cache_follow,
	.secret = host_secret,
	.must_flush = host_must_flush,
};

/* ---- Making one ---- */

int host_create(const struct host_services *services, const struct tally_plugin *plugin,
		const char *name, int64_t interval, struct host **ret, struct error *error)
{
	struct host *host = calloc(1, sizeof(*host));
	if (!host)
		return error_set(error, ENOMEM, "no memory");
	host->services = services;
	host->plugin = plugin;
	host->ctx = (struct tally_ctx){.host = &host_vtable,
				       .name = host_for_ever(name),
				       .machine = host_for_ever(services->machine),
				       .state_dir = host_for_ever(services->state_dir),
				       .writer = host_for_ever(services->writer),
				       .interval = interval};
	host->from = (struct router_source){.input = host->ctx.name,
					    .cancelled = host_cancelled,
					    .waiting = host_waits,
					    .passed_over = host_passed_over,
					    .arg = host};
	pthread_mutex_init(&host->pin_lock, NULL);
	host->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = host->stop_fd < 0 ? -errno : 0;
	if (r == 0)
		r = host_metrics_create(services->metrics, plugin, name, &host->metrics,
					&host->n_metrics);
	if (r < 0) {
		host_destroy(host);
		return error_set(error, -r, "%s", strerror(-r));
	}
	*ret = host;
	return 0;
}

/* Its pin_lock, name and flags stay, as they are looked at before anything else. */
void host_destroy(struct host *host)
{
	if (!host)
		return;
	host_stop(host);
	if (!host_gate_close(&host->gate, clock_monotonic() + HOST_LEAVE_TIMEOUT)) {
		log_message(TALLY_ERROR, host->ctx.name,
			    "a fault of the plugin: a thread of it is still inside a call to the "
			    "daemon, although the instance was stopped");
		host_gone_stuck();
		return;
	}
	pin_drop(host->pin);
	host->pin = NULL;
	if (host->stop_fd >= 0)
		close(host->stop_fd);
	host->stop_fd = -1;
	free(host->metrics);
	host->metrics = NULL;
	host->n_metrics = 0;
	free(host_gone_keep(host));
}

int host_pin(struct host *host, struct plan *plan)
{
	const struct pin_plans *old = host->pin ? pin_plans(host->pin) : NULL;
	const struct pin_plans plans = {
		.origin = old ? old->origin : plan, .plan = plan, .before = old ? old->plan : NULL};
	struct pin *pin = pin_create(host->ctx.name, &plans);
	if (!pin)
		return -ENOMEM;
	pthread_mutex_lock(&host->pin_lock);
	struct pin *before = host->pin;
	host->pin = pin;
	pthread_mutex_unlock(&host->pin_lock);
	pin_drop(before);
	return 0;
}

struct tally_ctx *host_ctx(struct host *host)
{
	return &host->ctx;
}

void host_set_delivery(struct host *host, struct delivery *delivery)
{
	host->delivery = delivery;
}
