/*
 * What the daemon does for a plugin.  Plugins call the tally_*() wrappers below; each says
 * in its name what it does and here what it promises.  log, count, gauge, stopping, now,
 * query, get, set, follow, samples, fail, reason and, of a batch that was emitted, keep, drop and
 * bytes may be called from any thread of the plugin's own; the rest from the thread the core
 * called it on.  Such threads end in stop(): once the instance is gone its ctx is refused
 * (-ECANCELED, NULL, stopping), and that is logged as a plugin bug.
 */
#ifndef TALLYD_HOST_H
#define TALLYD_HOST_H

#include <errno.h>
#include <stdarg.h>
#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As in syslog. */
enum tally_level { TALLY_ERROR = 3, TALLY_WARNING, TALLY_NOTICE, TALLY_INFO, TALLY_DEBUG };

/* One value of one metric, for those that show them. */
struct tally_sample {
	const char *name;   /* tallyd_… with its unit and _total, as Prometheus has it */
	const char *labels; /* `instance="input.docker_stats",table="x"`, escaped; "" for none */
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
	/* The same of finished text, which need not end with NUL, for languages without va_list. */
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
};

struct tally_ctx {
	uint32_t size;
	uint32_t reserved;
	const struct tally_host *host;
	const char *name;      /* of the instance: input.docker_stats, output.sqlite:archive */
	const char *hostname;  /* what to put into `host` tags: [tallyd] host */
	const char *state_dir; /* where this daemon may keep files; exists, mode 0700 */
	const char *producer;  /* of this daemon, kept for ever in its state directory */
	int64_t interval;      /* ns between two gather(); 0: not a gathering input */
};

/* ---- Errors and messages ---------------------------------------------------- */

/* Records why, for the core to report once; returns -error.  Kept per thread. */
__attribute__((format(printf, 3, 4))) static inline int tally_fail(struct tally_ctx *ctx, int error,
								   const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	ctx->host->report(ctx, error, fmt, ap);
	va_end(ap);
	return -error;
}

/* What the last tally_fail() on this thread said, also inside a store that was queried. */
static inline const char *tally_reason(struct tally_ctx *ctx)
{
	return ctx->host->reason(ctx);
}

/* Rate-limited by the core: the same message at most a few times a minute, then a count. */
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

/* Becomes readable, and stays so, when the instance should stop: for poll() beside sockets. */
static inline int tally_stop_fd(const struct tally_ctx *ctx)
{
	return ctx->host->stop_fd(ctx);
}

/* Sleeps; returns true if it was woken because the instance should stop. */
static inline bool tally_sleep(struct tally_ctx *ctx, int64_t ns)
{
	return ctx->host->sleep(ctx, ns);
}

/* ns since 1970 UTC. */
static inline int64_t tally_now(const struct tally_ctx *ctx)
{
	return ctx->host->now(ctx);
}

/* ns, CLOCK_MONOTONIC: for deadlines. */
static inline int64_t tally_monotonic(const struct tally_ctx *ctx)
{
	return ctx->host->monotonic(ctx);
}

/* ---- Batches ---------------------------------------------------------------- */

/* An empty batch of a table that lives at least as long as the plugin; NULL: no memory. */
static inline struct tally_batch *tally_batch_new(struct tally_ctx *ctx,
						  const struct tally_table *table)
{
	return ctx->host->batch_new(ctx, table);
}

/* Appends a row of NULLs, valid until the next call; NULL: no memory. */
static inline struct tally_cell *tally_batch_row(struct tally_ctx *ctx, struct tally_batch *batch)
{
	return ctx->host->batch_row(ctx, batch);
}

/* A copy that lives as long as the batch, with a NUL behind it that is not counted, so that it may
 * be read as a string.  NULL: no memory. */
static inline const char *tally_batch_copy(struct tally_ctx *ctx, struct tally_batch *batch,
					   const char *text, size_t len)
{
	return ctx->host->batch_copy(ctx, batch, text, len);
}

/* The batch frees memory with free_fn when it goes, so that cells can point into it: on any thread,
 * perhaps after destroy().  -ENOMEM, -EINVAL: not adopted, the memory is still the caller's. */
static inline int tally_batch_adopt(struct tally_ctx *ctx, struct tally_batch *batch, void *memory,
				    size_t size, void (*free_fn)(void *memory))
{
	return ctx->host->batch_adopt(ctx, batch, memory, size, free_fn);
}

/* Owes one more tally_batch_drop(). */
static inline void tally_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	ctx->host->batch_keep(ctx, batch);
}

static inline void tally_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	ctx->host->batch_drop(ctx, batch);
}

/* Memory it holds, text and adopted blocks included. */
static inline size_t tally_batch_bytes(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	return ctx->host->batch_bytes(ctx, batch);
}

/* Self-describing bytes, the same on every machine; free() them. */
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
 * Hands the batch over, also on failure.  source and position: where the input may resume, made
 * safe with the rows; NULL: none.  May block while a buffer is full.
 *   -ECANCELED  stopping; the rows were not taken, and are counted as dropped unless they have a
 *               position
 *   -EINVAL     the table is not declared, there is no batch, or it was emitted before
 * Rows whose cells do not fit their columns (a text that is NULL or longer than its copy, a text in
 * a column of numbers, a BOOL of 2) are left out, logged and counted as dropped, reason `invalid`.
 */
static inline int tally_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
			     const char *position)
{
	return ctx->host->emit(ctx, batch, source, position);
}

/* The newest position known to be safe.  -ENOENT: none. */
static inline int tally_position(struct tally_ctx *ctx, const char *source, char *ret, size_t size)
{
	return ctx->host->position(ctx, source, ret, size);
}

/* ---- Cells ------------------------------------------------------------------ */

/* INT, TIME and BOOL. */
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
 * Text that the batch copies, with a NUL behind the copy that len does not count.  0; -ENOMEM;
 * -E2BIG: more than 4 GiB.  After an error the cell is marked, so that tally_emit() drops the row
 * and counts it as invalid: a caller that has nothing better to do may ignore the result.
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
 * The same without a copy.  The caller promises that the text stays as it is until the batch is
 * gone, which may be long after destroy(): batches wait in buffers.  So it lies in memory that the
 * batch has copied or adopted, in the config that create() or reconfigure() was given, in ctx->name
 * and the other texts of ctx, or in constants of the plugin; nowhere else.  More than 4 GiB: the
 * cell is marked, and tally_emit() drops the row.
 */
static inline void tally_put_text_borrowed(struct tally_cell *row, uint32_t column,
					   const char *text, size_t len)
{
	row[column].text = len > UINT32_MAX ? NULL : text;
	row[column].len = len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
	row[column].set = 1;
}

/*
 * In write(): must what gets TALLY_DONE outlive a power cut?  It must where somebody lets go of it
 * for good: a buffer that is durable, or an input that has told where it would resume.  Else nobody
 * could bring it again anyway.
 */
static inline bool tally_must_flush(const struct tally_ctx *ctx)
{
	return ctx->host->must_flush(ctx);
}

/* ---- Counting --------------------------------------------------------------- */

/* In write(): this row of a batch that gets TALLY_DONE was not stored, and why. */
static inline void tally_reject_row(struct tally_ctx *ctx, const struct tally_batch *batch,
				    uint32_t row, const char *why)
{
	ctx->host->reject_row(ctx, batch, row, why);
}

/* In write(), from any thread: why this entry gets TALLY_REJECT.  why is copied. */
static inline void tally_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
				      const char *why)
{
	ctx->host->reject_entry(ctx, entry, why);
}

/* metric: the index in the plugin's declared metrics. */
static inline void tally_count(struct tally_ctx *ctx, uint32_t metric, uint64_t n)
{
	ctx->host->count(ctx, metric, n);
}

static inline void tally_gauge(struct tally_ctx *ctx, uint32_t metric, int64_t value)
{
	ctx->host->gauge(ctx, metric, value);
}

/* Every metric of the daemon, those of one name together. */
static inline int tally_samples(struct tally_ctx *ctx, tally_sample_fn *each, void *arg)
{
	return ctx->host->samples(ctx, each, arg);
}

/* ---- Other instances -------------------------------------------------------- */

/* -ENOTCONN: the store is not running now. */
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

/* Blocks, as struct tally_cache_ops says.  -ENOTSUP: that cache has no channels. */
static inline int tally_cache_subscribe(struct tally_ctx *ctx, struct tally_cache *cache,
					const char *const *channels, int stop_fd,
					tally_message_fn *message, void *arg)
{
	return ctx->host->cache_subscribe(ctx, cache, channels, stop_fd, message, arg);
}

/*
 * What a SECRET option of this instance is now: read from its file again if `<name>_file` sets it,
 * so that a password which was changed there is used from the next connection on.  A copy, to be
 * wiped and freed; NULL: the option is not set.  If the file cannot be read, that is told in the
 * log and the value it was configured with is given.  -ENOMEM.  Any thread.
 */
static inline int tally_secret(struct tally_ctx *ctx, const char *option, char **ret)
{
	*ret = NULL;
	if (ctx->host->size < offsetof(struct tally_host, secret) + sizeof(ctx->host->secret))
		return 0;
	return ctx->host->secret(ctx, option, ret);
}

#ifdef __cplusplus
}
#endif
#endif
