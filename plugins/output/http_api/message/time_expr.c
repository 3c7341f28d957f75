/*
 * Times and durations of a query string.  Any thread; nothing is kept, and `now` is the caller's,
 * so that all parameters of one request mean the same moment.
 *
 * What people type is unambiguous except for bare numbers: from 1e11 on they are milliseconds,
 * because as seconds that would be the year 5138, and as milliseconds it is 1973.  Everything else
 * is refused rather than guessed.
 */
#include "message/time_expr.h"

#include <errno.h>
#include "base/clock.h"
#include "base/rfc3339.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "http_api.h"

static const int64_t time_expr_max = 7258118400 * CLOCK_SECOND; /* 2200-01-01 */
static const int64_t span_max = 36525 * CLOCK_DAY;
static const double first_ms = 1e11; /* as seconds: the year 5138 */

static const struct {
	const char *name;
	int64_t ns;
} units[] = {
	{"w", 7 * CLOCK_DAY},  {"d", CLOCK_DAY},    {"h", CLOCK_HOUR},  {"m", CLOCK_MINUTE},
	{"min", CLOCK_MINUTE}, {"s", CLOCK_SECOND}, {"", CLOCK_SECOND}, {"ms", CLOCK_MS},
};

/* Digits, perhaps with decimals: nothing else that strtod() takes. */
static const char *number_end(const char *text)
{
	const char *end = text + strspn(text, "0123456789");
	if (end > text && *end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	return end;
}

int span_read(const char *text, int64_t *ret)
{
	const char *end = number_end(text);
	if (end == text)
		return -EINVAL;
	double number = strtod(text, NULL);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		double ns = number * (double)units[i].ns;
		if (ns > (double)span_max)
			return -ERANGE;
		if (ns < 1)
			return -EDOM;
		*ret = (int64_t)ns;
		return 0;
	}
	return -EINVAL;
}

static int relative_read(const char *text, int64_t now, int64_t *ret)
{
	int64_t span;
	if (*text == '\0') {
		*ret = now;
		return 0;
	}
	if (*text != '-' && *text != '+' && *text != ' ') /* a '+' that was not escaped */
		return -EINVAL;
	int r = span_read(text + 1, &span);
	if (r == -EDOM)
		span = 0;
	else if (r < 0)
		return r;
	*ret = *text == '-' ? now - span : now + span;
	return 0;
}

static int unix_read(const char *text, int64_t *ret)
{
	double number = strtod(text, NULL);
	if (number >= first_ms)
		number /= 1000;
	if (number * 1e9 > (double)time_expr_max)
		return -ERANGE;
	/* A double holds milliseconds of today exactly enough, not nanoseconds. */
	*ret = (int64_t)(number * 1000 + 0.5) * CLOCK_MS;
	return 0;
}

/* In a query an unescaped "+02:00" arrives as " 02:00". */
static int calendar_read(const char *text, int64_t *ret)
{
	char copy[64];
	size_t len = strlen(text);
	if (len >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, len + 1);
	if (len > 6 && copy[len - 6] == ' ' && copy[len - 3] == ':' && strchr(copy, 'T'))
		copy[len - 6] = '+';
	return rfc3339_parse(copy, len, ret);
}

int time_expr_read(const char *text, int64_t now, int64_t *ret)
{
	const char *end = number_end(text);
	int64_t time;
	int r;
	if (strncmp(text, "now", 3) == 0)
		r = relative_read(text + 3, now, &time);
	else if (end > text && *end == '\0')
		r = unix_read(text, &time);
	else
		r = calendar_read(text, &time);
	if (r < 0)
		return r;
	if (time < 0 || time > time_expr_max)
		return -ERANGE;
	*ret = time;
	return 0;
}
