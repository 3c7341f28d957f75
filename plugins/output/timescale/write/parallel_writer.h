/*
 * Several writers side by side, each with a connection and a series cache of its own.  A write's
 * entries are distributed over shards with about as many rows each; a shard is a transaction, and
 * whichever thread is free takes the next, so that none waits for a slower one except at the end.
 * Entries of STATE tables are all in the first, since their order counts.  A small write stays
 * one transaction.  Used by the instance's thread, which starts the other threads and waits for
 * them.
 */
#ifndef TALLYD_TIMESCALE_PARALLEL_WRITER_H
#define TALLYD_TIMESCALE_PARALLEL_WRITER_H

#include <stdatomic.h>

#include "write/writer.h"

enum {
	PARALLEL_WRITER_MAX = 16,
	SHARDS_PER_THREAD = 16, /* at most */
	SHARDS_ENOUGH = 4,      /* per thread, before rather shards get larger */
	SHARD_ROWS_LARGE = 2000,
	SHARD_ROWS_FULL = 500, /* rows of a shard, before there are more shards than threads */
	SHARD_ROWS_MIN = 100,  /* rows of a shard at least */
};

struct shard {
	uint32_t from, until; /* of parallel_writer.entries */
	int result;
	char why[400];
};

struct writer_thread {
	struct parallel_writer *parallel;
	struct writer writer;
};

struct parallel_writer {
	struct tally_ctx *ctx;
	uint32_t n;
	struct writer_thread threads[PARALLEL_WRITER_MAX];
	struct shard shards[PARALLEL_WRITER_MAX * SHARDS_PER_THREAD];
	uint32_t n_shards;
	atomic_uint next;            /* shard that no thread has taken */
	struct tally_entry *entries; /* by shard, each in one run */
	uint8_t *verdicts;
	uint32_t *places; /* where each stands in the write */
};

/* n writers, each a copy of the one given, under a name of its own. */
void parallel_writer_init(struct parallel_writer *parallel, const struct writer *writer,
			  uint32_t n);
void parallel_writer_done(struct parallel_writer *parallel);

/* As in struct tally_output. */
int parallel_writer_write(struct parallel_writer *parallel, const struct tally_entry *entries,
			  uint32_t n, uint8_t *verdicts);

#endif
