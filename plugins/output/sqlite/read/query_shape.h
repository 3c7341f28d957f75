/*
 * All of a query that the texts of its statements are made of: its table, what it selects, groups
 * and filters by, and in which order, but no value.  Queries of one shape have the same statements
 * (read/statements.h), so a text is put together only once.
 */
#ifndef TALLYD_SQLITE_QUERY_SHAPE_H
#define TALLYD_SQLITE_QUERY_SHAPE_H

#include <stdint.h>

#include "store/bound_query.h"

enum {
	QUERY_SHAPE_HEAD = 4,
	QUERY_SHAPE_PARTS = QUERY_SHAPE_HEAD + 2 * CATALOG_MAX_COLUMNS + BOUND_QUERY_MAX_FILTERS
};

struct query_shape {
	/* An entry of the catalog never changes, and outlives all that is prepared for it. */
	const struct stored_table *table;
	uint64_t hash;
	uint32_t n; /* parts that count; 0: of all queries of the table */
	uint16_t parts[QUERY_SHAPE_PARTS];
};

void query_shape_of(const struct bound_query *bound, struct query_shape *ret);
/* A copy, to be freed; NULL: no memory. */
struct query_shape *query_shape_copy(const struct query_shape *shape);
bool query_shape_is(const struct query_shape *a, const struct query_shape *b);

#endif
