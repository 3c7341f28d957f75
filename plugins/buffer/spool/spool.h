/*
 * What spool.c (life, pushing), spool_read.c (readers), spool_drop.c (taking out) and spool_place.c
 * (the file taken away) share.  Nobody else's.  Under the core's lock, but for the two atomics.
 */
#ifndef TALLYD_SPOOL_H
#define TALLYD_SPOOL_H

#include <stdatomic.h>
#include <tallyd/host.h>

#include "file_place.h"
#include "spool_held.h"
#include "spool_store.h"

enum {
	SPOOL_CACHE = 4 << 20, /* memory for batches that nobody has on loan */
	SPOOL_LOAN = 16 << 20, /* and that one reader may have, if it is more than one batch */
};

struct spool_reader {
	char *name; /* NULL: forgotten, the place is free */
	uint64_t settled, given;
	bool open; /* in this life of the daemon */
};

struct spool_stand_in; /* spool_drop.c */

struct spool {
	struct tally_ctx *ctx;
	char *path;
	atomic_int_least64_t capacity; /* reconfigure() comes beside the other calls */
	atomic_bool full_sync;
	struct spool_store *store; /* NULL: not started */
	struct spool_held held;
	struct spool_reader *readers;
	uint32_t n_readers;
	char *position; /* the one asked for last */
	uint64_t wal;   /* bytes it is limited to now */
	struct spool_stand_in *stand_ins;
	struct file_place place, wal_place;
	bool missing; /* it is not in its place and could not be put back so far */
	int64_t put_back_due;
};

/* As the plugin declares them. */
enum { SPOOL_TAKEN_AWAY, SPOOL_MISSING };

/* ---- spool_read.c ---- */

/* The reader that has it on loan; NULL: none. */
const struct spool_reader *spool_find_loan(const struct spool *spool, uint64_t sequence);
/* Lets go of what memory holds beyond SPOOL_CACHE. */
void spool_shrink(struct spool *spool);
/* Has the entry in memory from now on.  -EBADMSG: it cannot be read any more. */
int spool_fetch(struct spool *spool, uint64_t sequence);
/* Those that the file knows. */
int spool_load_readers(struct spool *spool);
void spool_unload_readers(struct spool *spool);

int spool_open_reader(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows);
int spool_forget_reader(void *self, const char *name);
int spool_forget_absent(void *self);
int spool_peek(void *self, uint32_t reader, bool rewind, uint32_t max_rows, struct tally_entry *ret,
	       uint32_t max_entries, uint32_t *ret_n);
int spool_survey(void *self, uint32_t reader, tally_survey_fn *each, void *arg);
int spool_settle(void *self, uint32_t reader, uint64_t up_to_sequence);

/* ---- spool_place.c ---- */

/* The file has just been opened. */
void spool_place_note(struct spool *spool);
/* Puts it back if somebody has taken it away.  -ENOSPC: that cannot be done now. */
int spool_place_keep(struct spool *spool);

/* ---- spool_drop.c ---- */

int spool_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret);
void spool_free_stand_ins(struct spool *spool);

#endif
