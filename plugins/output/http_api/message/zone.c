/*
 * When days begin in a time zone.  message/window.c asks, on libmicrohttpd's thread.
 *
 * A name goes into a path below the tz database, so it is held against what its names look like
 * first: words between slashes that begin with a capital, without a dot.  That leaves out what else
 * lies there (tzdata.zi, posixrules, and right/, which counts leap seconds), and every way up. What
 * is there and is no zone is refused by GLib, which checks the format.
 *
 * All that is asked of GLib is the offset at a moment.  Midnight is then searched for in UTC, where
 * time does not jump: clocks may go forward over it (Cairo), back over it (Havana), or leave out a
 * day (Apia, 2011).
 */
#include "message/zone.h"

#include <errno.h>
#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { DAY = 86400, ZONE_NAME_MAX = 64 };

static const char zone_folder[] = "/usr/share/zoneinfo/";

/* GLib's type is a typedef'd struct, and nothing is to be kept beside it. */
static GTimeZone *of_glib(const struct zone *zone)
{
	return (GTimeZone *)(uintptr_t)zone;
}

static bool is_name(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+-";
	const char *at = name;
	if (strlen(name) > ZONE_NAME_MAX)
		return false;
	while (*at >= 'A' && *at <= 'Z') {
		at += strspn(at, letters);
		if (*at == '\0')
			return true;
		if (*at++ != '/')
			return false;
	}
	return false;
}

int zone_open(const char *name, struct zone **ret)
{
	char path[sizeof(zone_folder) + ZONE_NAME_MAX];
	if (!is_name(name))
		return -EINVAL;
	/* Whole, since GLib takes a name alone for a rule of POSIX too ("CET-1"). */
	snprintf(path, sizeof(path), "%s%s", zone_folder, name);
	GTimeZone *zone =
		strcmp(name, "UTC") == 0 ? g_time_zone_new_utc() : g_time_zone_new_identifier(path);
	if (!zone)
		return -ENOENT;
	*ret = (struct zone *)(void *)zone;
	return 0;
}

void zone_close(struct zone *zone)
{
	if (zone)
		g_time_zone_unref(of_glib(zone));
}

/* East of UTC, in seconds, at a moment in seconds since 1970. */
static int64_t offset_at(const struct zone *zone, int64_t time)
{
	GTimeZone *known = of_glib(zone);
	int interval = g_time_zone_find_interval(known, G_TIME_TYPE_UNIVERSAL, time);
	return interval < 0 ? 0 : g_time_zone_get_offset(known, interval);
}

int64_t zone_day_begins(const struct zone *zone, int64_t day)
{
	int64_t local = day * DAY, low = local - 2 * DAY, before = offset_at(zone, low);
	int64_t begin = local - before, high = begin;
	if (offset_at(zone, high) == before)
		return begin * CLOCK_SECOND;
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;
		if (offset_at(zone, middle) == before)
			low = middle;
		else
			high = middle;
	}
	/* The clocks went at `high`, forward over midnight if that was earlier by the new offset.
	 */
	begin = local - offset_at(zone, high);
	return (begin > high ? begin : high) * CLOCK_SECOND;
}

int64_t zone_day_of(const struct zone *zone, int64_t time)
{
	int64_t day = time / CLOCK_DAY + 1; /* no zone is further than a day from UTC */
	while (zone_day_begins(zone, day) > time)
		day--;
	return day;
}
