/* Aggregates per bucket and group: which rows are read, and how they become an answer. */
#ifndef TALLYD_TIMESCALE_AGGREGATE_H
#define TALLYD_TIMESCALE_AGGREGATE_H

#include "read/readers.h"
#include "store/bound_query.h"

/* On a connection that is in no transaction. */
int aggregate_run(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
		  void *arg);

#endif
