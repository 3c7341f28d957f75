/*
 * JSON text whose escapes all are characters that a text can hold: \u0000 and lone surrogates
 * become \ufffd, as the JSON reader reads them, too.  For stores whose own JSON functions end at
 * them (SQLite) or refuse the text (PostgreSQL, where condition.c does the same in SQL), so that
 * all give the same answers.  Pure.
 */
#ifndef TALLYD_BASE_JSON_CHARS_H
#define TALLYD_BASE_JSON_CHARS_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes from the start stand for themselves in a string: ASCII that needs no escape. */
size_t json_chars_plain(const char *text, size_t len);

/* How many bytes from the start are not control characters. */
size_t json_chars_before_control(const char *text, size_t len);

/* There is something to replace, perhaps. */
bool json_chars_are_odd(const char *text, size_t len);

/* No lone surrogate is in it; \u0000 may be. */
bool json_chars_are_whole(const char *text, size_t len);

/* Writes as many bytes as there are, which may be in place. */
void json_chars_replace(const char *text, size_t len, char *ret);

#endif
