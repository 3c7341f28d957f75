/* Aggregates per bucket and group: which rows are read, and how they become an answer. */
#ifndef TALLYD_SQLITE_AGGREGATE_H
#define TALLYD_SQLITE_AGGREGATE_H

#include "read/readers.h"
#include "store/result_builder.h"
#include "store/rollup_plan.h"
#include "store/bound_query.h"

int aggregate_run(struct reader *reader, const struct bound_query *bound,
		  const struct rollup_plan *plan, struct result *result);

#endif
