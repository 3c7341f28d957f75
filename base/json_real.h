/*
 * The fewest digits that read back as the same double, for readings of ordinary size.  Of numbers
 * with a fraction, from a thousandth to 2^52; others are printf's.
 *
 * Steele and White, "How to print floating-point numbers accurately" (1990): digits of the exact
 * value until what is left is less than half of the distance to the next double.
 */
#ifndef TALLYD_BASE_JSON_REAL_H
#define TALLYD_BASE_JSON_REAL_H

#include <stddef.h>

enum { JSON_REAL_SIZE = 32 };

/* Returns the length, not NUL-terminated; 0: not a number for this. */
size_t json_real_shortest(char ret[JSON_REAL_SIZE], double value);

#endif
