/*
 * Which data answers an aggregate query: the coarsest rollup whose buckets divide the query's, for
 * as far as it is rolled up and kept, and finer ones, in the end the rows themselves, for both
 * ends of the range.  The pieces cover each time once.
 */
#ifndef TALLYD_PLUGINS_COMMON_ROLLUP_PLAN_H
#define TALLYD_PLUGINS_COMMON_ROLLUP_PLAN_H

#include "store/bound_query.h"
#include "store/rollup_parts.h"

struct coverage_piece {
	enum schema_level level;
	int64_t from, to;
};

enum { COVERAGE_MAX_PIECES = 2 * N_LEVELS };

struct coverage {
	enum schema_level level; /* of the coarsest piece */
	uint32_t n_pieces;
	struct coverage_piece pieces[COVERAGE_MAX_PIECES]; /* in the order of time */
};

void coverage_find(const struct question *question, const struct marks *marks,
		   struct coverage *ret);

#endif
