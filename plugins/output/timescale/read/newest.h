/* The newest row of each group, which is what lists of containers show. */
#ifndef TALLYD_TIMESCALE_NEWEST_H
#define TALLYD_TIMESCALE_NEWEST_H

#include "read/readers.h"
#include "store/bound_query.h"

/* Whether a query asks for that, of numbers. */
bool newest_is_asked(const struct bound_query *bound);
/* *ret_cut: there are too many groups for one answer in memory, and no row was handed out. */
int newest_run(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
	       void *arg, bool *ret_cut);

#endif
