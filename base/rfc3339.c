/*
 * Times of the Docker engine, of configuration and of HTTP parameters in; of answers out.  Not
 * strptime(): it knows no fractions and no offsets with colons, and goes by the locale.  Docker
 * writes up to nine digits and `Z`, Podman an offset; RFC 3339, section 5.6, allows small letters
 * and a space for the T.  Nor timegm() and strftime(): they consider time zones and locales, which
 * took an eighth of all that a log line takes, and as much of an answer with many times.  Any
 * thread.
 */
#include "base/rfc3339.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static const int64_t year_min = 1678, year_max = 2261;

struct reader {
	const char *at, *end;
};

static bool read_char(struct reader *reader, char wanted)
{
	if (reader->at == reader->end || *reader->at != wanted)
		return false;
	reader->at++;
	return true;
}

static bool read_digits(struct reader *reader, int n, int *ret)
{
	int value = 0;
	if (reader->end - reader->at < n)
		return false;
	for (int i = 0; i < n; i++, reader->at++) {
		if (*reader->at < '0' || *reader->at > '9')
			return false;
		value = value * 10 + (*reader->at - '0');
	}
	*ret = value;
	return true;
}

static bool read_date(struct reader *reader, struct tm *tm)
{
	return read_digits(reader, 4, &tm->tm_year) && read_char(reader, '-') &&
	       read_digits(reader, 2, &tm->tm_mon) && read_char(reader, '-') &&
	       read_digits(reader, 2, &tm->tm_mday);
}

static bool read_clock(struct reader *reader, struct tm *tm)
{
	return read_digits(reader, 2, &tm->tm_hour) && read_char(reader, ':') &&
	       read_digits(reader, 2, &tm->tm_min) && read_char(reader, ':') &&
	       read_digits(reader, 2, &tm->tm_sec);
}

/* Digits past the ninth are read and dropped. */
static bool read_fraction(struct reader *reader, int64_t *ret_ns)
{
	int64_t scale = CLOCK_SECOND / 10;
	const char *first = reader->at;
	for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++) {
		*ret_ns += (*reader->at - '0') * scale;
		scale /= 10;
	}
	return reader->at > first;
}

static bool read_offset(struct reader *reader, int64_t *ret_seconds)
{
	int hours, minutes;
	if (read_char(reader, 'Z') || read_char(reader, 'z'))
		return true;
	bool east = read_char(reader, '+');
	if (!east && !read_char(reader, '-'))
		return false;
	if (!read_digits(reader, 2, &hours) || !read_char(reader, ':') ||
	    !read_digits(reader, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_seconds = (hours * 60 + minutes) * (east ? 60 : -60);
	return true;
}

static bool in_range(const struct tm *tm)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	if (tm->tm_mon < 1 || tm->tm_mon > 12)
		return false;
	bool leap = (tm->tm_year % 4 == 0 && tm->tm_year % 100 != 0) || tm->tm_year % 400 == 0;
	int last = days[tm->tm_mon - 1] + (tm->tm_mon == 2 && leap);
	return tm->tm_mday >= 1 && tm->tm_mday <= last && tm->tm_hour <= 23 && tm->tm_min <= 59 &&
	       /* A leap second, which makes the first one of the next minute. */
	       tm->tm_sec <= 60;
}

/* Days since 1970 of a date in the Gregorian calendar, as if years began with March: then the day
 * that some years have more is the last one. */
static int64_t days_of(int year, int month, int day)
{
	int64_t years = month > 2 ? year : year - 1;
	int64_t months = month > 2 ? month - 3 : month + 9;
	/* Five months from March on have 153 days, whichever five. */
	return years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day -
	       719469;
}

int rfc3339_parse(const char *text, size_t len, int64_t *ret)
{
	struct reader reader = {text, text + len};
	struct tm tm = {0};
	int64_t fraction = 0, offset = 0;
	if (!read_date(&reader, &tm))
		return -EINVAL;
	if (!read_char(&reader, 'T') && !read_char(&reader, 't') && !read_char(&reader, ' '))
		return -EINVAL;
	if (!read_clock(&reader, &tm) || !in_range(&tm))
		return -EINVAL;
	if (read_char(&reader, '.') && !read_fraction(&reader, &fraction))
		return -EINVAL;
	if (!read_offset(&reader, &offset) || reader.at != reader.end)
		return -EINVAL;
	/* int64_t in ns ends in 1677 and 2262; whole years keep offsets from overflowing it. */
	if (tm.tm_year < year_min || tm.tm_year > year_max)
		return -ERANGE;
	int64_t seconds = days_of(tm.tm_year, tm.tm_mon, tm.tm_mday) * 86400 + tm.tm_hour * 3600 +
			  tm.tm_min * 60 + tm.tm_sec;
	*ret = (seconds - offset) * CLOCK_SECOND + fraction;
	return 0;
}

static int fraction_digits(int64_t fraction)
{
	if (fraction == 0)
		return 0;
	if (fraction % 1000000 == 0)
		return 3;
	return fraction % 1000 == 0 ? 6 : 9;
}

static char *put_two(char *at, unsigned value)
{
	at[0] = (char)('0' + value / 10);
	at[1] = (char)('0' + value % 10);
	return at + 2;
}

static void put_nine(char *at, uint32_t value)
{
	for (int i = 8; i >= 0; i--, value /= 10)
		at[i] = (char)('0' + value % 10);
}

/* The other way round than days_of(): four centuries have 146,097 days. */
static char *put_date(char *at, int64_t days)
{
	int64_t since = days + 719468, century = since / 146097, day = since % 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= year * 365 + year / 4 - year / 100;
	int64_t month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += century * 400 + (month > 9);
	at = put_two(at, (unsigned)year / 100);
	at = put_two(at, (unsigned)year % 100);
	*at++ = '-';
	at = put_two(at, (unsigned)(month > 9 ? month - 9 : month + 3));
	*at++ = '-';
	return put_two(at, (unsigned)day + 1);
}

size_t rfc3339_format(int64_t ns, char ret[RFC3339_SIZE])
{
	int64_t seconds = ns / CLOCK_SECOND, fraction = ns % CLOCK_SECOND;
	if (fraction < 0) {
		fraction += CLOCK_SECOND;
		seconds--;
	}
	/* Before 1970 both round downwards. */
	int64_t days = seconds / 86400 - (seconds % 86400 < 0);
	unsigned rest = (unsigned)(seconds - days * 86400);
	char *at = put_date(ret, days);
	*at++ = 'T';
	at = put_two(at, rest / 3600);
	*at++ = ':';
	at = put_two(at, rest / 60 % 60);
	*at++ = ':';
	at = put_two(at, rest % 60);
	int digits = fraction_digits(fraction);
	if (digits) {
		*at = '.';
		put_nine(at + 1, (uint32_t)fraction);
		at += 1 + digits;
	}
	*at++ = 'Z';
	*at = '\0';
	return (size_t)(at - ret);
}
