/*
 * One decision for all who take foreign text: configuration, JSON, CSV, URLs, log lines.  A
 * character is looked at once, and never past len.  Surrogates are refused although some JSON
 * writers emit them (CESU-8): PostgreSQL refuses such text too, and with it a whole batch.
 */
#include "base/utf8.h"

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

size_t utf8_length(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t want;
	if (len == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	/* 0xc0 and 0xc1 could only begin overlong forms of ASCII. */
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	want = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (len < want || !utf8_second_fits(at[0], at[1]))
		return 0;
	for (size_t i = 2; i < want; i++)
		if (!utf8_continues(at[i]))
			return 0;
	return want;
}

bool utf8_valid(const char *text, size_t len)
{
	while (len > 0) {
		size_t bytes = utf8_length(text, len);
		if (bytes == 0)
			return false;
		text += bytes;
		len -= bytes;
	}
	return true;
}
