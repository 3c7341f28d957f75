/*
 * One decision for all who take foreign text: configuration, JSON, CSV, URLs, log lines.  A
 * character is looked at once, and never past len.  Surrogates are refused although some JSON
 * writers emit them (CESU-8): PostgreSQL refuses such text too, and with it a whole batch.
 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static bool utf8_continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Second bytes are narrower after some first ones: no overlong forms, no surrogates, nothing
 * past U+10FFFF (RFC 3629, section 4). */
static bool utf8_second_fits(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0 && second <= 0xbf;
	case 0xed:
		return second >= 0x80 && second <= 0x9f;
	case 0xf0:
		return second >= 0x90 && second <= 0xbf;
	case 0xf4:
		return second >= 0x80 && second <= 0x8f;
	default:
		return utf8_continues(second);
	}
}

/* Bytes of a character that begins so; 0: none does.  0xc0 and 0xc1 could only begin overlong forms
 * of ASCII. */
static size_t utf8_wanted(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Of the bytes behind the first. */
static bool utf8_fits(const unsigned char *at, size_t len)
{
	if (len > 1 && !utf8_second_fits(at[0], at[1]))
		return false;
	for (size_t i = 2; i < len; i++)
		if (!utf8_continues(at[i]))
			return false;
	return true;
}

size_t utf8_length(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t want = len ? utf8_wanted(at[0]) : 0;
	return want <= len && utf8_fits(at, want) ? want : 0;
}

bool utf8_is_cut(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	return len > 0 && utf8_wanted(at[0]) > len && utf8_fits(at, len);
}

/* How many bytes of ASCII the text begins with, in steps of 32 and of 8: most text is nothing else,
 * so this is the loop that counts. */
static size_t utf8_skip_ascii(const char *text, size_t len)
{
	const uint64_t high = UINT64_C(0x8080808080808080);
	uint64_t words[4];
	size_t at = 0;
	for (; len - at >= sizeof(words); at += sizeof(words)) {
		memcpy(words, text + at, sizeof(words));
		if ((words[0] | words[1] | words[2] | words[3]) & high)
			break;
	}
	for (; len - at >= sizeof(*words); at += sizeof(*words)) {
		memcpy(words, text + at, sizeof(*words));
		if (*words & high)
			break;
	}
	return at;
}

bool utf8_valid(const char *text, size_t len)
{
	for (size_t at = utf8_skip_ascii(text, len), bytes; at < len; at += bytes) {
		bytes = utf8_length(text + at, len - at);
		if (bytes == 0)
			return false;
		if (bytes == 1)
			continue;
		at += utf8_skip_ascii(text + at + bytes, len - at - bytes);
	}
	return true;
}

size_t utf8_bound(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max > 0 && utf8_continues((unsigned char)text[max]))
		max--;
	return max;
}
