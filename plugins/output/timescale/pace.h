/*
 * What the maintenance remembers of each table from one round to the next: how much time to roll up
 * in one transaction, by how long the last ones took.  Used by its thread alone.
 */
#ifndef TALLYD_TIMESCALE_PACE_H
#define TALLYD_TIMESCALE_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct pace {
	struct pace *next;
	int64_t span; /* ns, from a minute to a day */
	char table[64];
};

/* The one of a table, made if there is none yet; NULL: no memory. */
struct pace *pace_find(struct pace **all, const char *table);
void pace_free(struct pace **all);

/* A step that is done.  full: it went as far as span lets it. */
void pace_took(struct pace *pace, int64_t ns, bool full);
/* A step that was ended because it took too long. */
void pace_timed_out(struct pace *pace);

#endif
