/*
 * The interface of buffers, and options that list caches: for plugins in tallyd's own tree.
 *
 * Not part of the plugin ABI.  It may change with any minor version, so the daemon loads a plugin
 * that declares a buffer or a TALLY_OPT_CACHES only if it was built for exactly the daemon's ABI
 * version.
 */
#ifndef TALLYD_BUFFER_H
#define TALLYD_BUFFER_H

#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A list of caches ------------------------------------------------------ */

/* An option type beside those of enum tally_option_type: const struct tally_named_cache *, an array
 * that ends with .name = NULL. */
#define TALLY_OPT_CACHES 10u

struct tally_named_cache {
	const char *name;
	struct tally_cache *cache; /* NULL: the name is one of the words in accepts */
};

/* ---- Buffers --------------------------------------------------------------- */

struct tally_usage {
	uint64_t bytes, capacity, entries, rows;
};

typedef int tally_scan_fn(void *arg, const char *table, uint64_t sequence, uint32_t rows);

/* An entry that an output had stored and that its store has lost. */
struct tally_missing {
	const char *table;
	uint64_t sequence;
	int64_t first, last; /* the times of its rows; 0: unknown */
	uint32_t rows;
	uint32_t kept; /* 1: the buffer still has it and offers it again */
};
typedef int tally_missing_fn(void *arg, const struct tally_missing *entry);

/*
 * A journal: entries in the order in which they were pushed, kept until every reader has
 * acknowledged them.  The core holds a lock around every call, so calls never overlap.  The core
 * also decides when a batch is due and what happens when the buffer is full.
 */
struct tally_buffer {
	uint32_t size;
	uint32_t durable; /* 1: what is pushed is safe, so inputs may forget their copy */
	/* Opens the cursor of an output, which is known by its name: where the output left it, or
	 * at the oldest entry for a new one.  ret_rows: the rows that wait for it. */
	int (*open_reader)(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows);
	/* The output is gone for good: drop what only it was waiting for. */
	int (*forget_reader)(void *self, const char *name);
	/* Stores the rows together with their input's position, both or neither; takes a reference
	 * of its own.  position NULL: none.  -ENOSPC: full by its own limit, or, after
	 * tally_fail(), for another reason, such as a full disk.  -EMSGSIZE: too large for this
	 * buffer.  -EINVAL: never acceptable.  Any other error: the core calls again. */
	int (*push)(void *self, const struct tally_batch *batch, const char *source,
		    const char *position, uint64_t *ret_sequence);
	/* Gives the entries that follow those the reader was given last, oldest first, up to either
	 * limit.  They stay valid until they are acknowledged.  rewind: starts again at the
	 * reader's cursor and takes back what it was given.  May give fewer, or none, while the
	 * memory of the buffer is in use.  -EBADMSG: the next entry is damaged; the core counts the
	 * rows that drop_oldest() gives in its place. */
	int (*fetch)(void *self, uint32_t reader, bool rewind, uint32_t max_rows,
		     struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n);
	/* Moves the reader's cursor, also past entries that the reader was not given. */
	int (*ack)(void *self, uint32_t reader, uint64_t up_to_sequence);
	/* If durable: the position that was pushed last for a source.  -ENOENT: none. */
	int (*position)(void *self, const char *source, const char **ret);
	/* Removes the oldest entry after a sequence, unless a reader holds it.  The caller drops
	 * ret->batch.  -ENOENT: none. */
	int (*drop_oldest)(void *self, uint64_t after_sequence, struct tally_entry *ret);
	void (*usage)(void *self, struct tally_usage *ret);
	/* Optional, for a buffer larger than memory: lists every entry after the reader's cursor,
	 * in order. */
	int (*scan)(void *self, uint32_t reader, tally_scan_fn *each, void *arg);
	/* Optional, if durable: readers that were not opened since start() are gone for good. */
	int (*forget_absent)(void *self);
	/* Optional: lists the entries that this reader waited for and that were lost to damage
	 * since the last call, each once.  The core calls it after every other call and counts
	 * them. */
	int (*lost)(void *self, uint32_t reader, tally_scan_fn *each, void *arg);
	/* Optional, if durable: where an input must resume because rows of it were lost although
	 * later positions are known; "": from the start.  -ENOENT: nothing of that source was lost,
	 * or the input has already resumed. */
	int (*resume)(void *self, const char *source, const char **ret);
	/* The next three, optional and only together, let a buffer remember what was stored.
	 * The producer of all its entries; valid as long as the instance. */
	const char *(*producer)(void *self);
	/* The reader's output has stored everything up to this entry.  Called before ack(). */
	int (*stored)(void *self, uint32_t reader, uint64_t sequence);
	/* Compares with the ledger of the reader's output.  0: nothing is missing.  1: the ledger
	 * is behind; lists each missing entry and moves the reader's cursor back to
	 * ledger->sequence. 2: likewise, and more is missing than the buffer remembers. */
	int (*behind)(void *self, uint32_t reader, const struct tally_ledger *ledger,
		      tally_missing_fn *each, void *arg);
};

#ifdef __cplusplus
}
#endif
#endif
