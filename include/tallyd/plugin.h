/*
 * tallyd plugin ABI.  One shared object is one plugin: it exports tally_plugin()
 * and nothing else, and reaches the daemon only through the ctx it is given.
 *
 * Three rules carry the whole contract:
 *   threads    the core calls one instance from one thread at a time, so plugins may
 *              block; only interrupt(), reconfigure() and the facets' query(), tables(),
 *              get(), set(), follow() and watch() run beside it.
 *   ownership  what you emit is gone; what you are handed is on loan until you return.
 *   errors     return 0 or what tally_fail() returns (-errno); the core logs it once,
 *              counts it and tries again.
 *
 * Growth: abi_major must be equal, abi_minor at most the daemon's.  Structs that begin
 * with `size` grow at their end; those without never change under one abi_major.
 *
 *   1.0   first
 */
#ifndef TALLYD_PLUGIN_H
#define TALLYD_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TALLY_ABI_MAJOR 1 /* a layout or a meaning changed: older plugins are refused */
#define TALLY_ABI_MINOR 0 /* something was appended: older plugins still load */

/* One instance: what create() was given, and every tally_*() call takes.  Valid from create() to
 * the end of destroy().  Threads of the plugin's own use it only until stop() returns, so stop()
 * joins them. */
struct tally_ctx;
struct tally_store;  /* another instance that answers queries, bound by an option */
struct tally_cache;  /* another instance that keeps values for a while, likewise */
struct tally_query;  /* query.h */
struct tally_buffer; /* buffer.h, which is not part of this ABI */

/* ---- Records: a batch is rows of one declared table ------------------------ */

enum tally_type { TALLY_TIME = 1, TALLY_INT, TALLY_REAL, TALLY_BOOL, TALLY_TEXT, TALLY_JSON };

/*
 * A tag names a series or a thing; a counter only grows, until what it counts starts anew;
 * GONE (a TIME) says since when a thing is no more; ORDER (an INT) keeps rows of one time
 * in their order.
 */
enum tally_role { TALLY_FIELD, TALLY_TAG, TALLY_COUNTER, TALLY_GONE, TALLY_ORDER };

/*
 * SERIES: appended, key = tags + time.
 * STATE:  the newest row of a key replaces the last, key = tags.
 * LOG:    appended, key = tags + time + order.
 * A row whose key is already stored is the same row: a store keeps it once.
 */
enum tally_kind { TALLY_SERIES = 1, TALLY_STATE, TALLY_LOG };

struct tally_column {
	const char *name; /* [a-z][a-z0-9_]*, at most 48 bytes */
	const char *unit; /* "bytes", "ns", "percent"; NULL: none */
	const char *help; /* NULL: the name says it */
	uint16_t type;    /* enum tally_type */
	uint16_t role;    /* enum tally_role */
	uint32_t reserved;
};

struct tally_table {
	/* [a-z][a-z0-9_]*, at most 48 bytes; not tally_…, sqlite_…, pg_…, nor …_rows, …_series,
	 * …_key, …_1min, …_5min, …_1h, …_1d, …_pYYYYMMDD: stores make such tables of others. */
	const char *name;
	const char *help;                   /* required */
	const struct tally_column *columns; /* columns[0] is the TALLY_TIME of the row */
	uint32_t n_columns;
	uint32_t kind;     /* enum tally_kind */
	uint32_t revision; /* raised when columns are appended; nothing else ever changes */
	uint32_t reserved;
};

struct tally_cell {
	union {
		int64_t i;        /* TIME: ns since 1970 UTC; INT; BOOL: 0 or 1 */
		double f;         /* REAL */
		const char *text; /* TEXT, JSON: not NUL-terminated; lives as long as its batch */
	};
	uint32_t len; /* bytes of text */
	uint32_t set; /* 0: NULL; 1: a value; other bits are reserved */
};

/* Immutable once emitted.  Row r begins at cells[r * table->n_columns]. */
struct tally_batch {
	const struct tally_table *table;
	const struct tally_cell *cells;
	uint32_t n_rows;
	uint32_t reserved;
};

/* ---- Configuration: declared once, so parsed, checked and documented once --- */

enum tally_option_type {
	TALLY_OPT_BOOL = 1, /* bool: yes|no|true|false|on|off */
	TALLY_OPT_INT,      /* int64_t */
	TALLY_OPT_SIZE,     /* int64_t bytes: 64Ki 16Mi 1Gi */
	TALLY_OPT_DURATION, /* int64_t ns: 500ms 5s 2min 1h 7d */
	TALLY_OPT_STRING,   /* const char *, NULL when neither set nor given a fallback */
	TALLY_OPT_LIST,     /* const char *const *, NULL-terminated; commas or blanks between */
	TALLY_OPT_CHOICE,   /* int64_t: the index in accepts */
	TALLY_OPT_STORE,    /* struct tally_store *: the name of an instance, like sqlite */
	TALLY_OPT_CACHE,    /* struct tally_cache *: likewise */
			    /* 10 is taken: buffer.h */
};

/* SECRET: masked wherever it is shown; `<name>_file = PATH` sets it from a file. */
enum tally_option_flag { TALLY_OPT_REQUIRED = 1, TALLY_OPT_SECRET = 2 };

struct tally_option {
	const char *name;
	const char *fallback; /* as it would be written; NULL: zero, false, NULL */
	/* Numbers: "1..65535", "100ms..", "..1Gi".  CHOICE, and each word of a LIST: "a|b|c". NULL:
	 * anything; a CHOICE needs it. */
	const char *accepts;
	const char *help; /* required */
	uint32_t type, flags;
	size_t offset; /* in the plugin's config struct */
	const void *reserved;
};

/* ---- Metrics: declared once, shown at /metrics and in the docs --------------- */

enum tally_metric_kind { TALLY_METRIC_COUNTER, TALLY_METRIC_GAUGE };

/* Shown as tallyd_<plugin>_<name>{instance="…",<labels>}; unit "ns" is shown in seconds. */
struct tally_metric {
	const char *name, *unit, *help; /* name and help are required */
	const char *labels;             /* fixed ones, as `call="list"`; NULL: none */
	uint32_t kind;                  /* enum tally_metric_kind */
	uint32_t reserved;
};

/* ---- What a plugin can be: any of these; none makes a service that just runs -- */

/* Exactly one of gather() and run(). */
struct tally_input {
	uint32_t size;
	uint32_t reserved;
	int64_t interval;          /* ns, whole ms, at least 100 ms: the default of the option of
				    * that name; with gather() only */
	int (*gather)(void *self); /* called every interval */
	int (*run)(void *self);    /* called once; returns when tally_stopping() */
};

/* A batch at its place in a buffer.  With ctx->producer the sequence names a write for ever. */
struct tally_entry {
	const struct tally_batch *batch;
	uint64_t sequence;    /* 1, 2, 3 … in one buffer */
	const char *producer; /* whose sequence it is: this daemon and buffer, unique for ever */
	const void *reserved;
};

enum tally_verdict {
	TALLY_RETRY,  /* not written; offer it again after a while */
	TALLY_DONE,   /* durably written: over a power cut, if tally_must_flush() says so */
	TALLY_REJECT, /* never acceptable: dropped and counted; tally_reject_entry() says why */
};

/* What an output notes of its own writes, in their transactions, for one producer. */
enum { TALLY_LEDGER_AHEAD = 512 };
struct tally_ledger {
	uint64_t sequence; /* it has all up to here that it was given and did not reject; 0: none */
	uint32_t n_ahead;  /* and these */
	uint32_t reserved;
	uint64_t ahead[TALLY_LEDGER_AHEAD];
};

struct tally_output {
	uint32_t size;
	uint32_t reserved;
	/* Required.  Called after start() for every table that is routed here, and before its first
	 * batch if that comes later; makes room for it.  -EINVAL: that cannot be; the table's
	 * batches are rejected without being written.  Another error: all waits, and it is
	 * called again. */
	int (*prepare)(void *self, const struct tally_table *table);
	/* Required.  Writes all in one transaction where there are such.  verdicts: one per entry,
	 * all TALLY_RETRY on entry.  A negative return counts as a failed attempt; verdicts given
	 * stand. */
	int (*write)(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts);
	/* Optional, for one that keeps a ledger: how far it is for this producer, as the store says
	 * now.  Asked on the thread of write(), before the first and after each that failed, since
	 * the store may be another one then, or may have been set back. */
	int (*ledger)(void *self, const char *producer, struct tally_ledger *ret);
};

/* rows are on loan until it returns; non-zero stops the query, which then returns it. */
typedef int tally_rows_fn(void *arg, const struct tally_batch *rows);
typedef int tally_table_fn(void *arg, const struct tally_table *table);

struct tally_store_ops { /* "store": an output that can also answer; thread-safe */
	uint32_t size;
	uint32_t reserved;
	/* -ENOENT: no such table; -EINVAL: no such column, or a query it cannot answer;
	 * -ETIMEDOUT: the deadline passed; -ECANCELED: query->cancelled() said so; else -errno. */
	int (*query)(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg);
	/* Every table it holds, also of plugins that are not loaded here. */
	int (*tables)(void *self, tally_table_fn *each, void *arg);
};

struct tally_blob { /* bytes on loan: call release(owner) when done */
	const void *data;
	size_t len;
	void (*release)(void *owner);
	void *owner;
	void *reserved;
};

/* text is on loan and may be written to. */
typedef int tally_message_fn(void *arg, const char *channel, char *text, size_t len);

struct tally_cache_ops { /* "cache"; thread-safe */
	uint32_t size;
	uint32_t reserved;
	int (*get)(void *self, const char *key, struct tally_blob *ret); /* -ENOENT: a miss */
	int (*set)(void *self, const char *key, const void *data, size_t len, int64_t ttl_ns);
	/* Optional: what others publish on these channels (NULL ends them) from now on, until heard
	 * returns non-zero, which is returned; -ECANCELED: stop_fd has become readable; else
	 * -errno, and something may have been missed.  heard(arg, NULL, NULL, 0) when all channels
	 * are followed, and whenever there is no more at the moment. */
	int (*subscribe)(void *self, const char *const *channels, int stop_fd,
			 tally_message_fn *message, void *arg);
};

/*
 * Sees the rows of all inputs as they pass, in the order in which each input emits them, just
 * before a buffer takes them: for showing them, or for forgetting what they make old.  Nothing is
 * routed here, kept for it or counted.
 */
struct tally_watcher {
	uint32_t size;
	uint32_t reserved;
	/* Between start() and stop(), from the inputs' threads, several at once: they wait for
	 * it, so it must not block.  The batch is on loan; tally_batch_keep() keeps it. */
	void (*watch)(void *self, const struct tally_batch *batch);
};

/* A command line for one configured instance: `tallyd db migrate` gives argv = {"migrate"}. */
struct tally_command {
	uint32_t size;
	int argc;
	char *const *argv;
	const struct tally_table *const *tables; /* that plugins of this configuration emit */
};

/* ---- The plugin ------------------------------------------------------------ */

struct tally_plugin {
	uint32_t abi_major, abi_minor, size; /* first, for ever: they guard the rest */
	const char *name, *version, *help;   /* required */
	const struct tally_option *options;  /* ends with .name = NULL; NULL: none */
	size_t config_size;
	const struct tally_table *const *tables; /* what it emits; NULL-terminated; NULL: none */
	const struct tally_metric *metrics;      /* ends with .name = NULL; NULL: none */

	/* No I/O.  config lives as long as the instance and all batches it has emitted. */
	int (*create)(struct tally_ctx *ctx, const void *config, void **ret_self);
	/* start, stop and interrupt are optional.  start: connect; called again, backing off,
	 * while it fails.  interrupt: make a blocked call return now.  stop: undoes start;
	 * nothing is in flight. */
	int (*start)(void *self);
	void (*interrupt)(void *self);
	void (*stop)(void *self);
	void (*destroy)(void *self); /* undoes create */
	/* Optional: take a new config while running; it lives until the next one was taken, and
	 * as long as the batches emitted until then.  Without it the core stops and creates
	 * the instance anew; a buffer without it keeps its old settings until a restart. */
	int (*reconfigure)(void *self, const void *config);

	const struct tally_input *input;
	const struct tally_output *output;
	const struct tally_buffer *buffer;
	const struct tally_store_ops *store;
	const struct tally_cache_ops *cache;
	const struct tally_watcher *watcher;

	/* Optional: does what `tallyd db …` asks of the instance with this config and
	 * prints to stdout.  Nothing else of the instance was called.  -EINVAL: no such command;
	 * -ENOSYS: one that others have, and this instance need not; 1: it was done, and found
	 * something that is not as it should be. */
	int (*command)(struct tally_ctx *ctx, const void *config,
		       const struct tally_command *command);

	/* Optional: what create() does not look at.  Are the files that the config names there
	 * and sound, can be written where it will write?  Local files only; changes nothing.  Of
	 * `tallyd check` and before a reload, in a process of its own.  The reason begins with the
	 * option's name: "tls_key: …". */
	int (*check)(struct tally_ctx *ctx, const void *config);
};

/*
 * The one exported function of a plugin: TALLY_PLUGIN(.name = "…", .version = "…", …);  C++20 wants
 * the members in the order in which they are declared above, and the functions may be its own.
 */
#ifdef __cplusplus
#define TALLY_PLUGIN_LINKAGE extern "C"
#else
#define TALLY_PLUGIN_LINKAGE
#endif
#define TALLY_PLUGIN(...)                                                                          \
	TALLY_PLUGIN_LINKAGE __attribute__((visibility("default"))) const struct tally_plugin *    \
	tally_plugin(void);                                                                        \
	TALLY_PLUGIN_LINKAGE const struct tally_plugin *tally_plugin(void)                         \
	{                                                                                          \
		static const struct tally_plugin plugin = {.abi_major = TALLY_ABI_MAJOR,           \
							   .abi_minor = TALLY_ABI_MINOR,           \
							   .size = sizeof(struct tally_plugin),    \
							   __VA_ARGS__};                           \
		return &plugin;                                                                    \
	}

#ifdef __cplusplus
}
#endif
#endif
