/* The statements of an aggregate query. */
#ifndef TALLYD_TIMESCALE_AGGREGATE_SQL_H
#define TALLYD_TIMESCALE_AGGREGATE_SQL_H

#include "read/parameters.h"
#include "store/rollup_plan.h"
#include "store/totals.h"

/* One statement under construction. */
struct aggregate_sql {
	const struct bound_query *bound;
	const struct totals *totals; /* not for the list */
	const int32_t *ids;          /* of series; NULL: those that the filters leave */
	uint32_t n_ids;
	bool in_order;
	struct strbuf sql;
	struct parameters parameters;
};

void aggregate_sql_init(struct aggregate_sql *a, const struct bound_query *bound);
void aggregate_sql_done(struct aggregate_sql *a);

/* Rows of the fields in totals that an answer in memory may have. */
uint32_t aggregate_sql_most(const struct aggregate_sql *a);

/* The series that the filters leave and their groups, in the order of groups. */
void aggregate_sql_list(struct aggregate_sql *a);
/* Of those series what lies in a piece: series and time, then the fields, or of a rolled-up piece
 * its columns as row_source.h says.  Sorted only with in_order. */
void aggregate_sql_piece(struct aggregate_sql *a, const struct rollup_plan_segment *piece);
/* And the rows before it, the newest first, that its counters go on from. */
void aggregate_sql_before(struct aggregate_sql *a, const struct rollup_plan_segment *piece);

/* Of each series that the filters leave the newest row in the range: its time, the groups, the
 * fields.  In the order of groups, at most limit of them.  now: ns, by which most have one that is
 * recent. */
void aggregate_sql_newest(struct aggregate_sql *a, uint32_t limit, int64_t now);

#endif
