#include "logs_text.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the character at text, 0: none, -1: it would be one if more followed. */
static int character(const unsigned char *text, size_t len)
{
	unsigned char c = text[0], low = 0x80, high = 0xbf;
	size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
	if (c == 0 || size == 0)
		return 0;
	/* No overlong forms, no surrogates, nothing over U+10FFFF. */
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	for (size_t i = 1; i < size; i++) {
		if (i >= len)
			return -1;
		if (text[i] < low || text[i] > high)
			return 0;
		low = 0x80;
		high = 0xbf;
	}
	return (int)size;
}

/* Eight bytes at once that are all from 1 to 127. */
static bool is_plain(const char *text)
{
	uint64_t word;
	memcpy(&word, text, sizeof(word));
	return ((word | (word - UINT64_C(0x0101010101010101))) & UINT64_C(0x8080808080808080)) == 0;
}

bool logs_text_is_clean(const char *text, size_t len)
{
	size_t at = 0;
	while (at < len) {
		if (len - at >= 8 && is_plain(text + at)) {
			at += 8;
			continue;
		}
		int size = character((const unsigned char *)text + at, len - at);
		if (size <= 0)
			return false;
		at += (size_t)size;
	}
	return true;
}

size_t logs_text_clean(const char *text, size_t len, bool cut, char *ret)
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
