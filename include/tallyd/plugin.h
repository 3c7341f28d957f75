/*
 * The tallyd plugin ABI: what a plugin declares and implements.
 *
 * A plugin is one shared object.  It exports one function, tally_plugin(), and calls the daemon
 * through the ctx that create() receives; host.h has those calls.
 *
 *   threads    The core calls an instance from one thread at a time, so a plugin may block.  Only
 *              interrupt(), reconfigure(), and the functions of a store, a cache and a watcher run
 *              beside that thread.
 *   ownership  An emitted batch belongs to the core.  What the core passes to a function is valid
 *              until that function returns.
 *   errors     Functions return 0 or -errno.  tally_fail() records the reason; the core logs and
 *              counts the error and retries.
 *
 * Growth: the daemon loads a plugin of the same TALLY_ABI_MAJOR whose minor version is not newer
 * than its own.  A struct that begins with `size` grows at its end: whoever fills it sets `size` to
 * sizeof.  Other structs keep their layout for as long as the major version lasts; their reserved
 * members are 0.
 *
 *   1.0   first version
 */
#ifndef TALLYD_PLUGIN_H
#define TALLYD_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MAJOR is raised when a layout or a meaning changes: older plugins are refused.  MINOR is raised
 * when something is appended: older plugins still load. */
#define TALLY_ABI_MAJOR 1
#define TALLY_ABI_MINOR 0

/*
 * One instance of a plugin.  create() receives it, and every tally_*() call takes it.  Valid from
 * create() until destroy() returns.  Threads that the plugin starts may use it only until stop()
 * returns, so stop() must join them.
 */
struct tally_ctx;

struct tally_store;  /* an instance that answers queries; an option binds it */
struct tally_cache;  /* an instance that caches values; an option binds it */
struct tally_query;  /* see query.h */
struct tally_buffer; /* see buffer.h, which is not part of this ABI */

/* ---- Records: a batch holds rows of one declared table ---------------------- */

enum tally_type { TALLY_TIME = 1, TALLY_INT, TALLY_REAL, TALLY_BOOL, TALLY_TEXT, TALLY_JSON };

/*
 * TAG:     identifies a series or an object (TEXT, INT or BOOL).
 * COUNTER: only increases, and restarts near 0 when its source restarts (INT or REAL).
 * GONE:    the time at which the object of a STATE row ceased to exist (TIME).
 * ORDER:   orders the rows of a LOG table that have the same time (INT).
 */
enum tally_role { TALLY_FIELD, TALLY_TAG, TALLY_COUNTER, TALLY_GONE, TALLY_ORDER };

/*
 * SERIES: rows are appended; the key is tags + time.
 * STATE:  the newest row of a key replaces the previous one; the key is the tags.
 * LOG:    rows are appended; the key is tags + time + order.
 * A store keeps one row per key: writing a stored row again changes nothing.
 */
enum tally_kind { TALLY_SERIES = 1, TALLY_STATE, TALLY_LOG };

/* KEPT_LONG: few rows, which stay worth having, such as what was deployed when: a store keeps them
 * for as long as rollups by day.  Once a store knows it of a table, that stays. */
enum tally_table_flag { TALLY_KEPT_LONG = 1 };

struct tally_column {
	const char *name; /* [a-z][a-z0-9_]*, at most 48 bytes */
	const char *unit; /* "bytes", "ns", "percent"; NULL: none */
	const char *help; /* NULL: the name is enough */
	uint16_t type;    /* enum tally_type */
	uint16_t role;    /* enum tally_role */
	uint32_t reserved;
};

struct tally_table {
	/* [a-z][a-z0-9_]*, at most 48 bytes.  Reserved for tables that stores derive: the prefixes
	 * tally_, sqlite_ and pg_, and the suffixes _rows, _series, _key, _1min, _5min, _1h, _1d
	 * and _pYYYYMMDD. */
	const char *name;
	const char *help;                   /* required */
	const struct tally_column *columns; /* columns[0] is the time of the row, a TALLY_TIME */
	uint32_t n_columns;
	uint32_t kind;     /* enum tally_kind */
	uint32_t revision; /* raise it when you append columns; nothing else may change */
	uint32_t flags;    /* enum tally_table_flag; may be added later */
};

struct tally_cell {
	union {
		int64_t i;        /* TIME: ns since 1970 UTC; INT; BOOL: 0 or 1 */
		double f;         /* REAL */
		const char *text; /* TEXT, JSON: `len` bytes, no NUL needed; lives as the batch */
	};
	uint32_t len; /* bytes of text; 0 for other types */
	uint32_t set; /* 0: NULL; 1: a value; other bits are reserved */
};

/* Immutable once emitted.  Row r starts at cells[r * table->n_columns]. */
struct tally_batch {
	const struct tally_table *table;
	const struct tally_cell *cells;
	uint32_t n_rows;
	uint32_t reserved;
};

/* ---- Options: the core parses, checks and documents them --------------------- */

enum tally_option_type {
	TALLY_OPT_BOOL = 1, /* bool: yes|no|true|false|on|off */
	TALLY_OPT_INT,      /* int64_t */
	TALLY_OPT_SIZE,     /* int64_t, bytes: 64Ki 16Mi 1Gi */
	TALLY_OPT_DURATION, /* int64_t, ns: 500ms 5s 2min 1h 7d */
	TALLY_OPT_STRING,   /* const char *; NULL if not set and without a fallback */
	TALLY_OPT_LIST,   /* const char *const *, NULL-terminated; separated by commas or blanks */
	TALLY_OPT_CHOICE, /* int64_t: the index of the word in accepts */
	TALLY_OPT_STORE,  /* struct tally_store *: the name of an instance, such as sqlite; *: the
			   * first that is configured, NULL if none is */
	TALLY_OPT_CACHE,  /* struct tally_cache *: the name of an instance, such as redis */
			  /* 10 is in use: see buffer.h */
};

/* SECRET: the value is masked wherever it would be shown, and `<name>_file = PATH` reads it from a
 * file. */
enum tally_option_flag { TALLY_OPT_REQUIRED = 1, TALLY_OPT_SECRET = 2 };

struct tally_option {
	const char *name;
	const char *fallback; /* the default, as a user would write it; NULL: zero, false or NULL */
	/* Numbers: a range, "1..65535", "100ms..", "..1Gi".  CHOICE (required), and each word of a
	 * LIST: the words, "a|b|c".  NULL: no limit. */
	const char *accepts;
	const char *help; /* required */
	uint32_t type;    /* enum tally_option_type */
	uint32_t flags;   /* enum tally_option_flag */
	size_t offset;    /* of the value in the plugin's config struct */
	const void *reserved;
};

/* ---- Metrics: declared here, shown at /metrics and in the documentation ------- */

enum tally_metric_kind { TALLY_METRIC_COUNTER, TALLY_METRIC_GAUGE };

/* Shown as tallyd_<plugin>_<name>{instance="…",<labels>}.  A unit of "ns" is shown in seconds. */
struct tally_metric {
	const char *name, *unit, *help; /* name and help are required */
	const char *labels;             /* constant labels, `call="list"`; NULL: none */
	uint32_t kind;                  /* enum tally_metric_kind */
	uint32_t reserved;
};

/* ---- Facets: a plugin has any of these, or none: then it is a service ---------- */

/* Implement exactly one of gather() and run(). */
struct tally_input {
	uint32_t size;
	uint32_t reserved;
	/* With gather(): the default of the option `interval`, in ns; whole milliseconds, at least
	 * 100 ms. */
	int64_t interval;
	int (*gather)(void *self); /* called every interval */
	int (*run)(void *self);    /* called once; returns when tally_stopping() */
};

/* A batch with its place in a buffer.  producer and sequence together identify it for ever. */
struct tally_entry {
	const struct tally_batch *batch;
	uint64_t sequence;    /* 1, 2, 3, … within one buffer */
	const char *producer; /* a unique name of this daemon and buffer; NULL: no ledger needed */
	const void *reserved;
};

enum tally_verdict {
	TALLY_RETRY,  /* not written: offer it again later */
	TALLY_DONE,   /* written; durably, if tally_must_flush() */
	TALLY_REJECT, /* can never be written: drop and count it; tally_reject_entry() says why */
};

/* What an output has recorded, in the same transactions as the rows, of one producer's entries. */
enum { TALLY_LEDGER_AHEAD = 512 };
struct tally_ledger {
	uint64_t sequence; /* every entry up to this one is stored or was rejected; 0: none */
	uint32_t n_ahead;  /* how many entries of `ahead` are stored besides */
	uint32_t reserved;
	uint64_t ahead[TALLY_LEDGER_AHEAD];
};

struct tally_output {
	uint32_t size;
	uint32_t reserved;
	/* Required.  Creates what the table needs.  Called after start() for every table routed to
	 * this output, at the latest before the first batch of the table.  -EINVAL: the table can
	 * never be stored, so the core rejects its batches.  Any other error: the batches wait, and
	 * the core calls again. */
	int (*prepare)(void *self, const struct tally_table *table);
	/* Required.  Writes n entries, in one transaction if the store has transactions, and sets a
	 * verdict (enum tally_verdict) for each; all are TALLY_RETRY on entry.  A negative return
	 * value counts as a failed attempt; the verdicts count all the same. */
	int (*write)(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts);
	/* Optional: reads the ledger of a producer from the store.  Called on the thread of
	 * write(), before the first write and after each failed one, because the store may have
	 * been replaced or restored from a backup meanwhile. */
	int (*ledger)(void *self, const char *producer, struct tally_ledger *ret);
	/* The default of the option `tables`, for an output that has a use for few of them; NULL:
	 * all. */
	const char *tables;
};

/* Receives rows of an answer, valid until it returns.  Non-zero ends the query, which returns it.
 */
typedef int tally_rows_fn(void *arg, const struct tally_batch *rows);
typedef int tally_table_fn(void *arg, const struct tally_table *table);

/* Facet `store`: answers queries.  Both functions are called from many threads at once. */
struct tally_store_ops {
	uint32_t size;
	uint32_t reserved;
	/* -ENOENT: no such table.  -EINVAL: no such column, or a query that the store cannot
	 * answer.  -ETIMEDOUT: the deadline passed.  -ECANCELED: query->cancelled() returned true.
	 */
	int (*query)(void *self, const struct tally_query *query, tally_rows_fn *rows, void *arg);
	/* Lists every stored table, including those of plugins that are not loaded. */
	int (*tables)(void *self, tally_table_fn *each, void *arg);
	/* Optional: as start(), in a process that only asks, while another one may write; stop()
	 * undoes it.  NULL: start() can do that. */
	int (*start_reading)(void *self);
};

/* Bytes that belong to a cache: call release(owner) when you are done with them. */
struct tally_blob {
	const void *data;
	size_t len;
	void (*release)(void *owner);
	void *owner;
	void *reserved;
};

/* text is valid until the function returns, which may write to it. */
typedef int tally_message_fn(void *arg, const char *channel, char *text, size_t len);

/* Facet `cache`.  The functions are called from many threads at once. */
struct tally_cache_ops {
	uint32_t size;
	uint32_t reserved;
	int (*get)(void *self, const char *key, struct tally_blob *ret); /* -ENOENT: not cached */
	int (*set)(void *self, const char *key, const void *data, size_t len, int64_t ttl_ns);
	/* Optional.  Subscribes to channels (a NULL-terminated array) and blocks.  Calls message()
	 * for each message, and with NULL, NULL, 0 once all channels are subscribed and whenever no
	 * message is left for now.  Returns what message() returned if that is not 0; -ECANCELED
	 * when stop_fd is readable; another -errno if the connection broke and messages may have
	 * been missed. */
	int (*subscribe)(void *self, const char *const *channels, int stop_fd,
			 tally_message_fn *message, void *arg);
};

/* Facet `watcher`: sees the rows of all inputs as they pass, in the order in which each input emits
 * them, before a buffer takes them.  For live views and for invalidating caches. */
struct tally_watcher {
	uint32_t size;
	uint32_t reserved;
	/* Called between start() and stop() on the inputs' threads, several at once.  The inputs
	 * wait for it, so it must not block.  tally_batch_keep() keeps the batch for longer. */
	void (*watch)(void *self, const struct tally_batch *batch);
};

/* A command for one configured instance: `tallyd db migrate` gives argv = {"migrate"}, with
 * --dry-run argv = {"dry-run"}. */
struct tally_command {
	uint32_t size;
	int argc;
	char *const *argv;
	const struct tally_table *const *tables; /* of all plugins in this configuration */
};

/* ---- The plugin ------------------------------------------------------------- */

struct tally_plugin {
	/* Identity.  The first three members never move: they guard the rest. */
	uint32_t abi_major, abi_minor, size;
	const char *name, *version, *help; /* required */

	/* What it declares. */
	const struct tally_option *options;      /* ends with .name = NULL; NULL: none */
	size_t config_size;                      /* of the struct that the options fill */
	const struct tally_table *const *tables; /* what it emits; NULL-terminated; NULL: none */
	const struct tally_metric *metrics;      /* ends with .name = NULL; NULL: none */

	/* Life cycle.  create() does no I/O.  config lives as long as the instance and every batch
	 * it has emitted. */
	int (*create)(struct tally_ctx *ctx, const void *config, void **ret_self);
	/* Optional.  Connects.  While it fails the core calls it again, less and less often. */
	int (*start)(void *self);
	/* Optional, on another thread: makes a blocked call return now. */
	void (*interrupt)(void *self);
	/* Optional.  Undoes start(), when no other call is in progress. */
	void (*stop)(void *self);
	/* Undoes create(). */
	void (*destroy)(void *self);
	/* Optional, on another thread: applies a new configuration to the running instance.  The
	 * new config lives until the next one is applied, and as long as the batches emitted until
	 * then.  Without this function the core stops the instance and creates it anew; a buffer
	 * keeps its settings until the daemon restarts. */
	int (*reconfigure)(void *self, const void *config);

	/* Facets. */
	const struct tally_input *input;
	const struct tally_output *output;
	const struct tally_buffer *buffer;
	const struct tally_store_ops *store;
	const struct tally_cache_ops *cache;
	const struct tally_watcher *watcher;

	/* Optional: runs `tallyd db …` for an output or buffer with this config, or `tallyd alerts
	 * test` (argv = {"test", FROM, TO, "text" or "json"}, ns since 1970; the store that an
	 * option names runs) for an input, and prints to stdout.  No
	 * other function of the instance is called before it.  0: done; 1: done, and it found a
	 * problem; -EINVAL: no such command; -ENOSYS: a command that this plugin does not need. */
	int (*command)(struct tally_ctx *ctx, const void *config,
		       const struct tally_command *command);

	/* Optional: checks what create() does not, such as whether files named in the config exist
	 * and are valid, and whether paths are writable.  Local files only; changes nothing. Called
	 * by `tallyd check` and before a reload, in a process of its own.  The reason of a failure
	 * begins with the name of the option: "tls_key: …". */
	int (*check)(struct tally_ctx *ctx, const void *config);
};

/*
 * Defines the exported function: TALLY_PLUGIN(.name = "…", .version = "…", …);  In C++ (20, or 17
 * with GNU extensions) name the members in the order of the struct.
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
