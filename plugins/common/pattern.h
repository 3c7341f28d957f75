/*
 * A regular expression in the syntax of Perl (PCRE2), for text that others wrote: matching costs a
 * bounded number of steps per text.  Compiled by one thread, which is the only one to use it.
 */
#ifndef TALLYD_PLUGINS_COMMON_PATTERN_H
#define TALLYD_PLUGINS_COMMON_PATTERN_H

#include <stddef.h>

struct pattern;

enum { PATTERN_MAX_LENGTH = 1000, PATTERN_WHY_SIZE = 160 };

/* -EINVAL: why has what is wrong and where; -ENOMEM. */
int pattern_create(const char *text, struct pattern **ret, char why[PATTERN_WHY_SIZE]);
void pattern_destroy(struct pattern *pattern); /* NULL is fine */

/* 1: the text has a match; 0: none; -E2BIG: it cannot be said at a bearable cost. */
int pattern_match(const struct pattern *pattern, const char *text, size_t len);

/* A text that whatever matches holds, in any case of ASCII letters, so that a store can leave most
 * rows out; "": none is known. */
const char *pattern_literal(const struct pattern *pattern);

#endif
