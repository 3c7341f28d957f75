/*
 * Time zones by their names in the tz database (Europe/Berlin), for days and months as a wall clock
 * there has them.  It is GLib that reads the host's tzdata (decision 38).  Any one thread at a
 * time.
 */
#ifndef TALLYD_HTTP_ZONE_H
#define TALLYD_HTTP_ZONE_H

#include <stdint.h>

struct zone;

/* -EINVAL: that cannot be a name; -ENOENT: the host has no such zone. */
int zone_open(const char *name, struct zone **ret);
void zone_close(struct zone *zone);

static inline void zone_closep(struct zone **zone)
{
	zone_close(*zone);
}
#define auto_zone __attribute__((cleanup(zone_closep)))

/* Days are counted from 1970-01-01, times are ns since 1970. */

/* The first moment at which a clock there shows that day.  Two days begin at once where a zone has
 * left one out. */
int64_t zone_day_begins(const struct zone *zone, int64_t day);
/* The last day that had begun there. */
int64_t zone_day_of(const struct zone *zone, int64_t time);

#endif
