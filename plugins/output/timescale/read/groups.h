/*
 * The groups of an aggregate answer: rows that came from the server sorted by the columns of the
 * group, which are those after its first.  For one query, on the thread that asks it.
 */
#ifndef TALLYD_TIMESCALE_GROUPS_H
#define TALLYD_TIMESCALE_GROUPS_H

#include <libpq-fe.h>

#include "store/result_builder.h"

/* The last row of the answer that bears a group's values, and in which batch. */
struct group {
	int list; /* first row of the group in the list */
	uint32_t batch, row;
};

struct groups {
	const struct bound_query *bound;
	struct result *result;
	PGresult *list;
	struct group *all;
	uint32_t n;
};

/* Takes the list.  -ENOMEM; owes groups_done() in any case. */
int groups_init(struct groups *groups, const struct bound_query *bound, struct result *result,
		PGresult *list);
void groups_done(struct groups *groups);
/* The group of the list's next row, from the first one on. */
uint32_t groups_next(struct groups *groups, int row);
/* A totals_group_fn; arg: struct groups. */
int groups_put(void *arg, struct tally_cell *row, uint32_t number);

#endif
