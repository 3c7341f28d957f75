/*
 * Moving all that a store holds into another, exactly: declarations, series with their numbers,
 * rows, rollups, watermarks, minutes that have to be rolled up again, and the ledger.
 *
 * The two stores are two processes with a socket between them (`tallyd db copy`): one runs
 * transfer_send() with what its store can say of itself, the other one transfer_receive() with what
 * its store can take.  What is sent is one snapshot of the store.  It is received in chunks, a
 * stretch of time of a table each: a chunk and the note that it is there are one transaction, so a
 * copy that was killed is resumed where it was.  Chunks that are noted are compared, and sent again
 * only if they have changed.  In the end all is read once more from where it was written and
 * compared with what was received.
 */
#ifndef TALLYD_PLUGINS_COMMON_TRANSFER_H
#define TALLYD_PLUGINS_COMMON_TRANSFER_H

#include "transfer/wire.h"

typedef int transfer_row_fn(void *arg, const struct tally_cell *cells);
typedef int transfer_time_fn(void *arg, int64_t time);
typedef int transfer_ledger_fn(void *arg, const char *writer, int64_t sequence);

/* All but STATE tables and series are read by time, [from, to), in the order of their keys. */
struct transfer_reader {
	struct tally_ctx *ctx;
	void *self;
	int (*tables)(void *self, tally_table_fn *each, void *arg);
	/* The first time at or after one; INT64_MAX: none. */
	int (*first)(void *self, const struct transfer_shape *shape, int64_t from, int64_t *ret);
	int (*read)(void *self, const struct transfer_shape *shape, int64_t from, int64_t to,
		    transfer_row_fn *row, void *arg);
	int (*watermarks)(void *self, const char *table, struct watermarks *ret);
	/* Minutes whose rollups are to be made again. */
	int (*late)(void *self, const struct stored_table *stored, transfer_time_fn *each,
		    void *arg);
	int (*ledger)(void *self, transfer_ledger_fn *each, void *arg);
};

/* What was noted of a chunk. */
struct transfer_chunk {
	char table[64];
	int part;
	int64_t from;
	struct wire_sum sent; /* what came */
	struct wire_sum kept; /* what of it the store can hold, as it holds it */
	int64_t run;          /* which run has seen it */
};
typedef int transfer_chunk_fn(void *arg, const struct transfer_chunk *chunk);

struct transfer_writer {
	struct transfer_reader reader; /* of what was written, to compare it */
	struct catalog *catalog;
	void *self;
	/* Refuses a store that holds anything but an unfinished copy from that source. *ret_run: of
	 * this run, 1 if there is none to be resumed. */
	int (*begin)(void *self, const char *source, int64_t *ret_run);
	int (*ensure)(void *self, const struct tally_table *table);
	/* -ENOENT: not noted.  chunk: table, part and from are filled in. */
	int (*find)(void *self, struct transfer_chunk *chunk);
	/* A transaction.  delete: an earlier one has written rows there. */
	int (*open)(void *self, const struct transfer_shape *shape, int64_t from, int64_t to,
		    bool delete);
	/* Why a row cannot be kept, NULL: it can; changes cells to what the store keeps of them. */
	const char *(*keep)(void *self, const struct transfer_shape *shape,
			    struct tally_cell *cells);
	int (*put)(void *self, const struct transfer_shape *shape, const struct tally_cell *cells);
	int (*close)(void *self, const struct transfer_shape *shape,
		     const struct transfer_chunk *chunk);
	void (*give_up)(void *self); /* a transaction that is open */
	int (*seen)(void *self, const struct transfer_chunk *chunk);
	int (*chunks)(void *self, transfer_chunk_fn *each, void *arg);
	int (*set_watermarks)(void *self, const char *table, const struct watermarks *watermarks);
	int (*set_late)(void *self, const struct stored_table *stored, int64_t time);
	int (*set_ledger)(void *self, const char *writer, int64_t sequence);
	/* All is there and compared: forgets the notes.  In one transaction with the three above,
	 * which come between. */
	int (*begin_end)(void *self);
	int (*end)(void *self);
};

/* The socket that a command "copy-from FD" or "copy-to FD" names. */
int transfer_socket(struct tally_ctx *ctx, const struct tally_command *command, int *ret);
/* source: what the other end calls this store, when it resumes. */
int transfer_send(const struct transfer_reader *reader, const char *source, int fd);
/* Says on stdout what it has done.  1: done, but some rows could not be kept. */
int transfer_receive(const struct transfer_writer *writer, int fd);

#endif
