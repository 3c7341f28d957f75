/*
 * What stands for itself is looked for by all who read or write JSON.  The rest is for the stores,
 * on a writer's or a query's thread, before they hand a JSON value to the functions of their
 * database.  \ufffd is as long as the escape that it replaces, so the text keeps its length and no
 * memory is needed: that cannot fail.  Most texts have no \u at all, which one memmem() tells.
 */
#include "base/json_chars.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { ESCAPE = 6 }; /* \uXXXX */

static const char replacement[] = "\\ufffd";

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Of eight bytes, the first being the lowest, the highest bit of the first that is not plain, and
 * perhaps of some behind it.  A byte that is less than n has that bit set by subtracting n, if it
 * was not set before; and what equals another one is 0 after xor, and less than 1. */
static uint64_t not_plain(const char *text)
{
	const uint64_t each = UINT64_C(0x0101010101010101), high = each * 0x80;
	uint64_t bytes;
	memcpy(&bytes, text, sizeof(bytes));
	bytes = le64toh(bytes);
	uint64_t quotes = bytes ^ each * '"', slashes = bytes ^ each * '\\';
	uint64_t control = (bytes - each * 0x20) & ~bytes;
	return (bytes | control | ((quotes - each) & ~quotes) | ((slashes - each) & ~slashes)) &
	       high;
}

/* The bytes of a text that is shorter than eight, each at least once, and nothing else. */
static bool short_is_plain(const char *text, size_t len)
{
	char word[sizeof(uint64_t)];
	if (len >= 4) {
		memcpy(word, text, 4);
		memcpy(word + 4, text + len - 4, 4);
	} else {
		memset(word, text[0], sizeof(word));
		word[1] = text[len / 2];
		word[2] = text[len - 1];
	}
	return not_plain(word) == 0;
}

/* Sixteen at once, as compilers know how to on any machine. */
typedef signed char json_chars_block __attribute__((vector_size(16)));

static bool block_is_plain(const char *text)
{
	json_chars_block bytes;
	uint64_t found[2];
	memcpy(&bytes, text, sizeof(bytes));
	/* What is not ASCII is negative. */
	const json_chars_block odd = (bytes < 0x20) | (bytes == '"') | (bytes == '\\');
	memcpy(found, &odd, sizeof(found));
	return (found[0] | found[1]) == 0;
}

size_t json_chars_plain(const char *text, size_t len)
{
	size_t run = 0;
	while (len - run >= sizeof(json_chars_block) && block_is_plain(text + run))
		run += sizeof(json_chars_block);
	for (; len - run >= sizeof(uint64_t); run += sizeof(uint64_t)) {
		uint64_t found = not_plain(text + run);
		if (found)
			return run + (size_t)__builtin_ctzll(found) / 8;
	}
	/* The rest, together with bytes that are known to be plain. */
	if (run == len || (run > 0 && not_plain(text + len - sizeof(uint64_t)) == 0) ||
	    (run == 0 && short_is_plain(text, len)))
		return len;
	while (run < len && is_plain((unsigned char)text[run]))
		run++;
	return run;
}

size_t json_chars_before_control(const char *text, size_t len)
{
	const uint64_t each = UINT64_C(0x0101010101010101), high = each * 0x80;
	size_t run = 0;
	for (; len - run >= sizeof(uint64_t); run += sizeof(uint64_t)) {
		uint64_t bytes;
		memcpy(&bytes, text + run, sizeof(bytes));
		if ((bytes - each * 0x20) & ~bytes & high)
			break;
	}
	while (run < len && (unsigned char)text[run] >= 0x20)
		run++;
	return run;
}

bool json_chars_are_odd(const char *text, size_t len)
{
	const char *end = text + len, *at = memchr(text, '\\', len);
	if (!at)
		return false;
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
