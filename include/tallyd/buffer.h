/*
 * What a buffer plugin implements, and a list of caches as an option: for the plugins of tallyd's
 * own tree.  Not part of the plugin ABI: both may change with any minor version, so a plugin that
 * declares a buffer, or an option of type TALLY_OPT_CACHES, is loaded only by a daemon of exactly
 * the ABI version that it was built for.
 */
#ifndef TALLYD_BUFFER_H
#define TALLYD_BUFFER_H

#include <tallyd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A list of caches ------------------------------------------------------ */

/* A type of option beside enum tally_option_type: const struct tally_named_cache *, which ends with
 * .name = NULL. */
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

/* An entry that an output had stored and its store does not have any more. */
struct tally_missing {
	const char *table;
	uint64_t sequence;
	int64_t first, last; /* the times of its rows; 0: not known */
	uint32_t rows;
	uint32_t kept; /* 1: it is offered again */
};
typedef int tally_missing_fn(void *arg, const struct tally_missing *entry);

/*
 * A journal: entries in the order pushed, kept until every reader has acknowledged them.  Never
 * called concurrently: the core holds its lock, decides when a batch is due and what to do
 * when it is full.
 */
struct tally_buffer {
	uint32_t size;
	uint32_t durable; /* 1: pushed means safe, so inputs may forget their copy */
	/* One cursor per output, known by its name: where it was left, a new one at the
	 * oldest entry.  ret_rows: rows waiting for it. */
	int (*open_reader)(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows);
	/* That output is gone for good; what only it waited for may go. */
	int (*forget_reader)(void *self, const char *name);
	/* The rows and their input's resume position become safe together or not at all.
	 * Takes a reference of its own.  position NULL: none.  -ENOSPC: full, by its own bound;
	 * after tally_fail(): by something else, as a disk.  -EMSGSIZE: more than ever fits.
	 * -EINVAL: never acceptable.  Another error: it is called again. */
	int (*push)(void *self, const struct tally_batch *batch, const char *source,
		    const char *position, uint64_t *ret_sequence);
	/* The next entries after what the reader was given last, oldest first, until either
	 * max is reached; on loan until acknowledged.  rewind: from the reader's cursor again; what
	 * was on loan is given back.  Fewer, or none, if what is on loan fills its memory.
	 * -EBADMSG: the next one cannot be read any more; drop_oldest() gives as many rows in
	 * its place, to be counted. */
	int (*fetch)(void *self, uint32_t reader, bool rewind, uint32_t max_rows,
		     struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n);
	/* Also past what the reader was given: it has no use for those. */
	int (*ack)(void *self, uint32_t reader, uint64_t up_to_sequence);
	/* The position pushed last for a source; a durable buffer only.  -ENOENT: none. */
	int (*position)(void *self, const char *source, const char **ret);
	/* Takes out the oldest entry after a sequence that no reader has on loan; the caller
	 * drops ret->batch.  -ENOENT: none. */
	int (*drop_oldest)(void *self, uint64_t after_sequence, struct tally_entry *ret);
	void (*usage)(void *self, struct tally_usage *ret);
	/* Optional, for a buffer that holds more than fits into memory: every entry after the
	 * reader's cursor, in order, none of it lent. */
	int (*scan)(void *self, uint32_t reader, tally_scan_fn *each, void *arg);
	/* Optional, for a durable buffer: readers that nobody has opened since start() are gone
	 * for good. */
	int (*forget_absent)(void *self);
	/* Optional: every entry that this reader waited for and that was lost to damage, since it
	 * was asked last; each once, to be counted.  Asked after every other call. */
	int (*lost)(void *self, uint32_t reader, tally_scan_fn *each, void *arg);
	/* Optional, for a durable buffer: where an input has to begin again because what it brought
	 * was lost, although later positions are known; "": from the beginning.  -ENOENT: nothing
	 * of that source was lost, or it has begun again. */
	int (*resume)(void *self, const char *source, const char **ret);
	/* The next three optional, together, for a buffer that remembers what was stored.
	 * The producer of all entries; as long as the instance. */
	const char *(*producer)(void *self);
	/* The reader's output has stored everything up to there; comes before ack(). */
	int (*stored)(void *self, uint32_t reader, uint64_t sequence);
	/* What the output's ledger says.  If it is behind what was stored, tells of each entry that
	 * is missing, sets the reader's cursor back to ledger->sequence and returns 1; 2: there are
	 * more than it remembers.  0: it is not behind. */
	int (*behind)(void *self, uint32_t reader, const struct tally_ledger *ledger,
		      tally_missing_fn *each, void *arg);
};

#ifdef __cplusplus
}
#endif
#endif
