/*
 * The two ways in which patterns and searches match text, with one meaning in the configuration,
 * the API's lists and streams, and SQLite's queries; TimescaleDB has them as LIKE and strpos().
 *
 * Pure functions over bytes with a length, any thread.
 */
#ifndef TALLYD_BASE_TEXT_MATCH_H
#define TALLYD_BASE_TEXT_MATCH_H

#include <stdbool.h>
#include <stddef.h>

/* `*` is any text, also none, dots and slashes; `?` is one UTF-8 character; everything else is
 * itself. */
bool text_glob(const char *text, size_t len, const char *pattern, size_t pattern_len);
bool text_fits(const char *text, const char *pattern); /* the same, of C strings */

static inline bool text_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters of ASCII match in upper and lower case; nothing is contained in everything. */
bool text_contains(const char *text, size_t len, const char *part, size_t part_len);
/* The first place of it, or NULL. */
const char *text_find(const char *text, size_t len, const char *part, size_t part_len);

#endif
