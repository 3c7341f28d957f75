/*
 * The rows of one series as they were written, some of them packed: past SQL, which would take each
 * value out of a virtual table, to look at it and hand it on.
 */
#ifndef TALLYD_SQLITE_PACKED_SCAN_H
#define TALLYD_SQLITE_PACKED_SCAN_H

#include "read/series_tags.h"

/* Not with filters on fields: those are SQL's. */
bool packed_scan_can(const struct bound_query *bound);
/* The page, or as much of it as the series has. */
int packed_scan_run(struct reader *reader, const struct bound_query *bound, int64_t series,
		    struct series_tags *tags, struct result *result);

#endif
