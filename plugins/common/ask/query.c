/*
 * See query.h.  struct query lies on the stack of who asks (it is large: columns and filters are
 * arrays in it), and the store is done with it when query_run() returns.
 *
 * A table that was dropped between the catalog and the query gives no rows.  While rows arrive the
 * query asks whether anybody still waits; if not it ends with -ECANCELED, so that the store's
 * connection is free again.
 */
#include "ask/query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void query_begin(struct query *query, struct asker *asker, const struct tally_table *table)
{
	query->asker = asker;
	query->table = table;
	query->too_many = query->bounded = false;
	query->spec = (struct tally_query){
		.size = sizeof(struct tally_query),
		.table = table->name,
		.to = INT64_MAX,
		.select = query->select,
		.filters = query->filters,
		.group_by = query->groups,
		.limit = asker->limit,
		.deadline = asker->deadline,
		.cancelled = asker->cancelled,
		.cancelled_arg = asker->cancelled_arg,
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
	const struct asker *asker;
	tally_rows_fn *rows;
	void *arg;
};

/* Called by the store for each batch, on this thread: the one place where a long query
 * can be given up. */
static int query_take_rows(void *arg, const struct tally_batch *batch)
{
	struct answer *answer = arg;
	const struct asker *asker = answer->asker;
	if (asker->cancelled && asker->cancelled(asker->cancelled_arg))
		return -ECANCELED;
	return answer->rows(answer->arg, batch);
}

/* -errno of the store, as it is. */
static int query_ask(struct query *query, tally_rows_fn *rows, void *arg)
{
	struct asker *asker = query->asker;
	struct answer answer = {asker, rows, arg};
	int r = tally_query(asker->ctx, asker->store, &query->spec, query_take_rows, &answer);
	if (r == -ENOENT)
		r = 0; /* dropped since the table was looked up: no rows */
	if (r == 0 && asker->ops->answered)
		asker->ops->answered(asker);
	return r;
}

static int query_refuse(struct asker *asker)
{
	return asker->ops->refuse(asker, EINVAL, "too many columns or filters");
}

int query_stream(struct query *query, tally_rows_fn *rows, void *arg)
{
	struct asker *asker = query->asker;
	if (query->too_many)
		return query_refuse(asker);
	int r = query_ask(query, rows, arg);
	return r == 0 || r == -ETIMEDOUT ? r : asker->ops->failed(asker, r);
}

static int query_add_rows(void *arg, const struct tally_batch *batch)
{
	return result_set_add(arg, batch);
}

int query_run_more(struct query *query, struct result_set *rows)
{
	struct asker *asker = query->asker;
	if (query->too_many)
		return query_refuse(asker);
	int r = query_ask(query, query_add_rows, rows);
	return r < 0 ? asker->ops->failed(asker, r) : 0;
}

int query_run(struct query *query, struct result_set *ret)
{
	result_set_init(ret, 1 + query->spec.n_group_by + query->spec.n_select);
	ret->bounded = query->bounded;
	return query_run_more(query, ret);
}

int asker_refuse(struct asker *asker, int error, const char *fmt, ...)
{
	char why[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return asker->ops->refuse(asker, error, why);
}
