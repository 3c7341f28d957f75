/*
 * text_contains() runs over every log line of a range, so most bytes are passed over by memchr().
 * text_glob() goes back to the last * only, which is enough, and quadratic at worst; patterns have
 * a few dozen bytes.
 */
#include "base/text_match.h"

#include <string.h>

#include "base/utf8.h"

bool text_glob(const char *text, size_t len, const char *pattern, size_t pattern_len)
{
	const char *end = text + len, *pattern_end = pattern + pattern_len;
	const char *star = NULL, *retry = text;
	while (text < end) {
		if (pattern < pattern_end && *pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (pattern < pattern_end && *pattern == '?') {
			size_t bytes = utf8_length(text, (size_t)(end - text));
			text += bytes ? bytes : 1;
			pattern++;
		} else if (pattern < pattern_end && *pattern == *text) {
			text++;
			pattern++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < pattern_end && *pattern == '*')
		pattern++;
	return pattern == pattern_end;
}

bool text_fits(const char *text, const char *pattern)
{
	return text_glob(text, strlen(text), pattern, strlen(pattern));
}

static bool same_but_for_case(const char *text, const char *part, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] != part[i] && ((text[i] ^ part[i]) != 0x20 || !text_is_letter(part[i])))
			return false;
	return true;
}

/* The first place in [at, end) of a letter, upper or lower case. */
static const char *find_letter(const char *at, const char *end, char letter)
{
	const char *found = memchr(at, letter, (size_t)(end - at));
	if (!text_is_letter(letter))
		return found;
	const char *other = memchr(at, letter ^ 0x20, (size_t)((found ? found : end) - at));
	return other ? other : found;
}

const char *text_find(const char *text, size_t len, const char *part, size_t part_len)
{
	if (part_len == 0 || part_len > len)
		return part_len == 0 ? text : NULL;
	const char *at = text, *end = text + len - part_len + 1;
	while ((at = find_letter(at, end, *part))) {
		if (same_but_for_case(at, part, part_len))
			return at;
		at++;
	}
	return NULL;
}

bool text_contains(const char *text, size_t len, const char *part, size_t part_len)
{
	return part_len == 0 || text_find(text, len, part, part_len);
}
