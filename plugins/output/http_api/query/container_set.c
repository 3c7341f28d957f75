/*
 * project=, service= and label= of rows that lack them.  On a worker's thread.  Lines carry the id
 * of their container and none of its labels, so the store is asked for the ids first, in
 * container_info, which keeps containers for as long as retention says after they are gone.  As in
 * the list of containers, values of project are alternatives, and all labels must be there.
 */
#include "query/container_set.h"

#include <stdlib.h>
#include <string.h>

#include "query/catalog_cache.h"

/* More do not fit into memory in any case (RESULT_SET_MAX_BYTES). */
enum { CONTAINER_SET_MOST = 1000000 };

static const struct {
	const char *param, *column;
	uint32_t match; /* GLOB: EQUALS for a value without * and ? */
} container_set_params[] = {{"project", "compose_project", TALLY_EQUALS},
			    {"service", "service", TALLY_GLOB},
			    {"label", "labels", TALLY_HAS}};

static int container_set_filter(struct context *context, struct query *query,
				const struct param *param, bool *ret_given)
{
	for (size_t i = 0; i < sizeof(container_set_params) / sizeof(*container_set_params); i++) {
		if (strcmp(container_set_params[i].param, param->name) != 0)
			continue;
		*ret_given = true;
		if (!query->table)
			continue;
		const struct tally_column *column =
			table_column(query->table, container_set_params[i].column);
		if (!column)
			return response_problem(context->builder, 400, param->name,
						"the table container_info of this store has no "
						"column %s",
						container_set_params[i].column);
		uint32_t match = container_set_params[i].match;
		if (match == TALLY_GLOB && !strpbrk(param->value, "*?"))
			match = TALLY_EQUALS;
		query_text(query, column, match, param->value);
	}
	return 0;
}

static int container_set_compare(const void *a, const void *b)
{
	return cell_compare(*(const struct tally_cell *const *)a,
			    *(const struct tally_cell *const *)b);
}

static int container_set_ask(struct query *query, struct container_set *ret)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	if (!id)
		return 0;
	query_select(query, id, TALLY_RAW);
	query->spec.limit = CONTAINER_SET_MOST;
	int r = query_run(query, &ret->rows);
	if (r < 0 || ret->rows.n_rows == 0)
		return r;
	ret->ids = calloc(ret->rows.n_rows, sizeof(*ret->ids));
	if (!ret->ids)
		return response_unavailable(query_context(query)->builder, "out of memory");
	for (uint32_t i = 0; i < ret->rows.n_rows; i++)
		ret->ids[ret->n++] = &result_set_row(&ret->rows, i)[1];
	qsort(ret->ids, ret->n, sizeof(*ret->ids), container_set_compare);
	return 0;
}

int container_set_read(struct context *context, struct container_set *ret)
{
	const struct tally_table *table;
	struct query query;
	query.table = NULL;
	*ret = (struct container_set){.given = false};
	int r = context_table(context, "container_info", &table);
	if (r == 0 && table)
		query_init(&query, context, table);
	for (uint32_t i = 0; r == 0 && i < context->target->n_params; i++)
		r = container_set_filter(context, &query, &context->target->params[i], &ret->given);
	/* Nobody collects labels: no container has any. */
	return r == 0 && ret->given && table ? container_set_ask(&query, ret) : r;
}

void container_set_done(struct container_set *set)
{
	free(set->ids);
	result_set_done(&set->rows);
	*set = (struct container_set){.given = false};
}

bool container_set_has(const struct container_set *set, const struct tally_cell *id)
{
	return bsearch(&id, set->ids, set->n, sizeof(*set->ids), container_set_compare) != NULL;
}
