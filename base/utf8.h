/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past U+10FFFF.  Pure
 * functions over bytes with a length, any thread.
 */
#ifndef TALLYD_BASE_UTF8_H
#define TALLYD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character at text, 0 if there is no valid one. */
size_t utf8_length(const char *text, size_t len);
bool utf8_valid(const char *text, size_t len);
/* Is the text the beginning of a character whose other bytes are missing? */
bool utf8_is_cut(const char *text, size_t len);
/* The longest beginning of at most max bytes that ends with a character. */
size_t utf8_bound(const char *text, size_t len, size_t max);

#endif
