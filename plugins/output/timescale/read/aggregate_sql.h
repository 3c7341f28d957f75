/* The statements of an aggregate query. */
#ifndef TALLYD_TIMESCALE_AGGREGATE_SQL_H
#define TALLYD_TIMESCALE_AGGREGATE_SQL_H

#include "read/parameters.h"
#include "store/rollup_plan.h"
#include "store/totals.h"

/* One statement under construction. */
struct aggregate_sql {
	const struct bound_query *bound;
	const struct totals *totals; /* not for the list; nor ids */
	const int32_t *ids;
	uint32_t n_ids;
	bool in_order;
	struct strbuf sql;
	struct parameters parameters;
};

void aggregate_sql_init(struct aggregate_sql *a, const struct bound_query *bound);
void aggregate_sql_done(struct aggregate_sql *a);

/* The series that the filters leave and their groups, in the order of groups. */
void aggregate_sql_list(struct aggregate_sql *a);
/* Of those series what lies in a piece: series and time, then the fields, or of a rolled-up piece
 * its columns as row_source.h says.  Sorted only with in_order. */
void aggregate_sql_piece(struct aggregate_sql *a, const struct rollup_plan_segment *piece);
/* And the rows before it, the newest first, that its counters go on from. */
void aggregate_sql_before(struct aggregate_sql *a, const struct rollup_plan_segment *piece);

#endif
