/*
 * Which data answers an aggregate query: the coarsest rollup whose buckets divide the query's, for
 * as far as it is rolled up and kept, and finer ones, in the end the rows themselves, for both
 * ends of the range.  The pieces cover each time once.
 */
#ifndef TALLYD_PLUGINS_COMMON_ROLLUP_PLAN_H
#define TALLYD_PLUGINS_COMMON_ROLLUP_PLAN_H

#include "store/bound_query.h"
#include "store/rollup_parts.h"

struct rollup_plan_segment {
	enum schema_level level;
	int64_t from, to;
};

enum { ROLLUP_PLAN_MAX_SEGMENTS = 2 * N_LEVELS };

struct rollup_plan {
	enum schema_level level; /* of the coarsest piece */
	uint32_t n_pieces;
	struct rollup_plan_segment pieces[ROLLUP_PLAN_MAX_SEGMENTS]; /* in the order of time */
};

void rollup_plan_find(const struct bound_query *bound, const struct watermarks *watermarks,
		      struct rollup_plan *ret);

#endif
