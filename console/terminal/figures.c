/*
 * The dashboard's format.ts in C, so that both show the same words for the same numbers.
 */
#include "terminal/figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"

/* 3 significant digits, without zeros at the end. */
static void figure_digits(double x, char ret[FIGURE_SIZE])
{
	double size = fabs(x);
	int decimals = size >= 100 ? 0 : size >= 10 ? 1 : 2;
	snprintf(ret, FIGURE_SIZE, "%.*f", decimals, x);
	if (decimals == 0)
		return;
	size_t len = strlen(ret);
	while (len > 0 && ret[len - 1] == '0')
		ret[--len] = '\0';
	if (len > 0 && ret[len - 1] == '.')
		ret[len - 1] = '\0';
}

static void figure_scaled(double x, double base, const char *const *units, char ret[FIGURE_SIZE])
{
	char digits[FIGURE_SIZE];
	if (!isfinite(x)) {
		snprintf(ret, FIGURE_SIZE, "%s", FIGURE_NONE);
		return;
	}
	const char *const *unit = units;
	while (fabs(x) >= base * 0.9995 && unit[1]) {
		x /= base;
		unit++;
	}
	if (unit == units)
		snprintf(digits, sizeof(digits), "%.0f", x);
	else
		figure_digits(x, digits);
	snprintf(ret, FIGURE_SIZE, "%.20s %s", digits, *unit);
}

void figure_bytes(double x, char ret[FIGURE_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", NULL};
	figure_scaled(x, 1024, units, ret);
}

void figure_rate(double x, char ret[FIGURE_SIZE])
{
	static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", NULL};
	figure_scaled(x, 1000, units, ret);
}

void figure_disk_rate(double x, char ret[FIGURE_SIZE])
{
	static const char *const units[] = {"B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s", NULL};
	figure_scaled(x, 1024, units, ret);
}

void figure_percent(double x, char ret[FIGURE_SIZE])
{
	char digits[FIGURE_SIZE];
	if (!isfinite(x)) {
		snprintf(ret, FIGURE_SIZE, "%s", FIGURE_NONE);
		return;
	}
	figure_digits(fabs(x) < 0.005 ? 0 : x, digits);
	snprintf(ret, FIGURE_SIZE, "%.20s %%", digits);
}

/* The largest unit, and the next while it tells something. */
void figure_duration(double seconds, char ret[FIGURE_SIZE])
{
	if (!isfinite(seconds)) {
		snprintf(ret, FIGURE_SIZE, "%s", FIGURE_NONE);
		return;
	}
	long s = seconds > 0 ? (long)seconds : 0;
	long minutes = s % 3600 / 60, hours = s % 86400 / 3600;
	if (s < 60)
		snprintf(ret, FIGURE_SIZE, "%ld s", s);
	else if (s < 3600)
		snprintf(ret, FIGURE_SIZE, "%ld min", s / 60);
	else if (s < 6L * 3600 && minutes)
		snprintf(ret, FIGURE_SIZE, "%ld h %ld min", s / 3600, minutes);
	else if (s < 86400)
		snprintf(ret, FIGURE_SIZE, "%ld h", s / 3600);
	else if (s < 3L * 86400 && hours)
		snprintf(ret, FIGURE_SIZE, "%ld d %ld h", s / 86400, hours);
	else
		snprintf(ret, FIGURE_SIZE, "%ld d", s / 86400);
}

void figure_spark(struct strbuf *out, const float *values, size_t n, float top)
{
	for (size_t i = 0; i < n; i++) {
		if (!isfinite(values[i])) {
			strbuf_bytes(out, " ", 1);
			continue;
		}
		float share = top > 0 ? values[i] / top : 0;
		int eighth = share >= 1 ? 7 : share <= 0 ? 0 : (int)(share * 8);
		const char block[] = {'\xe2', '\x96', (char)(0x81 + eighth)};
		strbuf_bytes(out, block, sizeof(block));
	}
}

/* Numbers at the beginning of both, which are moved behind them; 0: equal, or not both have one. */
static int compare_numbers(const char **a, const char **b)
{
	size_t x = strspn(*a, "0123456789"), y = strspn(*b, "0123456789");
	if (!x || !y)
		return 0;
	for (; x > 1 && **a == '0'; x--)
		++*a;
	for (; y > 1 && **b == '0'; y--)
		++*b;
	int order = x != y ? (x < y ? -1 : 1) : memcmp(*a, *b, x);
	*a += x;
	*b += y;
	return order;
}

static int lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

int figure_compare_names(const char *a, const char *b)
{
	int order = 0;
	while (order == 0 && *a && *b) {
		order = compare_numbers(&a, &b);
		if (order != 0 || !*a || !*b)
			break;
		order = lower(*a++) - lower(*b++);
	}
	return order ? order : (unsigned char)*a - (unsigned char)*b;
}
