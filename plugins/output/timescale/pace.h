/*
 * What the maintenance remembers of each table from one round to the next: how much time to roll up
 * in one transaction, by how long the last ones took; and when to try again to delete or to
 * compress, after somebody was in the way.  Used by its thread alone.
 */
#ifndef TALLYD_TIMESCALE_PACE_H
#define TALLYD_TIMESCALE_PACE_H

#include <tallyd/host.h>

struct pace {
	struct pace *next;
	int64_t span;         /* ns, from a minute to a day */
	int64_t lock_timeout; /* ms, to wait for a lock that makes everybody else wait */
	int64_t wait, until;  /* ns; monotonic ns: not before is it tried again */
	char table[64];
};

/* The one of a table, made if there is none yet; NULL: no memory. */
struct pace *pace_find(struct pace **all, const char *table);
void pace_free(struct pace **all);

/* A step that is done.  full: it went as far as span lets it. */
void pace_took(struct pace *pace, int64_t ns, bool full);
/* A step that was ended because it took too long. */
void pace_timed_out(struct pace *pace);

bool pace_may_lock(const struct pace *pace, int64_t now);
/* The lock was not to be had: longer until the next time, and for longer then; told, and no
 * failure. what: "what is too old cannot be deleted". */
void pace_blocked(struct pace *pace, struct tally_ctx *ctx, const char *what);
void pace_unblocked(struct pace *pace);

#endif
