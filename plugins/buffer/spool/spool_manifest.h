/*
 * PATH.manifest: the content of a spool, recorded beside it, so that a damaged spool is not
 * mistaken for an empty one: each entry with its rows, their times and its position; the cursor of
 * each output; dropped entries.  It tells how many rows are lost, where inputs resume, and which
 * entries a store that was restored from a backup lacks.
 *
 * Records are appended by the thread that has the journal's lock and are not flushed: after a power
 * cut the newest may be missing, and are added again from the spool (spool_reconcile.c).  Each has
 * a checksum; damaged records are skipped.  The file is bounded: what all outputs have acknowledged
 * goes first.
 */
#ifndef TALLYD_SPOOL_MANIFEST_H
#define TALLYD_SPOOL_MANIFEST_H

#include <tallyd/host.h>

enum spool_record_type {
	RECORD_PRODUCER =
		'W',         /* texts: the producer; sequence: the last one given; count: thinned */
	RECORD_ENTRY = 'E',  /* texts: table, source, position */
	RECORD_READER = 'R', /* texts: its name; sequence: acknowledged; count: stored */
	RECORD_FORGET = 'F', /* texts: its name */
	RECORD_DROPPED = 'D', /* sequence: taken out, and counted then */
	RECORD_LOST = 'L',    /* sequence: damaged, and counted */
	RECORD_REPLAY = 'A',  /* sequence: damaged, and to be read again by its input */
};

struct spool_record {
	uint8_t type;
	uint64_t sequence, count; /* of an entry: its rows */
	int64_t first, last;      /* earliest and latest time of its rows */
	const char *texts[3];     /* NULL: "" */
};

struct spool_manifest {
	struct tally_ctx *ctx;
	char *path;
	int fd;         /* -1: not open */
	uint64_t bytes; /* of the file */
	uint64_t limit; /* shrunk when it grows beyond */
	uint64_t floor; /* its size after it was shrunk */
	bool reported;  /* that it cannot be written */
};

/* ---- What it says -------------------------------------------------------------- */

struct manifest_index_entry {
	uint64_t sequence;
	const char *table, *source, *position; /* source and position "": none */
	int64_t first, last;
	uint32_t rows;
	uint8_t state; /* RECORD_ENTRY, or how it ended */
};

struct manifest_index_reader {
	const char *name;
	uint64_t acked, stored;
};

struct manifest_index {
	char *bytes; /* all texts point into them */
	const char *producer;
	uint64_t last_sequence;
	uint64_t thinned;                     /* up to here entries may be missing */
	struct manifest_index_entry *entries; /* by sequence */
	size_t n_entries, entries_size;
	struct manifest_index_reader *readers;
	size_t n_readers;
};

/* NULL: there is none, or no memory. */
struct manifest_index *manifest_index_load(const struct spool_manifest *manifest);
void manifest_index_destroy(struct manifest_index *known); /* NULL is fine */
struct manifest_index_entry *manifest_index_find(const struct manifest_index *known,
						 uint64_t sequence);
/* The first entry after a sequence: an index, perhaps n_entries. */
size_t manifest_index_after(const struct manifest_index *known, uint64_t sequence);
struct manifest_index_reader *manifest_index_reader(const struct manifest_index *known,
						    const char *name);
/* Up to where every reader has acknowledged; without any, everything. */
uint64_t manifest_index_acked(const struct manifest_index *known);

/* For tsearch() and tdestroy(): sets of sources, whose texts stay the manifest's. */
int manifest_source_compare(const void *a, const void *b);
void manifest_source_keep(void *text);

/* ---- Writing it ---------------------------------------------------------------- */

/* The file beside the spool; nothing is opened.  -ENOMEM. */
int spool_manifest_init(struct spool_manifest *manifest, struct tally_ctx *ctx, const char *path);
/* Starts a new manifest, with this producer. */
int spool_manifest_begin(struct spool_manifest *manifest, const char *producer, uint64_t last,
			 uint64_t thinned);
int spool_manifest_open(struct spool_manifest *manifest); /* goes on with what is there */
void spool_manifest_close(struct spool_manifest *manifest);
void spool_manifest_done(struct spool_manifest *manifest);

/* Failures are logged and not returned: a manifest that cannot be written costs no rows. */
void spool_manifest_add(struct spool_manifest *manifest, const struct spool_record *record);
void spool_manifest_shrink(struct spool_manifest *manifest); /* if it is too large */

#endif
