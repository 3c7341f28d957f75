/*
 * The parameters of a list as conditions of a query.  On a worker's thread, for lists and for what
 * counts their rows.
 *
 * Filters on one column are alternatives, filters on different columns must all hold: that is what
 * the store makes of several EQUALS on one column (query.h).
 */
#include "routes/list_narrow.h"

#include <string.h>

#include "query/catalog_cache.h"

/* One parameter as one condition.  A column that this store lacks is the client's error, not an
 * empty list: a filter that cannot hold would otherwise look like one that nothing passes. */
static int filter_one(struct context *context, const struct list_filter *filter,
		      struct query *query, const char *value)
{
	const struct tally_column *column = table_column(query->table, filter->column);
	uint32_t match = list_filter_match(filter, &value);
	bool flag = column && column->type == TALLY_BOOL && strcmp(value, "yes") == 0;
	if (!column)
		return response_problem(context->builder, 400, filter->param,
					"the table %s of this store has no column %s",
					query->table->name, filter->column);
	if (column->type == TALLY_INT && strcmp(value, "no") == 0)
		return 0; /* no condition, as with gone=no */
	if (column->type == TALLY_BOOL || column->type == TALLY_INT)
		query_filter(query, column, match, &(struct tally_cell){.i = flag, .set = 1});
	else
		query_text(query, column, match, value);
	return 0;
}

static int filter_container(struct query *query, const struct container *container)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	const struct tally_column *host = table_column(query->table, "host");
	if (!id || !host)
		return response_problem(query_context(query)->builder, 400, "container",
					"the table %s of this store has no column %s",
					query->table->name, id ? "host" : "container_id");
	query_text(query, id, TALLY_EQUALS, container->id);
	query_text(query, host, TALLY_EQUALS, container->host);
	return 0;
}

static int filter_all(struct context *context, const struct list *list, struct query *query)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		for (const struct list_filter *f = list->filters; r == 0 && f->param; f++)
			if (strcmp(f->param, param->name) == 0)
				r = filter_one(context, f, query, param->value);
	}
	return r;
}

int list_find_containers(struct context *context, struct list_containers *ret)
{
	ret->n = 0;
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		if (strcmp(param->name, "container") != 0)
			continue;
		int r = container_find(context, param->value, "container", &ret->named[ret->n]);
		if (r < 0)
			return r;
		ret->n++;
	}
	return 0;
}

bool list_names_containers(const struct list *list)
{
	const struct list_filter *filter = list->filters;
	while (filter->param && strcmp(filter->param, "container") != 0)
		filter++;
	return !filter->param;
}

int list_narrow(struct context *context, const struct list *list, const struct container *container,
		struct list_containers *named, struct query *query)
{
	int r = filter_all(context, list, query);
	named->n = 0;
	if (r == 0 && !container && list_names_containers(list))
		r = list_find_containers(context, named);
	for (uint32_t i = 0; r == 0 && i < named->n; i++)
		r = filter_container(query, &named->named[i]);
	return r == 0 && container ? filter_container(query, container) : r;
}
