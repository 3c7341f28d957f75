/*
 * Batches that a spool has in memory: those on loan, and the newest pushed, so that an output
 * which keeps up is given them without reading the file.  A sorted array of references; the owner
 * says what is on loan.  No locks: the core calls a buffer from one thread at a time.
 */
#ifndef TALLYD_SPOOL_HELD_H
#define TALLYD_SPOOL_HELD_H

#include <tallyd/host.h>

struct spool_held_entry {
	uint64_t sequence;
	const struct tally_batch *batch; /* a reference of its own */
	size_t bytes;
};

struct spool_held {
	struct tally_ctx *ctx;
	struct spool_held_entry *entries; /* by sequence */
	size_t n, room, bytes;
};

/* Valid until the next change; NULL: not in memory. */
const struct spool_held_entry *spool_held_find(const struct spool_held *held, uint64_t sequence);
/* Takes a reference of its own.  -ENOMEM. */
int spool_held_add(struct spool_held *held, uint64_t sequence, const struct tally_batch *batch);
/* What is there within (after, up_to]. */
size_t spool_held_bytes(const struct spool_held *held, uint64_t after, uint64_t up_to);
void spool_held_remove(struct spool_held *held, uint64_t sequence);
void spool_held_forget(struct spool_held *held, uint64_t up_to);
/* Lets the oldest go that nobody has on loan until at most so many bytes are left. */
typedef bool spool_on_loan_fn(const void *arg, uint64_t sequence);
void spool_held_shrink(struct spool_held *held, size_t bytes, spool_on_loan_fn *on_loan,
		       const void *arg);
void spool_held_done(struct spool_held *held);

#endif
