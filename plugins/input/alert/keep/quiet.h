/*
 * When and about whom nobody wants to hear: hours of the week, planned maintenance, and subjects.
 * Immutable once read; any thread.
 */
#ifndef TALLYD_ALERT_QUIET_H
#define TALLYD_ALERT_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { QUIET_WINDOWS = 32 };

struct quiet_window {
	int64_t from, to; /* ns since 1970, of planned maintenance; to = 0: every week */
	unsigned days;    /* bit 0: Sunday; the day on which it begins */
	int start, end;   /* minutes of the day; end <= start: of the next day */
};

struct quiet {
	struct quiet_window windows[QUIET_WINDOWS];
	unsigned n;
};

/*
 * Separated by commas, each one of
 *	22:00-06:00                                      every day
 *	sat-sun                                          all day
 *	mon-fri 22:00-06:00                              from the evening of these days
 *	2026-12-01T22:00:00Z/2026-12-02T02:00:00Z        once
 * Times of day are those of the daemon's time zone.  NULL: never.  -EINVAL.
 */
int quiet_parse(const char *text, struct quiet *ret, struct error *error);

bool quiet_is(const struct quiet *quiet, int64_t now);

#endif
