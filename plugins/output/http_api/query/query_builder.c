/*
 * A query to the store, and what became of it.  On a worker's thread; struct query lies on its
 * stack (it is large: columns and filters are arrays in it), and the store is done with it when
 * query_run() returns.
 *
 * This is the only place that turns a store's error into an answer: refused queries into 400, too
 * much into 413, everything else into 503 with Retry-After, counted, and logged once by the store's
 * watch.  A table that was dropped between the catalog and the query gives no rows.  While rows
 * arrive the query asks whether anybody still waits; if not it ends with -ECANCELED, so that the
 * store's connection is free again.
 */
#include "query/query_builder.h"

#include <errno.h>
#include <string.h>

#include "query/store_watch.h"
#include "query/catalog_cache.h"

/* Where a store's error ends: logged by the watch, and answered without its inner details. */
static int query_explain(struct context *context, int error)
{
	if (error == -E2BIG)
		return response_problem(context->builder, 413, NULL,
					"too many results: the answer would take more than %d MiB; "
					"ask for a shorter range, fewer fields or a smaller limit",
					RESULT_SET_MAX_BYTES >> 20);
	if (error == -ECANCELED)
		return response_unavailable(
			context->builder, "the query was cancelled, since no client waited for it");
	if (error == -EINVAL)
		return response_problem(context->builder, 400, NULL,
					"the store cannot answer this: %s",
					tally_reason(context->ctx));
	tally_count(context->ctx, HTTP_STORE_ERRORS, 1);
	store_watch_failed(catalog_cache_watch(context->tables), error);
	return response_unavailable(context->builder, "%s", store_watch_says(context->ctx, error));
}

/* One snapshot for the whole request, however many tables it looks up: columns that were checked
 * cannot vanish between two parts of one answer. */
int context_table(struct context *context, const char *name, const struct tally_table **ret)
{
	if (!context->catalog) {
		int r = catalog_cache_get(context->tables, name, &context->catalog);
		if (r < 0)
			return query_explain(context, r);
	}
	*ret = catalog_find(context->catalog, name);
	return 0;
}

int context_reload_tables(struct context *context)
{
	int r = catalog_cache_reload(context->tables, &context->catalog);
	if (r < 0)
		return query_explain(context, r);
	store_watch_named(catalog_cache_watch(context->tables));
	return 0;
}

static bool query_is_abandoned(void *arg)
{
	const struct context *context = arg;
	return context->abandoned(context->abandoned_arg);
}

void query_init(struct query *query, struct context *context, const struct tally_table *table)
{
	query->context = context;
	query->table = table;
	query->too_many = query->bounded = false;
	query->spec = (struct tally_query){
		.size = sizeof(struct tally_query),
		.table = table->name,
		.to = INT64_MAX,
		.select = query->select,
		.filters = query->filters,
		.group_by = query->groups,
		.limit = (uint32_t)context->config->max_results_per_query,
		.deadline = context->deadline,
		.cancelled = context->abandoned ? query_is_abandoned : NULL,
		.cancelled_arg = context,
	};
}

void query_select(struct query *query, const struct tally_column *column, uint32_t aggregate)
{
	/* One column stays free for the time, which comes first by itself. */
	if (1 + query->spec.n_select + query->spec.n_group_by == RESULT_SET_MAX_COLUMNS) {
		query->too_many = true;
		return;
	}
	query->select[query->spec.n_select++] =
		(struct tally_select){.column = column->name, .aggregate = aggregate};
}

void query_group(struct query *query, const struct tally_column *column)
{
	if (query->spec.n_group_by == QUERY_MAX_GROUPS)
		query->too_many = true;
	else
		query->groups[query->spec.n_group_by++] = column->name;
}

void query_filter(struct query *query, const struct tally_column *column, uint32_t match,
		  const struct tally_cell *value)
{
	if (query->spec.n_filters == QUERY_MAX_FILTERS)
		query->too_many = true;
	else
		query->filters[query->spec.n_filters++] = (struct tally_filter){
			.column = column->name, .match = match, .value = *value};
}

void query_text(struct query *query, const struct tally_column *column, uint32_t match,
		const char *text)
{
	const struct tally_cell value = {.text = text, .len = (uint32_t)strlen(text), .set = 1};
	query_filter(query, column, match, &value);
}

struct answer {
	const struct context *context;
	tally_rows_fn *rows;
	void *arg;
};

/* Called by the store for each batch, on this thread: the one place where a long query
 * can be given up. */
static int query_take_rows(void *arg, const struct tally_batch *batch)
{
	struct answer *answer = arg;
	if (answer->context->abandoned &&
	    answer->context->abandoned(answer->context->abandoned_arg))
		return -ECANCELED;
	return answer->rows(answer->arg, batch);
}

/* -errno of the store, as it is. */
static int query_ask(struct query *query, tally_rows_fn *rows, void *arg)
{
	struct context *context = query->context;
	struct answer answer = {context, rows, arg};
	int r = tally_query(context->ctx, context->config->store, &query->spec, query_take_rows,
			    &answer);
	if (r == -ENOENT)
		r = 0; /* dropped since the table was looked up: no rows */
	if (r == 0)
		store_watch_answered(catalog_cache_watch(context->tables));
	return r;
}

static int query_refuse(struct context *context)
{
	return response_problem(context->builder, 400, NULL, "too many columns or filters");
}

int query_stream(struct query *query, tally_rows_fn *rows, void *arg)
{
	if (query->too_many)
		return query_refuse(query->context);
	int r = query_ask(query, rows, arg);
	return r == 0 || r == -ETIMEDOUT ? r : query_explain(query->context, r);
}

int query_timed_out(struct context *context)
{
	return query_explain(context, -ETIMEDOUT);
}

static int query_add_rows(void *arg, const struct tally_batch *batch)
{
	return result_set_add(arg, batch);
}

int query_run_more(struct query *query, struct result_set *rows)
{
	if (query->too_many)
		return query_refuse(query->context);
	int r = query_ask(query, query_add_rows, rows);
	return r < 0 ? query_explain(query->context, r) : 0;
}

int query_run(struct query *query, struct result_set *ret)
{
	result_set_init(ret, 1 + query->spec.n_group_by + query->spec.n_select);
	ret->bounded = query->bounded;
	return query_run_more(query, ret);
}

/* Stores know no calendar, so each point of one is asked for by itself: as one bucket, whose time
 * is that of its newest row. */
int query_each_point(struct query *query, int (*run)(struct query *query, void *arg), void *arg)
{
	const struct window *window = &query->context->args->window;
	const int64_t from = query->spec.from, to = query->spec.to;
	int r = 0;
	if (!window->edges)
		return run(query, arg);
	query->spec.bucket = 0;
	for (uint32_t point = 0; r == 0 && point < window->points; point++) {
		query->spec.from = from > window->edges[point] ? from : window->edges[point];
		query->spec.to = to < window->edges[point + 1] ? to : window->edges[point + 1];
		if (query->spec.from < query->spec.to)
			r = run(query, arg);
	}
	query->spec.from = from;
	query->spec.to = to;
	return r;
}
