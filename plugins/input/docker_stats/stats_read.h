/*
 * One answer of GET /containers/ID/stats, of any engine from API 1.41 on and both cgroup versions,
 * read straight into the columns' order.  No allocation.  What can fail: the text is not JSON, or
 * a known member is of another type; a member that is not there is simply not set.
 */
#ifndef TALLYD_STATS_READ_H
#define TALLYD_STATS_READ_H

#include "base/json_reader.h"
#include "stats_table.h"

/* What has no column of its own, but makes one. */
enum { STATS_INACTIVE_FILE = STATS_COLUMNS, STATS_READ_TIME, STATS_SLOTS };

struct stats {
	struct json_int slots[STATS_SLOTS]; /* by column; STATS_READ_TIME in ns since 1970 */
};

/* text is spoilt.  NULL, or what is wrong, and at which byte. */
const char *stats_read(char *text, size_t len, struct stats *ret, size_t *ret_offset);

/* The engine answers for a container that does not run too: with a time of the year 1. */
static inline bool stats_is_running(const struct stats *stats)
{
	return stats->slots[STATS_READ_TIME].set;
}

#endif
