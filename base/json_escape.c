/*
 * The one decoder of escapes, for json_reader.c and whoever decodes in place.  In place works
 * because what is meant is never longer than the escape: \uXXXX has 6 bytes and at most 3 of UTF-8,
 * a surrogate pair 12 and 4 (RFC 8259, section 7).
 */
#include "base/json_escape.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u; -1: they are not there. */
static int32_t hex4(const char *at, const char *end)
{
	int32_t value = 0;
	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
		return out;
	}
	if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*out++ = (char)(0xe0 | c >> 12);
		} else {
			*out++ = (char)(0xf0 | c >> 18);
			*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*out++ = (char)(0x80 | (c & 0x3f));
	return out;
}

/* The half of a surrogate pair that must follow c; 0: it does not. */
static int32_t low_surrogate(const char *at, const char *end, int32_t c)
{
	if (c < 0xd800 || c >= 0xdc00 || end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return 0;
	int32_t low = hex4(at + 2, end);
	return low >= 0xdc00 && low < 0xe000 ? low : 0;
}

static const char *decode_unicode(char **at, const char *end, char **out)
{
	int32_t c = hex4(*at, end);
	if (c < 0)
		return "four hex digits were expected after \\u";
	*at += 4;
	int32_t low = low_surrogate(*at, end, c);
	if (low) {
		*at += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c == 0 || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	*out = put_utf8(*out, (uint32_t)c);
	return NULL;
}

const char *json_escape_decode(char **at, const char *end, char **out)
{
	static const char escapes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	if (*at == end)
		return "an escape was expected";
	char c = *(*at)++;
	if (c == 'u')
		return decode_unicode(at, end, out);
	const char *known = c ? strchr(escapes, c) : NULL;
	if (!known)
		return "an unknown escape";
	*(*out)++ = meant[known - escapes];
	return NULL;
}
