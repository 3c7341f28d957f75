#include "base/utf8.h"

#include <stdint.h>

/* Bytes that follow a first byte; -1: it cannot be one. */
static int utf8_follow(uint8_t first)
{
	if (first < 0x80)
		return 0;
	if (first >= 0xC2 && first <= 0xDF)
		return 1;
	if (first >= 0xE0 && first <= 0xEF)
		return 2;
	return first >= 0xF0 && first <= 0xF4 ? 3 : -1;
}

/* What the second byte may not be after some first ones. */
static bool utf8_second(uint8_t first, uint8_t second)
{
	switch (first) {
	case 0xE0:
		return second >= 0xA0;
	case 0xED:
		return second <= 0x9F;
	case 0xF0:
		return second >= 0x90;
	case 0xF4:
		return second <= 0x8F;
	default:
		return true;
	}
}

bool utf8_valid(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;
	while (p < end) {
		uint8_t first = *p++;
		int follow = utf8_follow(first);
		if (follow < 0 || follow > end - p || (follow && !utf8_second(first, *p)))
			return false;
		for (; follow; follow--, p++) {
			if ((*p & 0xC0) != 0x80)
				return false;
		}
	}
	return true;
}
