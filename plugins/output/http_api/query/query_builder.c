/*
 * Who asks a store for a request, and what becomes of it.  On a worker's thread.
 *
 * This is the only place that turns a store's error into an answer: refused queries into 400, too
 * much into 413, everything else into 503 with Retry-After, counted, and logged once by the store's
 * watch.
 */
#include "query/query_builder.h"

#include <errno.h>
#include <stddef.h>

#include "query/store_watch.h"
#include "query/catalog_cache.h"

/* Where a store's error ends: logged by the watch, and answered without its inner details. */
static int query_explain(struct context *context, int error)
{
	if (error == -E2BIG)
		return response_problem(context->builder, 413, NULL,
					"too many results: the answer would take more than %d MiB; "
					"ask for a shorter range, fewer fields or a smaller limit, "
					"or for some by host, name or service",
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
	const struct catalog *catalog;
	int r = catalog_cache_reload(context->tables, &catalog);
	if (r < 0)
		return query_explain(context, r);
	catalog_drop(context->catalog);
	context->catalog = catalog;
	store_watch_named(catalog_cache_watch(context->tables));
	return 0;
}

static bool query_is_abandoned(void *arg)
{
	const struct context *context = arg;
	return context->abandoned(context->abandoned_arg);
}

/* ---- As an asker ---------------------------------------------------------- */

static struct context *asker_context(struct asker *asker)
{
	return (struct context *)((char *)asker - offsetof(struct context, asker));
}

static int asker_table(struct asker *asker, const char *name, const struct tally_table **ret)
{
	return context_table(asker_context(asker), name, ret);
}

static void asker_answered(struct asker *asker)
{
	store_watch_answered(catalog_cache_watch(asker_context(asker)->tables));
}

static int asker_failed(struct asker *asker, int error)
{
	return query_explain(asker_context(asker), error);
}

static int asker_refused(struct asker *asker, int error, const char *why)
{
	struct response_builder *builder = asker_context(asker)->builder;
	if (error == ENOMEM)
		return response_unavailable(builder, "%s", why);
	return response_problem(builder,
				error == ENOENT  ? 404
				: error == E2BIG ? 413
						 : 400,
				NULL, "%s", why);
}

static const struct asker_ops context_ops = {.table = asker_table,
					     .answered = asker_answered,
					     .failed = asker_failed,
					     .refuse = asker_refused};

struct asker *context_asker(struct context *context)
{
	context->asker = (struct asker){
		.ops = &context_ops,
		.ctx = context->ctx,
		.store = context->config->store,
		.now = context->now,
		.deadline = context->deadline,
		.limit = (uint32_t)context->config->max_results_per_query,
		.cancelled = context->abandoned ? query_is_abandoned : NULL,
		.cancelled_arg = context,
	};
	return &context->asker;
}

void query_init(struct query *query, struct context *context, const struct tally_table *table)
{
	query_begin(query, context_asker(context), table);
}

struct context *query_context(const struct query *query)
{
	return asker_context(query->asker);
}

int query_timed_out(struct context *context)
{
	return query_explain(context, -ETIMEDOUT);
}

/* Stores know no calendar, so each point of one is asked for by itself: as one bucket, whose time
 * is that of its newest row. */
int query_each_point(struct query *query, int (*run)(struct query *query, void *arg), void *arg)
{
	const struct window *window = &query_context(query)->args->window;
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
