/*
 * What journal.c (inputs' side), journal_block.c (inputs that wait), journal_reader.c and
 * journal_fetch.c (outputs' side), journal_cursor.c, journal_damage.c, journal_ledger.c and
 * journal_count.c (the sums) share.  Nobody else's.  Everything is guarded by the journal's lock.
 */
#ifndef TALLYD_CORE_JOURNAL_PARTS_H
#define TALLYD_CORE_JOURNAL_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#include "pipeline/journal.h"

/* What one output has to do with one table. */
struct journal_table {
	char *name;
	bool wanted;
	uint64_t waiting; /* rows */
	struct metric *routed, *stored, *shown_waiting, *lost, *offered_again;
};

struct journal_reader {
	struct journal_reader *next;
	struct journal *journal;
	char *output;
	char **globs; /* a copy, NULL-terminated; NULL: everything */
	bool attached;
	bool compared; /* with its output's ledger, in this life */
	uint32_t id;   /* the plugin's */
	pthread_cond_t due;
	unsigned wakes; /* of the journal, as last seen */
	int64_t since;  /* when rows began to wait that are not taken; monotonic ns */

	uint64_t cursor;  /* acknowledged up to here */
	uint64_t given;   /* fetched up to here */
	uint64_t waiting; /* rows, of all tables */
	struct journal_table *tables;
	size_t n_tables;

	/* On loan and not acknowledged, in order. */
	struct tally_entry taken[JOURNAL_TAKE_MAX];
	uint32_t n_taken;
	uint64_t taken_rows;
	bool writing; /* the output has them in its hands, and is not waiting to try again */
	/* Acknowledged behind one that is not, in order: those of a take before a detach, and of
	 * one since. */
	uint64_t done[2 * JOURNAL_TAKE_MAX];
	uint32_t n_done;
};

/* A push that waits; on its stack. */
struct journal_wait {
	struct journal_wait *next;
	const char *input;
	int64_t since, told; /* monotonic ns; 0: does not wait; was not told */
	unsigned attempts;
};

struct journal {
	char *name;
	const struct tally_buffer *buffer;
	void *self;
	struct metrics *metrics;
	struct positions *positions;
	struct metric *shown_bytes, *shown_capacity, *shown_blocked, *shown_blocked_since;

	pthread_mutex_t lock;
	pthread_cond_t room;
	struct journal_settings settings;
	struct journal_reader *readers;
	uint64_t last_sequence; /* pushed */
	unsigned wakes;
	unsigned blocked;           /* pushes that wait for room */
	struct trouble trouble;     /* it takes no rows */
	bool failing;               /* and that is not since it is full */
	int64_t attempted;          /* when a push was refused last; monotonic ns */
	struct journal_wait *waits; /* inputs that wait for it */
	bool pushed_to;             /* since it was created */
	atomic_bool resumable;      /* a position has come with rows, and counts when they are
				       acknowledged */
	int64_t created;            /* monotonic */
};

/* Does the plugin have this function, which was appended to the struct or is optional? */
#define JOURNAL_HAS(journal, member)                                                               \
	((journal)->buffer->size >=                                                                \
		 offsetof(struct tally_buffer, member) + sizeof((journal)->buffer->member) &&      \
	 (journal)->buffer->member)

/* ---- journal_count.c: between metrics_begin() and metrics_end() all but the first four ---- */

/* Made at its first use; NULL: no memory. */
struct journal_table *journal_count_table(struct journal_reader *reader, const char *name);
/* Has a series for each reason of which its rows may be dropped. */
void journal_count_announce(const struct journal_reader *reader, const struct journal_table *table);
void journal_count_done(struct journal_reader *reader); /* frees all */

/* What the plugin says that it holds. */
void journal_show_usage(struct journal *journal);

void journal_count_routed(struct journal_reader *reader, struct journal_table *table,
			  uint64_t rows);
void journal_count_stored(struct journal_reader *reader, struct journal_table *table,
			  uint64_t rows);
void journal_count_dropped(struct journal_reader *reader, struct journal_table *table,
			   uint64_t rows, const char *reason);

/* What became of a push, for each reader that wants the table; takes metrics_begin() itself.
 * collected: of the input, NULL if it is counted already; dropped: the reason, NULL if taken. */
void journal_count_push(struct journal *journal, const struct tally_batch *batch,
			struct metric *collected, const char *dropped);

/* ---- journal_reader.c: coming and going ---- */

void journal_reader_free(struct journal_reader *reader);
/* Its cursor went back: what waits again counts as offered again. */
int journal_reader_rescan(struct journal_reader *reader);

/* ---- journal_cursor.c: what a reader has borrowed, and where its cursor is ---- */

uint64_t journal_reader_returned(const struct journal_reader *reader); /* rows */
/* So many rows more wait for it: wakes its delivery if something is due now that was not. */
void journal_reader_notice(struct journal_reader *reader, uint64_t rows);
/* Moves the cursor over everything this reader is done with or does not want. */
int journal_reader_advance(struct journal_reader *reader);
/* What it has borrowed is given back, to be taken again. */
void journal_reader_return(struct journal_reader *reader);
/* Has it acknowledged this entry, although its cursor is not there yet? */
bool journal_reader_is_done(const struct journal_reader *reader, uint64_t sequence);
/* A cursor has moved, or a reader has gone: tells positions, and whoever waits for room. */
void journal_acked(struct journal *journal);

/* ---- journal_block.c: taking no rows ---- */

/* A push failed with that just now; on this thread the plugin may have said why. */
void journal_refused(struct journal *journal, int r);
void journal_accepts(struct journal *journal); /* one was taken, or there is room again */
/* Waits a moment.  0: try again; -ECANCELED, -EAGAIN: as journal_push(). */
int journal_wait(struct journal *journal, const struct journal_origin *origin,
		 struct journal_wait *wait);
void journal_wait_end(struct journal *journal, struct journal_wait *wait);
/* It failed a moment ago, and the push does not have to wait for it: do not even try. */
bool journal_rests(struct journal *journal, const struct journal_origin *origin);

/* ---- journal_damage.c ---- */

/* Takes out the oldest entry after a sequence and counts its rows as dropped.  -ENOENT: there is
 * none that is not being written. */
int journal_drop_entry(struct journal *journal, uint64_t after_sequence, const char *reason);
void journal_count_damage(struct journal *journal); /* of all readers */
/* unknown: it has only come now. */
void journal_reader_count_damage(struct journal_reader *reader, bool unknown);

/* ---- journal_ledger.c ---- */

/* Its output has stored that entry, and everything before it. */
void journal_confirm(struct journal_reader *reader, const struct tally_entry *entry);

#endif
