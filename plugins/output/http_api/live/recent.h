/*
 * Which rows of a table were shown recently, by their keys: a row that comes twice, or two ways, is
 * shown once.  Rows from before the horizon, half a minute ago, are not shown at all, so that they
 * need not be remembered.  Bounded: with more rows than RECENT_ROWS the horizon comes nearer.  One
 * thread at a time.
 */
#ifndef TALLYD_HTTP_RECENT_H
#define TALLYD_HTTP_RECENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECENT_ROWS = 1 << 18 };

struct recent {
	struct recent_slot *slots; /* NULL: none yet */
	size_t mask;
	uint32_t n;
	int64_t now, horizon; /* wall time */
};

enum recent_verdict { RECENT_NEW, RECENT_KNOWN, RECENT_LATE };

void recent_clear(struct recent *recent); /* also of one that is all zeros; frees it */
/* Moves the horizon on, and forgets what is before it. */
void recent_advance(struct recent *recent, int64_t now);
bool recent_knows(const struct recent *recent, uint64_t hash);
/* From now on it is known. */
enum recent_verdict recent_take(struct recent *recent, uint64_t hash, int64_t time);

#endif
