/*
 * Several writers side by side, each with a connection, a transaction and what it remembers of its
 * own.  A write's entries are dealt out so that each has about as many rows; those of STATE tables
 * all go to the first, since there their order counts.  A small write stays one transaction.  Used
 * by the instance's thread, which starts the others' threads and waits for them.
 */
#ifndef TALLYD_TIMESCALE_LANES_H
#define TALLYD_TIMESCALE_LANES_H

#include "writer.h"

enum { LANES_MAX = 16, LANES_WORTH = 100 /* rows each, for one more to take part */ };

struct lane {
	struct lanes *lanes;
	struct writer writer;
	uint32_t from, until; /* of what was dealt out */
	int result;
	char why[400];
};

struct lanes {
	struct tally_ctx *ctx;
	uint32_t n;
	struct lane all[LANES_MAX];
	struct tally_entry *entries; /* dealt out: those of each lane in one run */
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
