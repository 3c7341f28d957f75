/*
 * Whole numbers and those of few decimals, which most readings are, have ways of their own;
 * json_real.c has the shortest digits of the rest, and only what is left goes to printf(), which
 * took nine tenths of the time for 10,000 reals.  Pure functions, any thread; nothing can fail.
 */
#include "base/json_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_real.h"

/* The digits stand at the end of the buffer; returns where they begin. */
static char *put_digits(char *end, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	for (; value >= 10000; value /= 10000) {
		unsigned four = (unsigned)(value % 10000);
		memcpy(end -= 2, pairs + 2 * (four % 100), 2);
		memcpy(end -= 2, pairs + 2 * (four / 100), 2);
	}
	if (value >= 100) {
		memcpy(end -= 2, pairs + 2 * (value % 100), 2);
		value /= 100;
	}
	if (value >= 10)
		return memcpy(end - 2, pairs + 2 * value, 2);
	*--end = (char)('0' + value);
	return end;
}

static size_t count_digits(uint64_t value)
{
	size_t n = 1;
	for (; value >= 10000; value /= 10000)
		n += 4;
	return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

size_t json_number_int(char *at, int64_t value)
{
	/* Unsigned, since -INT64_MIN does not fit. */
	uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
	size_t len = count_digits(magnitude) + (value < 0);
	put_digits(at + len, magnitude);
	if (value < 0)
		*at = '-';
	return len;
}

/* Bytes, above all: averages of sizes are often whole, and large. */
static size_t put_whole(char ret[JSON_NUMBER_SIZE], double value)
{
	double magnitude = fabs(value);
	if (magnitude >= 1e15 || magnitude != (double)(uint64_t)magnitude)
		return 0;
	char text[JSON_NUMBER_SIZE], *end = text + sizeof(text);
	char *at = put_digits(end, (uint64_t)magnitude);
	if (value < 0)
		*--at = '-';
	memcpy(ret, at, (size_t)(end - at));
	return (size_t)(end - at);
}

/*
 * Most readings have few decimals.  If the millionths of a number, divided again, give the
 * number back, then those decimals read back as it too: both are one correctly rounded division.
 */
static size_t put_decimal(char ret[JSON_NUMBER_SIZE], double value)
{
	double magnitude = fabs(value);
	if (magnitude >= 1e9)
		return put_whole(ret, value);
	uint64_t millionths = (uint64_t)(magnitude * 1e6 + 0.5);
	if ((double)millionths / 1e6 != magnitude)
		return 0;
	char text[JSON_NUMBER_SIZE], *end = text + sizeof(text), *at = end;
	if (millionths % 1000000) {
		at = put_digits(end, millionths % 1000000 + 1000000);
		*at = '.'; /* in place of the 1 that kept the leading zeros */
		while (end[-1] == '0')
			end--;
	}
	at = put_digits(at, millionths / 1000000);
	if (value < 0)
		*--at = '-';
	memcpy(ret, at, (size_t)(end - at));
	return (size_t)(end - at);
}

/* Beyond the exponents that json_real.c does: 15 digits where they read back equal, else 17, which
 * always do (IEEE 754, DBL_DECIMAL_DIG). */
static size_t put_exact(char ret[JSON_NUMBER_SIZE], double value)
{
	int len = snprintf(ret, JSON_NUMBER_SIZE, "%.15g", value);
	if (strtod(ret, NULL) != value)
		len = snprintf(ret, JSON_NUMBER_SIZE, "%.17g", value);
	return (size_t)len;
}

size_t json_number_real(char ret[JSON_NUMBER_SIZE], double value)
{
	size_t len = put_decimal(ret, value);
	if (len == 0)
		len = json_real_shortest(ret, value);
	return len ? len : put_exact(ret, value);
}
