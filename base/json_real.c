/*
 * A double is m * 2^-shift.  With at most 62 bits behind the point its fraction, and half of the
 * distance to its neighbours, are exact in 64 bits, and ten times them in 128.
 */
#include "base/json_real.h"

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

/* Of a number that may be off by less than half: is this as good as nothing, or as one? */
static bool real_is_done(uint64_t fraction, uint64_t half)
{
	return fraction < half || -fraction < half;
}

/* Takes the digits before the point of fraction * times off. */
static unsigned real_next(uint64_t *fraction, unsigned times)
{
	unsigned __int128 product = (unsigned __int128)*fraction * times;
	*fraction = (uint64_t)product;
	return (unsigned)(product >> 64);
}

/*
 * Two digits at a time as long as neither is the last: what is done after the first is done after
 * the second too.  fraction > 0, half > 0.  NULL: it would have to carry.
 */
static char *real_put_fraction(char *at, uint64_t fraction, uint64_t half)
{
	uint64_t rest = fraction;
	unsigned digits = real_next(&rest, 100);
	for (; half <= UINT64_MAX / 100 && !real_is_done(rest, half * 100); half *= 100) {
		*at++ = (char)('0' + digits / 10);
		*at++ = (char)('0' + digits % 10);
		fraction = rest;
		digits = real_next(&rest, 100);
	}
	for (bool done = false; !done; half *= 10) {
		digits = real_next(&fraction, 10);
		done = half > UINT64_MAX / 10 || real_is_done(fraction, half * 10);
		if (done)
			digits += fraction >> 63;
		if (digits > 9)
			return NULL;
		*at++ = (char)('0' + digits);
	}
	return at;
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
	if (m == UINT64_C(1) << REAL_BITS)
		half /= 2; /* the next double below a power of two is nearer */
	char *at = ret;
	if (bits >> 63)
		*at++ = '-';
	at = real_put_integer(at, m >> shift);
	*at++ = '.';
	at = real_put_fraction(at, fraction, half);
	return at ? (size_t)(at - ret) : 0;
}
