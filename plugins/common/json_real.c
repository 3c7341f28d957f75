/*
 * A double is m * 2^-shift.  With at most 62 bits behind the point its fraction, and half of the
 * distance to its neighbours, are exact in 64 bits, and ten times them in 128.
 */
#include "json_real.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { REAL_BITS = 52, REAL_BIAS = 1075, REAL_MAX_SHIFT = 62 };

static char *real_put_integer(char *at, uint64_t value)
{
	char digits[20], *end = digits + sizeof(digits), *first = end;
	do {
		*--first = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(at, first, (size_t)(end - first));
	return at + (end - first);
}

/* below, above: how far it may be off.  NULL: it would have to carry. */
static char *real_put_fraction(char *at, uint64_t fraction, unsigned __int128 below,
			       unsigned __int128 above)
{
	const unsigned __int128 one = (unsigned __int128)1 << 64;
	for (;;) {
		unsigned __int128 ten = (unsigned __int128)fraction * 10;
		char digit = (char)(ten >> 64);
		fraction = (uint64_t)ten;
		below *= 10;
		above *= 10;
		bool down = fraction<below, up = fraction + above> one;
		if (up && (!down || fraction >> 63))
			digit++;
		if (digit > 9)
			return NULL;
		*at++ = (char)('0' + digit);
		if (down || up)
			return at;
	}
}

size_t json_real_shortest(char ret[JSON_REAL_SIZE], double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	uint64_t m = (bits & ((UINT64_C(1) << REAL_BITS) - 1)) | UINT64_C(1) << REAL_BITS;
	int shift = REAL_BIAS - (int)(bits >> REAL_BITS & 0x7ff);
	if (shift < 1 || shift > REAL_MAX_SHIFT)
		return 0;
	uint64_t fraction = m << (64 - shift), half = UINT64_C(1) << (63 - shift);
	if (fraction == 0)
		return 0;
	/* The next double below a power of two is nearer. */
	uint64_t below = m == UINT64_C(1) << REAL_BITS ? half / 2 : half;
	char *at = ret;
	if (bits >> 63)
		*at++ = '-';
	at = real_put_integer(at, m >> shift);
	*at++ = '.';
	at = real_put_fraction(at, fraction, below, half);
	return at ? (size_t)(at - ret) : 0;
}
