/*
 * The fake host as the plugin under test sees it: what it emits, logs and counts is kept, and the
 * clock stands where the test has put it.  Called by the plugin, on the threads that host.h allows.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_host_parts.h"
#include "pipeline/batch.h"
#include "pipeline/batch_check.h"
#include "pipeline/batch_codec.h"
#include "plugin/declaration.h"
#include "base/clock.h"
#include "base/error.h"

static struct fake_host *fake_of(const struct tally_ctx *ctx)
{
	return (struct fake_host *)(uintptr_t)ctx;
}

static void fake_log_append(char **log, const char *text)
{
	size_t old = *log ? strlen(*log) : 0;
	char *grown = realloc(*log, old + strlen(text) + 2);
	if (!grown)
		abort();
	if (old)
		grown[old++] = '\n';
	memcpy(grown + old, text, strlen(text) + 1);
	*log = grown;
}

static void fake_log(struct tally_ctx *ctx, int level, const char *fmt, va_list ap)
{
	struct fake_host *host = fake_of(ctx);
	char *text = NULL;
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	pthread_mutex_lock(&host->lock);
	for (int i = level; i <= TALLY_DEBUG; i++)
		fake_log_append(&host->log[i], text);
	pthread_mutex_unlock(&host->lock);
	free(text);
}

static _Thread_local char fake_said[FAKE_REASON_SIZE]; /* as the core keeps it */

static void fake_report(struct tally_ctx *ctx, int error, const char *fmt, va_list ap)
{
	struct fake_host *host = fake_of(ctx);
	char fresh[FAKE_REASON_SIZE]; /* fmt's arguments may point into the old one */
	vsnprintf(fresh, sizeof(fresh), fmt, ap);
	memcpy(fake_said, fresh, sizeof(fake_said));
	pthread_mutex_lock(&host->lock);
	memcpy(host->reason, fake_said, sizeof(host->reason));
	pthread_mutex_unlock(&host->lock);
	(void)error;
}

static void fake_log_call(struct tally_ctx *ctx, int level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fake_log(ctx, level, fmt, ap);
	va_end(ap);
}

static void fake_report_call(struct tally_ctx *ctx, int error, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fake_report(ctx, error, fmt, ap);
	va_end(ap);
}

static void fake_log_text(struct tally_ctx *ctx, int level, const char *text, size_t len)
{
	fake_log_call(ctx, level, "%.*s", (int)len, text);
}

static void fake_report_text(struct tally_ctx *ctx, int error, const char *text, size_t len)
{
	fake_report_call(ctx, error, "%.*s", (int)len, text);
}

static const char *fake_reason(struct tally_ctx *ctx)
{
	(void)ctx;
	return fake_said;
}

static bool fake_wait(const struct tally_ctx *ctx, int timeout_ms)
{
	struct pollfd fd = {.fd = fake_of(ctx)->stop_fd, .events = POLLIN};
	return poll(&fd, 1, timeout_ms) > 0;
}

static bool fake_stopping(const struct tally_ctx *ctx)
{
	return fake_wait(ctx, 0);
}

static int fake_stop_fd(const struct tally_ctx *ctx)
{
	return fake_of(ctx)->stop_fd;
}

static bool fake_sleep(struct tally_ctx *ctx, int64_t ns)
{
	return fake_wait(ctx, (int)(ns / CLOCK_MS));
}

static int64_t fake_now(const struct tally_ctx *ctx)
{
	int64_t set = __atomic_load_n(&fake_of(ctx)->now, __ATOMIC_RELAXED);
	return set ? set : clock_now();
}

static int64_t fake_monotonic(const struct tally_ctx *ctx)
{
	int64_t set = __atomic_load_n(&fake_of(ctx)->monotonic, __ATOMIC_RELAXED);
	return set ? set : clock_monotonic();
}

static struct tally_batch *fake_batch_new(struct tally_ctx *ctx, const struct tally_table *table)
{
	(void)ctx;
	return batch_create(table);
}

static struct tally_cell *fake_batch_row(struct tally_ctx *ctx, struct tally_batch *batch)
{
	(void)ctx;
	return batch_row(batch);
}

static const char *fake_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
				   const char *text, size_t len)
{
	(void)ctx;
	return batch_copy(batch, text, len);
}

static int fake_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
			    size_t size, void (*free_fn)(void *memory))
{
	(void)ctx;
	return batch_adopt(batch, memory, size, free_fn);
}

static void fake_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_keep(batch);
}

static void fake_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	batch_drop(batch);
}

static size_t fake_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	(void)ctx;
	return batch_bytes(batch);
}

static int fake_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch, void **ret,
			     size_t *ret_len)
{
	(void)ctx;
	return batch_encode(batch, ret, ret_len);
}

static const struct tally_table *fake_no_table(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return NULL;
}

static int fake_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
			     struct tally_batch **ret)
{
	struct error error = {0};
	int r = batch_decode(bytes, len, fake_no_table, NULL, ret, &error);
	return r < 0 ? tally_fail(ctx, -r, "%s", error.text) : 0;
}

static struct fake_position *fake_find_position(const struct fake_host *host, const char *source)
{
	for (uint32_t i = 0; i < host->n_positions; i++)
		if (strcmp(host->positions[i].source, source) == 0)
			return &host->positions[i];
	return NULL;
}

static void fake_keep_position(struct fake_host *host, const char *source, const char *position)
{
	struct fake_position *found = fake_find_position(host, source);
	if (!found) {
		host->positions = realloc(host->positions,
					  (host->n_positions + 1) * sizeof(*host->positions));
		if (!host->positions)
			abort();
		found = &host->positions[host->n_positions++];
		*found = (struct fake_position){.source = strdup(source)};
	}
	free(found->position);
	found->position = strdup(position);
}

static int fake_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
		     const char *position)
{
	struct fake_host *host = fake_of(ctx);
	int result = __atomic_load_n(&host->emit_result, __ATOMIC_RELAXED);
	if (result < 0) {
		batch_drop(batch);
		return result;
	}
	struct error error;
	if (!batch || batch_seal(batch, NULL) < 0)
		return -EINVAL;
	uint32_t wrong = batch_check(batch, &error);
	if (wrong)
		fake_log_call(ctx, TALLY_ERROR, "plugin bug: %u rows dropped: %s", wrong,
			      error.text);
	pthread_mutex_lock(&host->lock);
	struct fake_emitted *grown =
		realloc(host->emitted, (host->n_emitted + 1) * sizeof(*host->emitted));
	if (!grown)
		abort();
	host->emitted = grown;
	host->emitted[host->n_emitted++] =
		(struct fake_emitted){batch, position ? strdup(position) : NULL};
	if (source && position)
		fake_keep_position(host, source, position);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

static int fake_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	struct fake_host *host = fake_of(ctx);
	pthread_mutex_lock(&host->lock);
	const struct fake_position *found = fake_find_position(host, source);
	if (found)
		snprintf(ret, size, "%s", found->position);
	pthread_mutex_unlock(&host->lock);
	return found ? 0 : -ENOENT;
}

static int fake_safe_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	struct fake_host *host = fake_of(ctx);
	pthread_mutex_lock(&host->lock);
	const struct fake_position *found = fake_find_position(host, source);
	const char *safe = host->safe ? host->safe : found ? found->position : "";
	snprintf(ret, size, "%s", safe);
	pthread_mutex_unlock(&host->lock);
	return *safe ? 0 : -ENOENT;
}

/* As the core does it, with the plugin's rules checked. */
static int fake_declare(struct tally_ctx *ctx, const struct tally_table *table,
			const struct tally_table **ret)
{
	struct fake_host *host = fake_of(ctx);
	struct error error;
	pthread_mutex_lock(&host->lock);
	int r = declaration_check_table(table, &error);
	if (r == 0)
		r = declared_add(&host->declared, host->ctx.name, table, ret, &error);
	pthread_mutex_unlock(&host->lock);
	return r < 0 ? tally_fail(ctx, -r, "%s", error.text) : 0;
}

static void fake_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch, uint32_t row,
			    const char *why)
{
	(void)batch;
	(void)row;
	(void)why;
	fake_of(ctx)->rejected++;
}

/* The reason stands where tally_fail() would have put it. */
static void fake_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
			      const char *why)
{
	struct fake_host *host = fake_of(ctx);
	(void)entry;
	pthread_mutex_lock(&host->lock);
	snprintf(host->reason, sizeof(host->reason), "%s", why);
	pthread_mutex_unlock(&host->lock);
}

static bool fake_must_flush(const struct tally_ctx *ctx)
{
	return fake_of(ctx)->must_flush;
}

static const char *fake_hostname(const struct tally_ctx *ctx)
{
	const char *told = fake_of(ctx)->told_hostname;
	return told ? told : ctx->hostname;
}

static bool fake_wants_hostname(const struct tally_ctx *ctx)
{
	return fake_of(ctx)->wants_hostname;
}

static int fake_tell_hostname(struct tally_ctx *ctx, const char *name)
{
	struct fake_host *host = fake_of(ctx);
	if (host->told_hostname)
		return strcmp(host->told_hostname, name) == 0 ? 0 : -EEXIST;
	host->told_hostname = strdup(name);
	return 0;
}

static int fake_tables(struct tally_ctx *ctx, tally_table_fn *each, void *arg)
{
	struct fake_host *host = fake_of(ctx);
	const struct tally_table *table;
	int r = 0;
	for (const struct tally_table *const *t = host->tables; t && *t && r == 0; t++)
		r = each(arg, *t);
	for (size_t i = 0; r == 0 && (table = declared_table(&host->declared, i)); i++)
		r = each(arg, table);
	return r;
}

static void fake_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	__atomic_fetch_add(&fake_of(ctx)->metrics[metric], n, __ATOMIC_RELAXED);
}

static void fake_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	__atomic_store_n(&fake_of(ctx)->metrics[metric], (uint64_t)value, __ATOMIC_RELAXED);
}

static int fake_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	static const struct tally_sample sample = {
		.name = "tallyd_rows_stored_total",
		.labels = "output=\"output.sqlite\",table=\"container_stats\"",
		.help = "Rows durably written.",
		.kind = TALLY_METRIC_COUNTER,
		.value = 42};
	(void)ctx;
	return each(arg, &sample);
}

static int fake_query(struct tally_ctx *ctx, struct tally_store *store,
		      const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	if (!store)
		return tally_fail(ctx, ENOTCONN, "the store is not running");
	return store->reader->query(store->self, query, rows, arg);
}

static int fake_store_tables(struct tally_ctx *ctx, struct tally_store *store, tally_table_fn *each,
			     void *arg)
{
	if (!store)
		return tally_fail(ctx, ENOTCONN, "the store is not running");
	return store->reader->tables(store->self, each, arg);
}

static int fake_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			  struct tally_blob *ret)
{
	(void)ctx;
	return cache->ops->get(cache->self, key, ret);
}

/* Nothing is in a file: plugins go by their config. */
static int fake_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	(void)ctx;
	(void)option;
	*ret = NULL;
	return 0;
}

static int fake_cache_subscribe(struct tally_ctx *ctx, struct tally_cache *cache,
				const char *const *channels, int stop_fd, tally_message_fn *message,
				void *arg)
{
	(void)ctx;
	if (!cache->ops->subscribe)
		return -ENOTSUP;
	return cache->ops->subscribe(cache->self, channels, stop_fd, message, arg);
}

static int fake_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			  const void *data, size_t len, int64_t ttl_ns)
{
	(void)ctx;
	return cache->ops->set(cache->self, key, data, len, ttl_ns);
}

const struct tally_host testing_host_calls = {
	.size = sizeof(struct tally_host),
	.version = "0.0.0-test",
	.log = fake_log,
	.report = fake_report,
	.log_text = fake_log_text,
	.report_text = fake_report_text,
	.reason = fake_reason,
	.stopping = fake_stopping,
	.stop_fd = fake_stop_fd,
	.sleep = fake_sleep,
	.now = fake_now,
	.monotonic = fake_monotonic,
	.batch_new = fake_batch_new,
	.batch_row = fake_batch_row,
	.batch_copy = fake_batch_copy,
	.batch_adopt = fake_batch_adopt,
	.batch_keep = fake_batch_keep,
	.batch_drop = fake_batch_drop,
	.batch_bytes = fake_batch_bytes,
	.batch_encode = fake_batch_encode,
	.batch_decode = fake_batch_decode,
	.emit = fake_emit,
	.position = fake_position,
	.reject_row = fake_reject_row,
	.reject_entry = fake_reject_entry,
	.count = fake_count,
	.gauge = fake_gauge,
	.samples = fake_samples,
	.query = fake_query,
	.store_tables = fake_store_tables,
	.cache_get = fake_cache_get,
	.cache_set = fake_cache_set,
	.cache_subscribe = fake_cache_subscribe,
	.secret = fake_secret,
	.must_flush = fake_must_flush,
	.declare = fake_declare,
	.safe_position = fake_safe_position,
	.hostname = fake_hostname,
	.wants_hostname = fake_wants_hostname,
	.tell_hostname = fake_tell_hostname,
	.tables = fake_tables,
};
