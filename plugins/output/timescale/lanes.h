/*
 * Several writers side by side, each with a connection and what it remembers of its own.  A write's
 * entries are dealt out into slices with about as many rows each; a slice is a transaction, and
 * whichever writer is free takes the next, so that none waits for a slower one but at the end.
 * Those of STATE tables all are in the first, since there their order counts.  A small write stays
 * one transaction.  Used by the instance's thread, which starts the others' threads and waits for
 * them.
 */
#ifndef TALLYD_TIMESCALE_LANES_H
#define TALLYD_TIMESCALE_LANES_H

#include <stdatomic.h>

#include "writer.h"

enum {
	LANES_MAX = 16,
	LANES_TURNS = 16,  /* slices for each lane at most */
	LANES_FULL = 500,  /* rows of a slice, before there are more slices than lanes */
	LANES_WORTH = 100, /* rows of a slice at least */
};

struct slice {
	uint32_t from, until; /* of what was dealt out */
	int result;
	char why[400];
};

struct lane {
	struct lanes *lanes;
	struct writer writer;
};

struct lanes {
	struct tally_ctx *ctx;
	uint32_t n;
	struct lane all[LANES_MAX];
	struct slice slices[LANES_MAX * LANES_TURNS];
	uint32_t n_slices;
	atomic_uint next;            /* slice that nobody has taken */
	struct tally_entry *entries; /* dealt out: those of each slice in one run */
	uint8_t *verdicts;
	uint32_t *places; /* where they stand in the write */
};

/* All like the one that is given. */
void lanes_init(struct lanes *lanes, const struct writer *writer, uint32_t n);
void lanes_done(struct lanes *lanes);

/* As in struct tally_output. */
int lanes_write(struct lanes *lanes, const struct tally_entry *entries, uint32_t n,
		uint8_t *verdicts);

#endif
