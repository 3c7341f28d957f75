/*
 * Read once; looked at when an alert fires, and every second while one fires that nobody was told
 * of.
 */
#include "keep/quiet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rfc3339.h"

enum { ALL_DAYS = 127, MINUTES = 24 * 60, WINDOW_SIZE = 80 };

/* ---- Reading ----------------------------------------------------------------- */

/* "mon" → 1; -1: no day */
static int day_of(const char *text)
{
	static const char names[7][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
	for (int i = 0; i < 7; i++)
		if (strncmp(text, names[i], 3) == 0)
			return i;
	return -1;
}

/* "mon", "mon-fri" or "fri-mon"; the rest of the text, or NULL. */
static const char *take_days(const char *text, unsigned *ret)
{
	int first = day_of(text), last = first;
	if (first < 0)
		return NULL;
	text += 3;
	if (*text == '-') {
		last = day_of(text + 1);
		text += 4;
	}
	if (last < 0)
		return NULL;
	*ret = 0;
	for (int day = first;; day = (day + 1) % 7) {
		*ret |= 1u << day;
		if (day == last)
			return text;
	}
}

static bool take_hours(const char *text, int *ret_start, int *ret_end)
{
	int h1, m1, h2, m2, len = 0;
	if (sscanf(text, "%2d:%2d-%2d:%2d%n", &h1, &m1, &h2, &m2, &len) != 4 || text[len])
		return false;
	if (h1 < 0 || h1 > 23 || h2 < 0 || h2 > 24 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 ||
	    (h2 == 24 && m2))
		return false;
	*ret_start = 60 * h1 + m1;
	*ret_end = 60 * h2 + m2;
	return true;
}

static bool take_once(const char *text, const char *slash, struct quiet_window *ret)
{
	return rfc3339_parse(text, (size_t)(slash - text), &ret->from) == 0 &&
	       rfc3339_parse(slash + 1, strlen(slash + 1), &ret->to) == 0 && ret->to > ret->from;
}

static bool take_window(const char *text, struct quiet_window *ret)
{
	const char *slash = strchr(text, '/'), *rest = text;
	*ret = (struct quiet_window){.days = ALL_DAYS, .end = MINUTES};
	if (slash)
		return take_once(text, slash, ret);
	if (day_of(text) >= 0)
		rest = take_days(text, &ret->days);
	if (!rest)
		return false;
	rest += strspn(rest, " \t");
	return !*rest || take_hours(rest, &ret->start, &ret->end);
}

int quiet_parse(const char *text, struct quiet *ret, struct error *error)
{
	struct quiet quiet = {.n = 0};
	while (text && *text) {
		char window[WINDOW_SIZE];
		text += strspn(text, ", \t");
		size_t len = strcspn(text, ","), kept = len;
		while (kept && strchr(" \t", text[kept - 1]))
			kept--;
		if (quiet.n == QUIET_WINDOWS)
			return error_set(error, EINVAL, "more than %d windows", QUIET_WINDOWS);
		snprintf(window, sizeof(window), "%.*s", (int)kept, text);
		if (kept && (kept >= WINDOW_SIZE || !take_window(window, &quiet.windows[quiet.n])))
			return error_set(error, EINVAL,
					 "\"%s\" is not a time: write 22:00-06:00, sat-sun, "
					 "mon-fri 22:00-06:00, or two times of RFC 3339 with a / "
					 "between them",
					 window);
		quiet.n += kept > 0;
		text += len;
	}
	*ret = quiet;
	return 0;
}

/* ---- Looking ----------------------------------------------------------------- */

static bool is_in_week(const struct quiet_window *window, const struct tm *local)
{
	int minute = 60 * local->tm_hour + local->tm_min;
	bool today = window->days & (1u << local->tm_wday);
	bool yesterday = window->days & (1u << ((local->tm_wday + 6) % 7));
	if (window->end > window->start)
		return today && minute >= window->start && minute < window->end;
	return (today && minute >= window->start) || (yesterday && minute < window->end);
}

bool quiet_is(const struct quiet *quiet, int64_t now)
{
	time_t seconds = now / CLOCK_SECOND;
	struct tm local;
	if (!quiet->n || !localtime_r(&seconds, &local))
		return false;
	for (unsigned i = 0; i < quiet->n; i++) {
		const struct quiet_window *window = &quiet->windows[i];
		if (window->to ? now >= window->from && now < window->to
			       : is_in_week(window, &local))
			return true;
	}
	return false;
}
