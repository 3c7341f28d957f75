/*
 * The file of a spool: entries, the readers' cursors and the inputs' positions in one SQLite
 * database, and every change of them one transaction.  Knows nothing of batches: an entry is bytes.
 * One caller at a time: it runs under the journal's lock.
 *
 * - spool: one row: whose sequences these are, the last one when no entry shows it any more, the
 *            boot in which it was opened ('' once it was closed)
 * - entry: sequence, table name, rows, the batch as bytes
 * - reader: per output, up to where it has acknowledged
 * - position: per source, where its input may resume
 *
 * All functions here return 0 or what tally_fail() returns.  -ENOSPC: no room in the file system;
 * -EBADMSG: the file is damaged, or what was asked for in it.
 */
#ifndef TALLYD_SPOOL_STORE_H
#define TALLYD_SPOOL_STORE_H

#include <tallyd/host.h>

#include "spool_statement.h"

enum {
	SPOOL_FORMAT = 1,               /* user_version */
	SPOOL_APPLICATION = 0x74537031, /* application_id: "tSp1" */
	SPOOL_PAGE = 4096,
	SPOOL_POSITIONS_MAX = 4096, /* of more sources the one not heard of for longest goes */
};
/* How far sequences jump ahead of any that can have been given. */
#define SPOOL_LEAP (UINT64_C(1) << 32)

/* Creates the tables: producer, application_id, user_version. */
extern const char spool_schema[];

struct spool_store {
	struct tally_ctx *ctx;
	char *path;
	sqlite3 *db;
	sqlite3_stmt *statements[SPOOL_N_STATEMENTS];
	char *producer;
	uint64_t last_sequence, entries, rows;
	uint64_t passed, retained_entries,
		retained_rows; /* of them, those that all readers have acknowledged */
	uint64_t newest;       /* entry when it was opened */
	uint64_t bytes;        /* of the pages in use */
	uint64_t wal;          /* the log is checkpointed when it has so many bytes */
	uint64_t positions;
	bool full_sync; /* what the connection is set to now */
	bool damaged;   /* damage was found: the next start checks all of it */
	bool disk_full; /* at the last push */
};

struct spool_store_entry {
	uint64_t sequence;
	const char *table; /* in SPOOL_READ's and SPOOL_SCAN's row: until the next call */
	uint32_t rows;
	const void *bytes;
	size_t len;
	const char *source, *position; /* in SPOOL_ORIGINS' row; NULL: none */
};

/* ---- spool_open.c ---- */

/* Opens or creates it.  -EBADMSG: it cannot be used; -EBUSY: another process has it open. */
int spool_store_open(struct tally_ctx *ctx, const char *path, struct spool_store **ret);
void spool_store_close(struct spool_store *store);     /* NULL is fine */
char *spool_store_new_producer(struct tally_ctx *ctx); /* to be freed; NULL: it failed */

/* ---- spool_reserve.c ---- */

/* Reserves so many bytes on the disk for the log and inside the file, or as many as there are. */
void spool_store_reserve(struct spool_store *store, uint64_t wal, uint64_t file);

/* ---- spool_store.c ---- */

/* Copies everything into PATH.new, replacing an old one. */
int spool_store_copy(struct spool_store *store);
void spool_store_measure(struct spool_store *store);
/* Sets `wal`. */
int spool_store_limit_wal(struct spool_store *store, uint64_t bytes);

struct spool_store_push {
	const char *table;
	uint32_t rows;
	const void *bytes;
	size_t len;
	const char *source, *position; /* position NULL: none */
	bool full_sync;
};
int spool_store_push(struct spool_store *store, const struct spool_store_push *push);
/* Bytes of the file that a batch of so many encoded bytes takes. */
uint64_t spool_store_needs(size_t len);

/* The first entry after a sequence.  -ENOENT: none. */
int spool_store_next(struct spool_store *store, uint64_t after, uint64_t *ret);
/* Passes the entry to `use`, and returns its result. */
typedef int spool_store_use_fn(void *arg, const struct spool_store_entry *entry);
int spool_store_read(struct spool_store *store, uint64_t sequence, spool_store_use_fn *use,
		     void *arg);
/* Passes every entry after a sequence, without its bytes, to `use`, until that returns non-zero. */
int spool_store_scan(struct spool_store *store, uint64_t after, spool_store_use_fn *use, void *arg);
/* Likewise, with where they came from, as far as it is still known. */
int spool_store_origins(struct spool_store *store, uint64_t after, spool_store_use_fn *use,
			void *arg);
/* Every reader: name as `table`, up to where it has acknowledged as `sequence`. */
int spool_store_readers(struct spool_store *store, spool_store_use_fn *use, void *arg);
int spool_store_waiting(struct spool_store *store, uint64_t after, uint64_t *ret_rows);

/* The reader's cursor (NULL: no reader's); what all have passed, and how much of that may go. */
int spool_store_ack(struct spool_store *store, const char *reader, uint64_t acked, uint64_t passed,
		    uint64_t gone);
/* As at the start, and whenever a cursor went back: up to where all have passed. */
int spool_store_rewind(struct spool_store *store, const char *reader, uint64_t acked,
		       uint64_t passed);
int spool_store_forget(struct spool_store *store, const char *reader, uint64_t passed);
int spool_store_delete(struct spool_store *store, uint64_t sequence, uint32_t rows);
/* *ret lives until the next call that changes anything.  -ENOENT: none. */
int spool_store_position(struct spool_store *store, const char *source, char **ret);

#endif
