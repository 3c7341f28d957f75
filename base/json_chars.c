/*
 * For the stores, on a writer's or a query's thread, before they hand a JSON value to the functions
 * of their database.  \ufffd is as long as the escape that it replaces, so the text keeps its
 * length and no memory is needed: that cannot fail.  Most texts have no \u at all, which one
 * memmem() tells.
 */
#include "base/json_chars.h"

#include <stdint.h>
#include <string.h>

enum { ESCAPE = 6 }; /* \uXXXX */

static const char replacement[] = "\\ufffd";

bool json_chars_are_odd(const char *text, size_t len)
{
	const char *end = text + len, *at = text;
	while ((at = memmem(at, (size_t)(end - at), "\\u", 2)) != NULL && end - at >= ESCAPE) {
		if (at[2] == 'd' || at[2] == 'D' || memcmp(at + 2, "0000", 4) == 0)
			return true;
		at += 2;
	}
	return false;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What a \uXXXX at text means; -1: there is none. */
static int32_t escape_at(const char *text, size_t len)
{
	int32_t value = 0;
	if (len < ESCAPE || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (int i = 2; i < ESCAPE; i++) {
		int digit = hex(text[i]);
		if (digit < 0)
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

static bool is_high(int32_t value)
{
	return value >= 0xd800 && value < 0xdc00;
}

static bool is_low(int32_t value)
{
	return value >= 0xdc00 && value < 0xe000;
}

/* How many bytes at text, which begins with a backslash, are one thing; and whether that is no
 * character. */
static size_t thing_at(const char *text, size_t len, bool *ret_odd)
{
	int32_t value = escape_at(text, len);
	*ret_odd = false;
	if (value < 0)
		return len < 2 ? len : 2;
	if (is_high(value) && is_low(escape_at(text + ESCAPE, len - ESCAPE)))
		return 2 * ESCAPE;
	*ret_odd = value == 0 || is_high(value) || is_low(value);
	return ESCAPE;
}

bool json_chars_are_whole(const char *text, size_t len)
{
	if (!json_chars_are_odd(text, len))
		return true;
	for (size_t i = 0, n; i < len; i += n) {
		bool odd = false;
		n = text[i] == '\\' ? thing_at(text + i, len - i, &odd) : 1;
		if (odd && escape_at(text + i, len - i) != 0)
			return false;
	}
	return true;
}

void json_chars_replace(const char *text, size_t len, char *ret)
{
	for (size_t i = 0, n; i < len; i += n) {
		bool odd = false;
		n = text[i] == '\\' ? thing_at(text + i, len - i, &odd) : 1;
		memmove(ret + i, odd ? replacement : text + i, n);
	}
}
