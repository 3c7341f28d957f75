/*
 * One answer of GET /containers/ID/stats, of any engine from API 1.41 on and both cgroup versions,
 * read straight into the columns' order.  No allocation.  What can fail: the text is not JSON, or
 * a known member has another type; a missing member leaves its slot unset.
 */
#ifndef TALLYD_STATS_READ_H
#define TALLYD_STATS_READ_H

#include "containers/stats_table.h"

/* Decodes in place, so text is overwritten.  NULL, or what is wrong and at which byte. */
const char *stats_read(char *text, size_t len, struct stats *ret, size_t *ret_offset);

/* For a container that does not run the engine answers with a time in the year 1. */
static inline bool stats_is_running(const struct stats *stats)
{
	return stats->slots[STATS_READ_TIME].set;
}

#endif
