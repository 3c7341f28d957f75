/*
 * An aggregate query around its aggregator: which fields it needs, and the rows of the answer once
 * the aggregator has seen all rows.
 */
#ifndef TALLYD_PLUGINS_COMMON_TOTALS_H
#define TALLYD_PLUGINS_COMMON_TOTALS_H

#include "store/result_builder.h"
#include "store/bound_query.h"
#include "store/aggregator.h"

/* Where a row of the answer belongs, and where its cells are. */
struct totals_place {
	int64_t time;
	uint32_t group, row;
};

struct totals {
	const struct bound_query *bound;
	struct result *result;
	struct aggregator aggregator;
	struct aggregator_field fields[CATALOG_MAX_COLUMNS];
	uint16_t columns[CATALOG_MAX_COLUMNS]; /* of fields */
	uint16_t most;                         /* of them */
	/* Of query->select; not of the time of the newest row, which every bucket knows. */
	uint32_t field_of[CATALOG_MAX_COLUMNS];
	bool rates;  /* one is asked for */
	bool newest; /* it matters which row is the newest */
	bool texts;  /* some field is one */
	struct totals_place *places;
	struct tally_cell *cells; /* of each row as many as query->select has */
	uint32_t n_rows, rows_size;
};

void totals_init(struct totals *totals, const struct bound_query *bound, struct result *result);
void totals_done(struct totals *totals);

/* The place of a row's cells, as many as query->select has, where of each group the newest row is
 * the answer; left alone for one that is older than what is there.  Group by group, and numbers
 * only: nobody copies a text. */
int totals_newest(struct totals *totals, uint32_t group, int64_t time, struct tally_cell **ret);

/* Puts the values that make a group into a row, from its second column on; 0 or what
 * result_put() returned. */
typedef int totals_group_fn(void *arg, struct tally_cell *row, uint32_t group);
/* All rows, by time and group, to the end. */
int totals_answer(struct totals *totals, totals_group_fn *put_group, void *arg);

#endif
