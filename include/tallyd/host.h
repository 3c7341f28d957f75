/*
 * The calls that a plugin can make: use the tally_*() functions below, each of which documents
 * itself.  struct tally_host is for languages that cannot include C headers.
 *
 * Threads.  Any thread of the plugin may call tally_log(), tally_fail(), tally_reason(), count,
 * gauge and samples, stopping, now and monotonic, query, store_tables, the cache functions, secret
 * reject_entry, tables and the host's name, and keep, drop and bytes of an emitted batch.  The
 * other calls belong to the thread on which the core called the plugin.  Threads of the plugin must
 * end in stop(): once the instance is gone every call with its ctx is refused (-ECANCELED, NULL, or
 * "stopping") and logged as a plugin bug.
 */
#ifndef TALLYD_HOST_H
#define TALLYD_HOST_H

#include <errno.h>
#include <stdarg.h>
#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The levels of syslog. */
enum tally_level { TALLY_ERROR = 3, TALLY_WARNING, TALLY_NOTICE, TALLY_INFO, TALLY_DEBUG };

/* One value of one metric. */
struct tally_sample {
	const char *name;   /* tallyd_…, with unit and _total as Prometheus wants them */
	const char *labels; /* `instance="input.docker_stats",table="x"`, escaped; "": none */
	const char *help;
	uint32_t kind; /* enum tally_metric_kind */
	uint32_t reserved;
	double value;
};
typedef int tally_sample_fn(void *arg, const struct tally_sample *sample);

struct tally_host {
	uint32_t size;
	uint32_t reserved;
	const char *version; /* of the daemon */

	void (*log)(struct tally_ctx *ctx, int level, const char *fmt, va_list ap);
	void (*report)(struct tally_ctx *ctx, int error, const char *fmt, va_list ap);
	/* log and report for languages without va_list; text needs no NUL. */
	void (*log_text)(struct tally_ctx *ctx, int level, const char *text, size_t len);
	void (*report_text)(struct tally_ctx *ctx, int error, const char *text, size_t len);
	const char *(*reason)(struct tally_ctx *ctx);
	bool (*stopping)(const struct tally_ctx *ctx);
	int (*stop_fd)(const struct tally_ctx *ctx);
	bool (*sleep)(struct tally_ctx *ctx, int64_t ns);
	int64_t (*now)(const struct tally_ctx *ctx);
	int64_t (*monotonic)(const struct tally_ctx *ctx);

	struct tally_batch *(*batch_new)(struct tally_ctx *ctx, const struct tally_table *table);
	struct tally_cell *(*batch_row)(struct tally_ctx *ctx, struct tally_batch *batch);
	const char *(*batch_copy)(struct tally_ctx *ctx, struct tally_batch *batch,
				  const char *text, size_t len);
	int (*batch_adopt)(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
			   size_t size, void (*free_fn)(void *memory));
	void (*batch_keep)(struct tally_ctx *ctx, const struct tally_batch *batch);
	void (*batch_drop)(struct tally_ctx *ctx, const struct tally_batch *batch);
	size_t (*batch_bytes)(struct tally_ctx *ctx, const struct tally_batch *batch);
	int (*batch_encode)(struct tally_ctx *ctx, const struct tally_batch *batch, void **ret,
			    size_t *ret_len);
	int (*batch_decode)(struct tally_ctx *ctx, const void *bytes, size_t len,
			    struct tally_batch **ret);
	int (*emit)(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
		    const char *position);
	int (*position)(struct tally_ctx *ctx, const char *source, char *ret, size_t size);

	void (*reject_row)(struct tally_ctx *ctx, const struct tally_batch *batch, uint32_t row,
			   const char *why);
	void (*reject_entry)(struct tally_ctx *ctx, const struct tally_entry *entry,
			     const char *why);
	void (*count)(struct tally_ctx *ctx, uint32_t metric, uint64_t n);
	void (*gauge)(struct tally_ctx *ctx, uint32_t metric, int64_t value);
	int (*samples)(struct tally_ctx *ctx, tally_sample_fn *each, void *arg);

	int (*query)(struct tally_ctx *ctx, struct tally_store *store,
		     const struct tally_query *query, tally_rows_fn *rows, void *arg);
	int (*store_tables)(struct tally_ctx *ctx, struct tally_store *store, tally_table_fn *each,
			    void *arg);
	int (*cache_get)(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 struct tally_blob *ret);
	int (*cache_set)(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
			 const void *data, size_t len, int64_t ttl_ns);
	int (*cache_subscribe)(struct tally_ctx *ctx, struct tally_cache *cache,
			       const char *const *channels, int stop_fd, tally_message_fn *message,
			       void *arg);

	int (*secret)(struct tally_ctx *ctx, const char *option, char **ret);
	bool (*must_flush)(const struct tally_ctx *ctx);
	int (*declare)(struct tally_ctx *ctx, const struct tally_table *table,
		       const struct tally_table **ret);
	int (*safe_position)(struct tally_ctx *ctx, const char *source, char *ret, size_t size);

	const char *(*hostname)(const struct tally_ctx *ctx);
	bool (*wants_hostname)(const struct tally_ctx *ctx);
	int (*tell_hostname)(struct tally_ctx *ctx, const char *name);
	int (*tables)(struct tally_ctx *ctx, tally_table_fn *each, void *arg);
};

struct tally_ctx {
	uint32_t size;
	uint32_t reserved;
	const struct tally_host *host;
	const char *name;      /* of the instance: input.docker_stats, output.sqlite:archive */
	const char *hostname;  /* as configured or found at the start; see tally_hostname() */
	const char *state_dir; /* a directory for the plugin's files; exists, mode 0700 */
	const char *producer;  /* a unique name of this daemon, which never changes */
	int64_t interval;      /* ns between two calls of gather(); 0: does not gather */
};

/* ---- Errors and messages ---------------------------------------------------- */

/*
 * Records why a call fails and returns -error: `return tally_fail(ctx, EIO, "…");`.  The reason
 * belongs to the call in progress on this thread; the core forgets it before it makes the next one.
 */
__attribute__((format(printf, 3, 4))) static inline int tally_fail(struct tally_ctx *ctx, int error,
								   const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->report(ctx, error, fmt, ap);
	va_end(ap);
	return -error;
}

/* The reason recorded last on this thread, also by a store or cache that was just called. */
static inline const char *tally_reason(struct tally_ctx *ctx)
{
	return ctx->host->reason(ctx);
}

/* Messages with the same format are limited to a few per minute; then the core logs a count. */
__attribute__((format(printf, 3, 4))) static inline void tally_log(struct tally_ctx *ctx, int level,
								   const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->log(ctx, level, fmt, ap);
	va_end(ap);
}

/* ---- Time and stopping ------------------------------------------------------ */

static inline bool tally_stopping(const struct tally_ctx *ctx)
{
	return ctx->host->stopping(ctx);
}

/* A descriptor for poll() that becomes readable, and stays so, when the instance should stop. */
static inline int tally_stop_fd(const struct tally_ctx *ctx)
{
	return ctx->host->stop_fd(ctx);
}

/* Sleeps.  True: woken early, because the instance should stop. */
static inline bool tally_sleep(struct tally_ctx *ctx, int64_t ns)
{
	return ctx->host->sleep(ctx, ns);
}

/* ns since 1970 UTC. */
static inline int64_t tally_now(const struct tally_ctx *ctx)
{
	return ctx->host->now(ctx);
}

/* ns, CLOCK_MONOTONIC. */
static inline int64_t tally_monotonic(const struct tally_ctx *ctx)
{
	return ctx->host->monotonic(ctx);
}

/* ---- The machine's name ----------------------------------------------------- */

/* The value for `host` tags: [tallyd] host.  Where that is not set and the daemon runs in a
 * container, it is the container's id until an input has told the machine's name, and that from
 * then on: ask whenever a row is made.  The text is never freed. */
static inline const char *tally_hostname(const struct tally_ctx *ctx)
{
	return ctx->host->hostname(ctx);
}

/* Should an input that can find out the machine's name do so, and tell it before its first row? */
static inline bool tally_wants_hostname(const struct tally_ctx *ctx)
{
	return ctx->host->wants_hostname(ctx);
}

/* -EEXIST: another name was told before, and stays. */
static inline int tally_tell_hostname(struct tally_ctx *ctx, const char *name)
{
	return ctx->host->tell_hostname(ctx, name);
}

/* ---- Batches ---------------------------------------------------------------- */

/* An empty batch of a declared table.  NULL: no memory. */
static inline struct tally_batch *tally_batch_new(struct tally_ctx *ctx,
						  const struct tally_table *table)
{
	return ctx->host->batch_new(ctx, table);
}

/* Appends a row of NULLs; the pointer is valid until the next call.  NULL: no memory. */
static inline struct tally_cell *tally_batch_row(struct tally_ctx *ctx, struct tally_batch *batch)
{
	return ctx->host->batch_row(ctx, batch);
}

/* Copies text into the batch, where it lives as long as the batch, and appends a NUL.  NULL: no
 * memory, or more than 4 GiB. */
static inline const char *tally_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
					   const char *text, size_t len)
{
	return ctx->host->batch_copy(ctx, batch, text, len);
}

/* Gives memory to the batch, so that cells can point into it.  The batch calls free_fn when it
 * goes: on any thread, perhaps after destroy().  -ENOMEM, -EINVAL: the memory still belongs to the
 * caller. */
static inline int tally_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
				    size_t size, void (*free_fn)(void *memory))
{
	return ctx->host->batch_adopt(ctx, batch, memory, size, free_fn);
}

/* Takes a reference, which tally_batch_drop() gives back. */
static inline void tally_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	ctx->host->batch_keep(ctx, batch);
}

static inline void tally_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	ctx->host->batch_drop(ctx, batch);
}

/* The memory it holds, including text and adopted memory. */
static inline size_t tally_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	return ctx->host->batch_bytes(ctx, batch);
}

/* Encodes a batch as self-describing bytes, the same on every machine; free() them. */
static inline int tally_batch_encode(struct tally_ctx *ctx, const struct tally_batch *batch,
				     void **ret, size_t *ret_len)
{
	return ctx->host->batch_encode(ctx, batch, ret, ret_len);
}

/* -EBADMSG: damaged. */
static inline int tally_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
				     struct tally_batch **ret)
{
	return ctx->host->batch_decode(ctx, bytes, len, ret);
}

/*
 * Hands a batch to the core, which owns it from then on, also after an error.  source and position
 * say where the input can resume; the core stores them together with the rows.  NULL: it cannot.
 * Blocks while a buffer is full (on_full = block).
 *   -ECANCELED  stopping: the rows were not taken; they count as dropped unless they have a
 * position -EINVAL     no batch, a table that is not declared, or a batch that was emitted before
 * A row whose cell does not fit its column (text that is NULL or longer than its copy, text in a
 * column of numbers, a BOOL of 2) is left out, logged, and counted as dropped, reason `invalid`.
 */
static inline int tally_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
			     const char *position)
{
	return ctx->host->emit(ctx, batch, source, position);
}

/* Where a source resumes: behind the rows that are safe or, for an input that is started again
 * while the daemon runs, on their way.  -ENOENT: from its beginning. */
static inline int tally_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	return ctx->host->position(ctx, source, ret, size);
}

/* Up to where the rows of a source, and all before them, outlive a crash of the daemon: what the
 * source may forget.  -ENOENT: none yet. */
static inline int tally_safe_position(struct tally_ctx *ctx, const char *source, char *ret,
				      size_t size)
{
	return ctx->host->safe_position(ctx, source, ret, size);
}

/*
 * In an input: declares a table that only the configuration or the source knows, by the rules of
 * plugin.h.  In create(), so that `tallyd db migrate` knows it, or later.  *ret is a copy that
 * lives as long as the daemon; batches are made with it.  A table that was declared before is found
 * again; the same instance may declare it with more columns. -EINVAL  breaks a rule    -EEXIST
 * declared elsewhere with other columns -ENOSPC  too many
 */
static inline int tally_declare(struct tally_ctx *ctx, const struct tally_table *table,
				const struct tally_table **ret)
{
	return ctx->host->declare(ctx, table, ret);
}

/* ---- Cells ------------------------------------------------------------------ */

/* For INT, TIME and BOOL columns. */
static inline void tally_put_int(struct tally_cell *row, uint32_t column, int64_t v)
{
	row[column].i = v;
	row[column].set = 1;
}

static inline void tally_put_real(struct tally_cell *row, uint32_t column, double v)
{
	row[column].f = v;
	row[column].set = 1;
}

/*
 * Puts a copy of the text.  -ENOMEM; -E2BIG: more than 4 GiB.  After an error tally_emit() drops
 * the row and counts it as invalid, so the result may be ignored.
 */
static inline int tally_put_text(struct tally_ctx *ctx, struct tally_batch *batch,
				 struct tally_cell *row, uint32_t column, const char *text,
				 size_t len)
{
	const char *copy = len > UINT32_MAX ? NULL : tally_batch_copy(ctx, batch, text, len);
	row[column].text = copy;
	row[column].len = copy ? (uint32_t)len : UINT32_MAX;
	row[column].set = 1;
	return copy ? 0 : len > UINT32_MAX ? -E2BIG : -ENOMEM;
}

/*
 * Puts the text without a copy.  The text must stay unchanged until the batch is gone, and batches
 * wait in buffers, possibly long after destroy().  So it may only point into memory that the batch
 * copied or adopted, the config of create() or reconfigure(), the strings of ctx, or constants of
 * the plugin.  tally_emit() drops a row with more than 4 GiB.
 */
static inline void tally_put_text_borrowed(struct tally_cell *row, uint32_t column,
					   const char *text, size_t len)
{
	row[column].text = len > UINT32_MAX ? NULL : text;
	row[column].len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
	row[column].set = 1;
}

/*
 * In write(): must a TALLY_DONE survive a power cut?  True if somebody then forgets the rows: a
 * durable buffer, or an input that has given a position to resume from.
 */
static inline bool tally_must_flush(const struct tally_ctx *ctx)
{
	return ctx->host->must_flush(ctx);
}

/* ---- Counting --------------------------------------------------------------- */

/* In write(): one row of an entry that gets TALLY_DONE was not stored, and why. */
static inline void tally_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch,
				    uint32_t row, const char *why)
{
	ctx->host->reject_row(ctx, batch, row, why);
}

/* In write(), on any thread: why an entry gets TALLY_REJECT.  why is copied. */
static inline void tally_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
				      const char *why)
{
	ctx->host->reject_entry(ctx, entry, why);
}

/* metric: an index into the plugin's metrics. */
static inline void tally_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	ctx->host->count(ctx, metric, n);
}

static inline void tally_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	ctx->host->gauge(ctx, metric, value);
}

/* Every metric of the daemon; samples of one name follow each other. */
static inline int tally_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	return ctx->host->samples(ctx, each, arg);
}

/* ---- Tables ------------------------------------------------------------------ */

/* Every table that the plugins of this configuration, and their instances so far, declare: to check
 * names that a user wrote.  -ENOMEM, or what each() returned, which ends it. */
static inline int tally_tables(struct tally_ctx *ctx, tally_table_fn *each, void *arg)
{
	return ctx->host->tables(ctx, each, arg);
}

/* ---- Other instances -------------------------------------------------------- */

/* Queries a store; see query.h and struct tally_store_ops.  -ENOTCONN: it is not running. */
static inline int tally_query(struct tally_ctx *ctx, struct tally_store *store,
			      const struct tally_query *query, tally_rows_fn *rows, void *arg)
{
	return ctx->host->query(ctx, store, query, rows, arg);
}

static inline int tally_store_tables(struct tally_ctx *ctx, struct tally_store *store,
				     tally_table_fn *each, void *arg)
{
	return ctx->host->store_tables(ctx, store, each, arg);
}

static inline int tally_cache_get(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
				  struct tally_blob *ret)
{
	return ctx->host->cache_get(ctx, cache, key, ret);
}

static inline int tally_cache_set(struct tally_ctx *ctx, struct tally_cache *cache, const char *key,
				  const void *data, size_t len, int64_t ttl_ns)
{
	return ctx->host->cache_set(ctx, cache, key, data, len, ttl_ns);
}

/* Blocks; see struct tally_cache_ops.  -ENOTSUP: the cache has no channels. */
static inline int tally_cache_subscribe(struct tally_ctx *ctx, struct tally_cache *cache,
					const char *const *channels, int stop_fd,
					tally_message_fn *message, void *arg)
{
	return ctx->host->cache_subscribe(ctx, cache, channels, stop_fd, message, arg);
}

/*
 * The current value of a SECRET option.  If `<name>_file` sets it the file is read again, so a
 * changed password applies to the next connection.  *ret is a copy: wipe it and free() it; NULL:
 * the option is not set.  If the file cannot be read, the daemon logs that and gives the configured
 * value.  -ENOMEM.
 */
static inline int tally_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	*ret = NULL;
	return ctx->host->secret(ctx, option, ret);
}

#ifdef __cplusplus
}
#endif
#endif
