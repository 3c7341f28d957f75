/*
 * What the files of the plugin share.  They call each other in one direction, in the order in which
 * this header lists them:
 *   - spool_store.h (the SQLite file) and spool_manifest.h (the record beside it) know nothing of
 *     the rest;
 *   - spool_readers.c (cursors in memory), spool_capacity.c (limits), spool_retention.c (entries
 *     kept for a while), spool_lost.c and spool_reconcile.c build on them;
 *   - spool_restore.c puts back a file that was taken away, spool_rebuild.c replaces a damaged one;
 *   - spool_read.c (readers), spool_drop.c (taking out) and spool.c (pushing, life) are what the
 *     core calls.
 * Under the core's lock, but for the atomics.
 */
#ifndef TALLYD_SPOOL_H
#define TALLYD_SPOOL_H

#include <stdatomic.h>
#include <tallyd/buffer.h>
#include <tallyd/host.h>

#include "base/clock.h"
#include "base/file_place.h"
#include "spool_cache.h"
#include "spool_manifest.h"
#include "spool_store.h"

enum {
	SPOOL_CACHE_BYTES = 4 << 20, /* memory for batches that nobody has borrowed */
	SPOOL_BORROWED_BYTES =
		16 << 20, /* and that one reader may have, if it is more than one batch */
};

struct spool_reader {
	char *name; /* NULL: forgotten, the slot is free */
	uint64_t acked, fetched;
	uint64_t stored;     /* the last entry that its output reported as stored */
	size_t reported;     /* how many of the losses */
	uint64_t lost_after; /* its cursor when they began */
	bool open;           /* since the daemon started */
};

struct spool_loss {
	uint64_t sequence;
	const char *table;
	uint32_t rows;
};

struct spool_name {
	struct spool_name *next;
	char text[];
};

enum { SPOOL_RETENTION_MARKS = 64 };
struct spool_retention_mark {
	int64_t at; /* monotonic */
	uint64_t acked;
};
struct spool_retention {
	atomic_int_least64_t period;
	struct spool_retention_mark marks[SPOOL_RETENTION_MARKS]; /* oldest first */
	uint32_t n;
	uint64_t released; /* old enough up to here */
};

/* Rebuilds per pause: each sets a file aside, and a disk that keeps damaging it must not be filled.
 */
enum { SPOOL_REBUILDS = 4 };
#define SPOOL_REBUILD_PAUSE CLOCK_MINUTE

struct spool {
	struct tally_ctx *ctx;
	char *path;
	atomic_int_least64_t capacity; /* reconfigure() runs concurrently */
	atomic_bool full_sync;
	struct spool_store *store; /* NULL: not started */
	struct spool_cache cache;
	struct spool_reader *readers;
	uint32_t n_readers;
	char *position; /* returned last */
	struct file_place place, wal_place;
	bool missing; /* the file was removed and could not be put back so far */
	int64_t put_back_due;
	struct spool_manifest manifest;
	struct spool_retention retention;
	struct spool_loss *losses; /* not yet reported to all readers */
	size_t n_losses, losses_size;
	struct spool_name *names;  /* tables of the losses */
	struct spool_name *replay; /* sources to be replayed */
	unsigned rebuilds;
	int64_t rebuilt; /* last attempt, monotonic */
};

/* Metrics, in the order of the declaration. */
enum { SPOOL_TAKEN_AWAY, SPOOL_MISSING, SPOOL_SET_ASIDE };

/* ---- spool_readers.c ---- */

struct spool_reader *spool_find_reader(const struct spool *spool, const char *name);
/* In a free slot, or one more.  NULL: no memory. */
struct spool_reader *spool_add_reader(struct spool *spool, const char *name, uint64_t acked);
void spool_remove_reader(struct spool_reader *reader); /* frees its slot */
/* The reader that has borrowed an entry; NULL: none. */
const struct spool_reader *spool_find_borrower(const struct spool *spool, uint64_t sequence);
/* Up to where every reader has acknowledged, when this one has acknowledged up to there. */
uint64_t spool_passed(const struct spool *spool, const struct spool_reader *reader, uint64_t acked);
/* Up to where all readers have acknowledged; without any, `last`. */
uint64_t spool_acked(const struct spool *spool, uint64_t last);
/* Creates the reader if needed, and moves its cursor up to `acked` at least. */
int spool_note_reader(struct spool *spool, const char *name, uint64_t acked);
void spool_record_reader(struct spool *spool, const struct spool_reader *reader);
/* After opening a file: counts the entries that all readers have acknowledged. */
int spool_count_retained(struct spool *spool);
/* Loads the readers that the file knows. */
int spool_load_readers(struct spool *spool);
void spool_unload_readers(struct spool *spool);

/* ---- spool_capacity.c ---- */

struct spool_limits {
	uint64_t file, wal, entry;
};
struct spool_limits spool_limits(const struct spool *spool);
/* Reserves room on the disk, after opening a file. */
void spool_reserve_room(const struct spool *spool);

/* ---- spool_retention.c ---- */

/* Up to where entries may be deleted, when all readers have acknowledged up to `acked`. */
uint64_t spool_retention_until(struct spool *spool, uint64_t acked);
/* Deletes the older half of the retained entries.  false: there are none. */
bool spool_retention_shrink(struct spool *spool);
const char *spool_producer(void *self);
int spool_stored(void *self, uint32_t reader, uint64_t sequence);
int spool_behind(void *self, uint32_t reader, const struct tally_ledger *ledger,
		 tally_missing_fn *each, void *arg);

/* ---- spool_lost.c ---- */

int spool_lost_add(struct spool *spool, uint64_t sequence, const char *table, uint32_t rows);
/* Before losses are added: what a reader has acknowledged by now is not a loss for it. */
void spool_lost_begin(struct spool *spool);
void spool_lost_cut(struct spool *spool, size_t n); /* as if no more than n had been added */
void spool_lost_done(struct spool *spool);
int spool_lost(void *self, uint32_t reader, tally_scan_fn *each, void *arg);

int spool_replay_load(struct spool *spool, const struct manifest_index *known);
void spool_replay_end(struct spool *spool, const char *source); /* it was replayed */
void spool_replay_done(struct spool *spool);
int spool_resume(void *self, const char *source, const char **ret);

/* ---- spool_reconcile.c ---- */

int spool_reconcile(struct spool *spool); /* the manifest with the spool */
/* Every entry that waits, by its checksum; for some seconds at most.  -EBADMSG: one is damaged. */
int spool_verify(struct spool *spool);

/* ---- spool_restore.c ---- */

/* Notes the identity of a file that was just opened. */
void spool_restore_note(struct spool *spool);
/* Another file is the spool from now on, with the same entries.  Closes the old one. */
int spool_adopt(struct spool *spool, struct spool_store *fresh);
/* Puts the file back if it was removed or replaced.  -ENOSPC: not possible now. */
int spool_restore_if_moved(struct spool *spool);

/* ---- spool_rebuild.c ---- */

/* spool_store_open() could not use the file: makes one that it can. */
int spool_rebuild_at_start(struct spool *spool, const char *why);
/* After a call that returned r: true if that was damage and is mended, so that the call is to be
 * made again. */
bool spool_recovered(struct spool *spool, int r);

/* ---- spool_read.c ---- */

/* Lets go of what memory holds beyond SPOOL_CACHE_BYTES. */
void spool_shrink(struct spool *spool);
/* Has the entry in memory from now on.  -EBADMSG: it cannot be read any more. */
int spool_load(struct spool *spool, uint64_t sequence);
int spool_open_reader(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows);
int spool_forget_reader(void *self, const char *name);
int spool_forget_absent(void *self);
int spool_fetch(void *self, uint32_t reader, bool rewind, uint32_t max_rows,
		struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n);
int spool_scan(void *self, uint32_t reader, tally_scan_fn *each, void *arg);
int spool_ack(void *self, uint32_t reader, uint64_t up_to_sequence);

/* ---- spool_drop.c ---- */

int spool_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret);

#endif
