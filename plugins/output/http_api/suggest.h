/* "Did you mean": what a mistyped name most likely meant. */
#ifndef TALLYD_HTTP_SUGGEST_H
#define TALLYD_HTTP_SUGGEST_H

/* How many letters differ, with a swap of two as one; large if they have little in common. */
unsigned suggest_distance(const char *left, const char *right);

/* Close enough to be worth a question. */
enum { SUGGEST_NEAR = 3 };

#endif
