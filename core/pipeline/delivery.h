/*
 * From a journal to an output: take what is due, leave out what the output does not want, write it,
 * act on the verdicts.  The happy path is take → write → all DONE → acknowledge.  RETRY backs off
 * with jitter (0.5 s doubling to 30 s) and offers the same entries again; REJECT drops the batch
 * and counts it; rows rejected one by one are counted as rejected.  A verdict out of range counts
 * as RETRY and is logged once.  Cursors move only over the longest prefix that is DONE or REJECTed;
 * an entry that was DONE behind one that was not is never written twice.  One thread per delivery.
 */
#ifndef TALLYD_CORE_DELIVERY_H
#define TALLYD_CORE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>
#include <tallyd/plugin.h>

#include "plugin/call.h"
#include "pipeline/journal.h"
#include "process/trouble.h"

struct delivery;

struct delivery_setup {
	const char *name; /* of the output instance */
	const struct tally_output *output;
	void *self; /* the started plugin instance */
	const char *const *tables;
	struct journal *journal;
	struct metrics *metrics;
	struct call *call; /* notes which of the output's functions runs; NULL: nobody asks */
};

struct delivery *delivery_create(const struct delivery_setup *setup, struct error *error);
void delivery_destroy(struct delivery *delivery);

/* What tally_reject_entry() says of an entry that is being written; several threads may, each of
 * entries of its own. */
void delivery_reject_entry(struct delivery *delivery, const struct tally_entry *entry,
			   const char *why);
/* Called by tally_reject_row() on the delivery's thread. */
void delivery_reject_row(struct delivery *delivery, const struct tally_batch *batch, uint32_t row,
			 const char *why);

/* Must what is written be on the disk before it counts as written?  Any thread. */
bool delivery_must_flush(const struct delivery *delivery);

/*
 * Delivers until `stopping` says so and either nothing is waiting or drain_deadline (read
 * atomically through the pointer, monotonic ns; 0: none yet) has passed.  While stopping everything
 * that waits is due.  Returns how many rows are left.  Make `stopping` true, then journal_wake().
 */
uint64_t delivery_run(struct delivery *delivery, bool (*stopping)(void *arg), void *arg,
		      const int64_t *drain_deadline);
uint64_t delivery_waiting(struct delivery *delivery); /* rows; any thread */
/* False: it writes, as far as it knows.  Any thread. */
bool delivery_trouble(struct delivery *delivery, struct trouble_state *ret);

#endif
