/*
 * What the maintenance remembers of each table from one round to the next: how much time to roll up
 * in one transaction, by how long the last ones took; and when to try again to delete or to
 * compress, after somebody was in the way.  Used by its thread alone.
 */
#ifndef TALLYD_TIMESCALE_STEP_SIZE_H
#define TALLYD_TIMESCALE_STEP_SIZE_H

#include <tallyd/host.h>

#include "store/rollup_parts.h"

struct step_size {
	struct step_size *next;
	int64_t span;                 /* ns, from a minute to a day */
	int64_t lock_timeout;         /* ms, to wait for a lock that makes everybody else wait */
	int64_t until;                /* monotonic: not tried again before */
	unsigned blocked;             /* times in a row */
	int64_t deleted_to[N_LEVELS]; /* how far retention went, the day; 0: not yet */
	char table[64];
};

/* That of a table, created if need be; NULL: no memory. */
struct step_size *step_size_find(struct step_size **all, const char *table);
void step_size_free(struct step_size **all);

/* After a step.  full: it went as far as span let it. */
void step_size_took(struct step_size *step_size, int64_t ns, bool full);
/* After a step that was ended because it took too long. */
void step_size_timed_out(struct step_size *step_size);

bool step_size_may_lock(const struct step_size *step_size, int64_t now);
/* The lock was not granted: the next attempt comes later and waits longer.  Logged, and no failure.
 * what: "old rows cannot be deleted". */
void step_size_blocked(struct step_size *step_size, struct tally_ctx *ctx, const char *what);
void step_size_unblocked(struct step_size *step_size);

#endif
