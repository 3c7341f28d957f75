/*
 * newest.c and aggregate.c find a group's number here row by row, and have its values put into the
 * rows of the answer in the end.  Only memory can fail.
 */
#include "read/groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_value.h"

int groups_init(struct groups *groups, const struct bound_query *bound, struct result *result,
		PGresult *list)
{
	*groups = (struct groups){.bound = bound, .result = result, .list = list};
	groups->all = calloc((size_t)PQntuples(list) + 1, sizeof(*groups->all));
	return groups->all ? 0 : -ENOMEM;
}

void groups_done(struct groups *groups)
{
	PQclear(groups->list);
	free(groups->all);
}

static bool groups_are_same(const struct groups *groups, int left, int right)
{
	for (int c = 1; c <= (int)groups->bound->query->n_group_by; c++) {
		bool null = PQgetisnull(groups->list, left, c);
		int len = PQgetlength(groups->list, left, c);
		if (null != PQgetisnull(groups->list, right, c) ||
		    len != PQgetlength(groups->list, right, c) ||
		    memcmp(PQgetvalue(groups->list, left, c), PQgetvalue(groups->list, right, c),
			   (size_t)len) != 0)
			return false;
	}
	return true;
}

uint32_t groups_next(struct groups *groups, int row)
{
	if (row == 0 || !groups_are_same(groups, row - 1, row))
		groups->all[groups->n++] = (struct group){.list = row};
	return groups->n - 1;
}

static int groups_copy(struct groups *groups, struct tally_cell *row, int list)
{
	int r = 0;
	for (int c = 1; r == 0 && c <= (int)groups->bound->query->n_group_by; c++) {
		if (PQgetisnull(groups->list, list, c))
			continue;
		struct tally_cell cell = pg_get_cell(groups->result->columns[c].type,
						     PQgetvalue(groups->list, list, c),
						     PQgetlength(groups->list, list, c));
		r = result_put(groups->result, row, (uint32_t)c, &cell);
	}
	return r;
}

/* A batch holds each text once, however many rows of the group are in it. */
int groups_put(void *arg, struct tally_cell *row, uint32_t number)
{
	struct groups *groups = arg;
	struct group *group = &groups->all[number];
	const struct tally_batch *batch = groups->result->batch;
	if (group->batch == groups->result->n_batches) {
		const struct tally_cell *same =
			&batch->cells[(size_t)group->row * batch->table->n_columns];
		memcpy(row + 1, same + 1, groups->bound->query->n_group_by * sizeof(*row));
		return 0;
	}
	group->batch = groups->result->n_batches;
	group->row = batch->n_rows - 1;
	return groups_copy(groups, row, group->list);
}
