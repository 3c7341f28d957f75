/* "Did you mean": what a mistyped name most likely meant. */
#ifndef TALLYD_HTTP_SUGGEST_H
#define TALLYD_HTTP_SUGGEST_H

#include <stdbool.h>

/* How many letters differ, upper and lower case alike, with a swap of two as one; large if they
 * have little in common. */
unsigned suggest_distance(const char *left, const char *right);

enum { SUGGEST_NEAR = 3 };

/* Is this what was likely meant, more than any before?  A third of the letters may differ, and
 * three or more may be the beginning of it.  *best: SUGGEST_NEAR at first. */
bool suggest_nearer(const char *name, const char *candidate, unsigned *best);

#endif
