/*
 * Numbers are parsed strictly: digits, then the unit, then the end.  A word's likeliest meaning is
 * found by the number of letters that must be typed, dropped, changed or swapped.
 */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_NAME_MAX = 48 };

struct text_unit {
	const char *name;
	int64_t factor;
};

/* From large to small, so that the first that divides is the shortest way to write it.
 * Those with a second name come after it, for reading only. */
static const struct text_unit text_durations[] = {
	{"d", 86400000000000},
	{"h", 3600000000000},
	{"min", 60000000000},
	{"m", 60000000000},
	{"s", 1000000000},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
	{NULL, 0},
};

static const struct text_unit text_sizes[] = {
	{"Ti", INT64_C(1) << 40},
	{"Gi", INT64_C(1) << 30},
	{"Mi", INT64_C(1) << 20},
	{"Ki", INT64_C(1) << 10},
	{"", 1},
	{NULL, 0},
};

/* Reads digits; *ret_rest is what follows them. */
static int text_digits(const char *text, int64_t *ret, const char **ret_rest)
{
	int64_t value = 0;
	const char *p = text;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value))
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	*ret = value;
	*ret_rest = p;
	return 0;
}

int text_parse_int(const char *text, int64_t *ret)
{
	bool negative = *text == '-';
	const char *rest;
	int64_t value;
	int r = text_digits(text + negative, &value, &rest);
	if (r < 0)
		return r;
	if (*rest)
		return -EINVAL;
	*ret = negative ? -value : value;
	return 0;
}

int text_parse_bool(const char *text, bool *ret)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*ret = i % 2;
			return 0;
		}
	}
	return -EINVAL;
}

static int text_parse_unit(const char *text, const struct text_unit *units, int64_t *ret)
{
	const char *rest;
	int64_t value;
	int r = text_digits(text, &value, &rest);
	if (r < 0)
		return r;
	while (*rest == ' ')
		rest++;
	for (; units->name; units++) {
		if (strcmp(rest, units->name) == 0)
			return __builtin_mul_overflow(value, units->factor, ret) ? -ERANGE : 0;
	}
	return -EINVAL;
}

int text_parse_size(const char *text, int64_t *ret)
{
	int64_t value;
	int r = text_parse_unit(text, text_sizes, &value);
	if (r == 0)
		*ret = value;
	return r;
}

int text_parse_duration(const char *text, int64_t *ret)
{
	int64_t value = 0;
	int r = strcmp(text, "0") == 0 ? 0 : text_parse_unit(text, text_durations, &value);
	if (r == 0)
		*ret = value;
	return r;
}

static void text_format_unit(int64_t value, const struct text_unit *units, char *ret, size_t size)
{
	while (units[1].name && (value % units->factor || value == 0))
		units++;
	snprintf(ret, size, "%" PRId64 "%s", value / units->factor, units->name);
}

void text_format_duration(int64_t ns, char *ret, size_t size)
{
	if (ns == 0)
		snprintf(ret, size, "0s");
	else
		text_format_unit(ns, text_durations, ret, size);
}

void text_format_size(int64_t bytes, char *ret, size_t size)
{
	text_format_unit(bytes, text_sizes, ret, size);
}

bool text_is_name(const char *text)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz";
	static const char later[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t len = strspn(text, later);
	return strspn(text, first) > 0 && len <= TEXT_NAME_MAX && !text[len];
}
