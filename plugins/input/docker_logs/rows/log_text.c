/*
 * See log_text.h.  Pure functions, called by log_rows.c for each message.  Containers print
 * whatever they like; PostgreSQL and JSON refuse text that is not UTF-8, and PostgreSQL also
 * U+0000. Well-formed as Table 3-7 of the Unicode standard has it: no overlong forms, no
 * surrogates.
 */
#include "rows/log_text.h"

#include <stdint.h>
#include <string.h>

/* May it be the second byte after first?  No overlong forms, no surrogates, nothing over U+10FFFF.
 */
static bool character_second(unsigned char first, unsigned char c)
{
	switch (first) {
	case 0xe0:
		return c >= 0xa0 && c <= 0xbf;
	case 0xed:
		return c >= 0x80 && c <= 0x9f;
	case 0xf0:
		return c >= 0x90 && c <= 0xbf;
	case 0xf4:
		return c >= 0x80 && c <= 0x8f;
	default:
		return c >= 0x80 && c <= 0xbf;
	}
}

/* Bytes of the character at text, 0: none, -1: it would be one if more followed. */
static int character(const unsigned char *text, size_t len)
{
	/* By the first byte; 0: none begins so. */
	size_t size = text[0] >= 0xf5   ? 0
		      : text[0] >= 0xf0 ? 4
		      : text[0] >= 0xe0 ? 3
		      : text[0] >= 0xc2 ? 2
					: text[0] >= 0x01 && text[0] < 0x80;
	for (size_t i = 1; i < size; i++) {
		if (i >= len)
			return -1;
		if (i == 1 ? !character_second(text[0], text[1]) : (text[i] & 0xc0) != 0x80)
			return 0;
	}
	return (int)size;
}

bool log_text_is_clean(const char *text, size_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
	size_t at = 0;
	while (at < len) {
		/* Most text is ASCII, so eight bytes at once: the highest bit of a byte is set by
		 * 128 to 255 as it is, and by 0 when 1 is subtracted. */
		uint64_t word = 0;
		if (len - at >= sizeof(word))
			memcpy(&word, text + at, sizeof(word));
		if (((word | (word - ones)) & high) == 0) {
			at += sizeof(word);
			continue;
		}
		int size = character((const unsigned char *)text + at, len - at);
		if (size <= 0)
			return false;
		at += (size_t)size;
	}
	return true;
}

size_t log_text_clean(const char *text, size_t len, bool cut, char *ret)
{
	size_t at = 0, made = 0;
	while (at < len) {
		int size = character((const unsigned char *)text + at, len - at);
		if (size < 0 && cut)
			break;
		if (size > 0) {
			memcpy(ret + made, text + at, (size_t)size);
			made += (size_t)size;
			at += (size_t)size;
			continue;
		}
		memcpy(ret + made, "\xef\xbf\xbd", 3);
		made += 3;
		at++;
	}
	return made;
}
