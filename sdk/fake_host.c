/*
 * The core's side of the ABI for tests of one plugin: what is emitted, logged and counted is kept,
 * and the clock stands where a test has put it.  Batches are the core's own.  A mistake of the test
 * itself ends the process: nothing could be said about the plugin after it.
 *
 * Built twice: for the tests of this tree, and without sanitizers as libtallyd-testing.a, in which
 * only fake_…() can be seen.  Called by tests on any thread, and by the plugin as host.h says.
 */
#include <tallyd/testing/fake_host.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <poll.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "pipeline/batch_check.h"
#include "pipeline/batch_codec.h"
#include "plugin/declaration.h"
#include "plugin/declared.h"
#include "base/clock.h"
#include "base/error.h"

enum { FAKE_METRICS = 256, FAKE_REASON_SIZE = 1024 };

struct fake_emitted {
	const struct tally_batch *batch;
	char *position;
};

/* Where a source may resume; kept although what was emitted is forgotten. */
struct fake_position {
	char *source, *position;
};

struct fake_host {
	struct tally_ctx ctx; /* first: a ctx is its host */
	pthread_mutex_t lock; /* guards all below */
	struct fake_emitted *emitted;
	uint32_t n_emitted;
	struct fake_position *positions;
	uint32_t n_positions;
	char *log[TALLY_DEBUG + 1];
	char **shown; /* the log as it was whenever a test looked: it may hold on to any of them */
	uint32_t n_shown;
	char reason[FAKE_REASON_SIZE];
	uint64_t metrics[FAKE_METRICS];
	uint32_t rejected;
	int64_t now, monotonic;
	int emit_result;
	bool must_flush, wants_hostname;
	char *told_hostname;
	int stop_fd;
	struct declared declared;
	const struct tally_table *const *tables; /* of other plugins */
	char *safe; /* what is safe, of every source; NULL: all that was emitted */
};

struct tally_store {
	const struct tally_store_ops *reader;
	void *self;
};

struct tally_cache {
	const struct tally_cache_ops *ops;
	void *self;
};

static struct fake_host *fake_of(const struct tally_ctx *ctx)
{
	return (struct fake_host *)(uintptr_t)ctx;
}

/* What a test reads while the plugin's threads go on is read under the lock as well. */
static struct fake_host *fake_lock(const struct fake_host *host)
{
	struct fake_host *locked = (struct fake_host *)(uintptr_t)host;
	pthread_mutex_lock(&locked->lock);
	return locked;
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

static const struct tally_host fake_vtable = {
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

struct fake_host *fake_host_create(const char *instance_name)
{
	struct fake_host *host = calloc(1, sizeof(*host));
	if (!host)
		abort();
	host->stop_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&host->lock, NULL);
	host->ctx = (struct tally_ctx){.size = sizeof(struct tally_ctx),
				       .host = &fake_vtable,
				       .name = instance_name,
				       .hostname = "testhost",
				       .state_dir = "/tmp",
				       .producer = "test-writer",
				       .interval = 5 * CLOCK_SECOND};
	return host;
}

void fake_host_forget(struct fake_host *host)
{
	for (uint32_t i = 0; i < host->n_emitted; i++) {
		batch_drop(host->emitted[i].batch);
		free(host->emitted[i].position);
	}
	free(host->emitted);
	host->emitted = NULL;
	host->n_emitted = 0;
	for (int i = 0; i <= TALLY_DEBUG; i++) {
		free(host->log[i]);
		host->log[i] = NULL;
	}
}

void fake_host_destroy(struct fake_host *host)
{
	fake_host_forget(host);
	for (uint32_t i = 0; i < host->n_positions; i++) {
		free(host->positions[i].source);
		free(host->positions[i].position);
	}
	free(host->positions);
	free(host->safe);
	declared_done(&host->declared);
	free(host->told_hostname);
	close(host->stop_fd);
	pthread_mutex_destroy(&host->lock);
	for (uint32_t i = 0; i < host->n_shown; i++)
		free(host->shown[i]);
	free(host->shown);
	free(host);
}

struct tally_ctx *fake_host_ctx(struct fake_host *host)
{
	return &host->ctx;
}

uint32_t fake_host_batches(const struct fake_host *host)
{
	return host->n_emitted;
}

const struct tally_batch *fake_host_batch(const struct fake_host *host, uint32_t i)
{
	struct fake_host *locked = fake_lock(host);
	const struct tally_batch *batch = i < host->n_emitted ? host->emitted[i].batch : NULL;
	pthread_mutex_unlock(&locked->lock);
	return batch;
}

const char *fake_host_position(const struct fake_host *host, uint32_t i)
{
	struct fake_host *locked = fake_lock(host);
	const char *position = i < host->n_emitted ? host->emitted[i].position : NULL;
	pthread_mutex_unlock(&locked->lock);
	return position;
}

uint32_t fake_host_rows(const struct fake_host *host, const char *table)
{
	uint32_t rows = 0;
	struct fake_host *locked = fake_lock(host);
	for (uint32_t i = 0; i < host->n_emitted; i++)
		if (strcmp(host->emitted[i].batch->table->name, table) == 0)
			rows += host->emitted[i].batch->n_rows;
	pthread_mutex_unlock(&locked->lock);
	return rows;
}

const struct tally_cell *fake_host_row(const struct fake_host *host, const char *table, uint32_t i)
{
	const struct tally_cell *row = NULL;
	struct fake_host *locked = fake_lock(host);
	for (uint32_t b = 0; b < host->n_emitted && !row; b++) {
		const struct tally_batch *batch = host->emitted[b].batch;
		if (strcmp(batch->table->name, table) != 0)
			continue;
		if (i < batch->n_rows)
			row = batch->cells + (size_t)i * batch->table->n_columns;
		else
			i -= batch->n_rows;
	}
	pthread_mutex_unlock(&locked->lock);
	return row;
}

const struct tally_cell *fake_cell(const struct tally_table *table, const struct tally_cell *row,
				   const char *column)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, column) == 0)
			return &row[i];
	fprintf(stderr, "table %s has no column %s\n", table->name, column);
	abort();
}

const char *fake_host_log(const struct fake_host *host, int level)
{
	struct fake_host *locked = fake_lock(host);
	char **grown = realloc(locked->shown, (locked->n_shown + 1) * sizeof(*grown));
	char *text = strdup(host->log[level] ? host->log[level] : "");
	if (!grown || !text)
		abort();
	locked->shown = grown;
	locked->shown[locked->n_shown++] = text;
	pthread_mutex_unlock(&locked->lock);
	return text;
}

const char *fake_host_reason(const struct fake_host *host)
{
	return host->reason;
}

uint64_t fake_host_metric(const struct fake_host *host, uint32_t metric)
{
	return __atomic_load_n(&host->metrics[metric], __ATOMIC_RELAXED);
}

uint32_t fake_host_rejected(const struct fake_host *host)
{
	return host->rejected;
}

void fake_host_set_now(struct fake_host *host, int64_t now)
{
	__atomic_store_n(&host->now, now, __ATOMIC_RELAXED);
}

void fake_host_set_monotonic(struct fake_host *host, int64_t now)
{
	__atomic_store_n(&host->monotonic, now, __ATOMIC_RELAXED);
}

void fake_host_stop(struct fake_host *host)
{
	uint64_t one = 1;
	if (write(host->stop_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

void fake_host_set_wants_hostname(struct fake_host *host, bool wants)
{
	host->wants_hostname = wants;
}

void fake_host_set_must_flush(struct fake_host *host, bool must_flush)
{
	host->must_flush = must_flush;
}

void fake_host_set_safe(struct fake_host *host, const char *position)
{
	pthread_mutex_lock(&host->lock);
	free(host->safe);
	host->safe = strdup(position);
	pthread_mutex_unlock(&host->lock);
}

void fake_host_set_tables(struct fake_host *host, const struct tally_table *const *tables)
{
	host->tables = tables;
}

void fake_host_set_emit_result(struct fake_host *host, int result)
{
	__atomic_store_n(&host->emit_result, result, __ATOMIC_RELAXED);
}

struct tally_store *fake_host_store(struct fake_host *host, const struct tally_store_ops *reader,
				    void *self)
{
	struct tally_store *store = calloc(1, sizeof(*store));
	(void)host;
	if (!store)
		abort();
	*store = (struct tally_store){reader, self};
	return store;
}

void fake_host_store_free(struct tally_store *store)
{
	free(store);
}

struct tally_cache *fake_host_cache(const struct tally_cache_ops *ops, void *self)
{
	struct tally_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		abort();
	*cache = (struct tally_cache){ops, self};
	return cache;
}

void fake_host_cache_free(struct tally_cache *cache)
{
	free(cache);
}
