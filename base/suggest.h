/*
 * "Did you mean": which of several names a mistyped one most likely meant.  For messages that
 * refuse something; any thread.
 */
#ifndef TALLYD_BASE_SUGGEST_H
#define TALLYD_BASE_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/* What differs by this much is another word. */
enum { SUGGEST_NEAR = 3 };

/* Of several, or NULL. */
const char *suggest(const char *name, const char *const *candidates, size_t n);

/* The same one by one: is this candidate plausible, and nearer than *best was?  *best: SUGGEST_NEAR
 * at first. */
bool suggest_nearer(const char *name, const char *candidate, unsigned *best);

/* Insertions, deletions, changes and swaps of neighbours, without looking at case. */
unsigned suggest_distance(const char *left, const char *right);

#endif
