#include "ask.h"

#include <errno.h>
#include <string.h>

#include "store_watch.h"
#include "tables.h"

/* The top of the road for a store's error: logged by the watch, told without its inner details. */
static int ask_explain(struct call *call, int error)
{
	if (error == -E2BIG)
		return reply_problem(call->reply, 413, NULL,
				     "too many results: the answer would take more than %d MiB; "
				     "ask for a shorter range, fewer fields or a smaller limit",
				     ROWSET_MAX_BYTES >> 20);
	if (error == -ECANCELED)
		return reply_unavailable(call->reply, "nobody waited for this any more");
	if (error == -EINVAL)
		return reply_problem(call->reply, 400, NULL, "the store cannot answer this: %s",
				     tally_reason(call->ctx));
	tally_count(call->ctx, HTTP_STORE_ERRORS, 1);
	store_watch_failed(tables_watch(call->tables), error);
	return reply_unavailable(call->reply, "%s", store_watch_says(call->ctx, error));
}

int call_table(struct call *call, const char *name, const struct tally_table **ret)
{
	if (!call->catalog) {
		int r = tables_get(call->tables, name, &call->catalog);
		if (r < 0)
			return ask_explain(call, r);
	}
	*ret = catalog_find(call->catalog, name);
	return 0;
}

int call_reload_tables(struct call *call)
{
	int r = tables_reload(call->tables, &call->catalog);
	if (r < 0)
		return ask_explain(call, r);
	store_watch_named(tables_watch(call->tables));
	return 0;
}

void ask_init(struct ask *ask, struct call *call, const struct tally_table *table)
{
	ask->call = call;
	ask->table = table;
	ask->too_many = ask->bounded = false;
	ask->query = (struct tally_query){
		.size = sizeof(struct tally_query),
		.table = table->name,
		.to = INT64_MAX,
		.select = ask->select,
		.filters = ask->filters,
		.group_by = ask->groups,
		.limit = (uint32_t)call->config->max_results_per_query,
		.deadline = call->deadline,
	};
}

void ask_select(struct ask *ask, const struct tally_column *column, uint32_t aggregate)
{
	/* One column stays free for the time, which comes first by itself. */
	if (1 + ask->query.n_select + ask->query.n_group_by == ROWSET_MAX_COLUMNS) {
		ask->too_many = true;
		return;
	}
	ask->select[ask->query.n_select++] =
		(struct tally_select){.column = column->name, .aggregate = aggregate};
}

void ask_group(struct ask *ask, const struct tally_column *column)
{
	if (ask->query.n_group_by == ASK_MAX_GROUPS)
		ask->too_many = true;
	else
		ask->groups[ask->query.n_group_by++] = column->name;
}

void ask_filter(struct ask *ask, const struct tally_column *column, uint32_t match,
		const struct tally_cell *value)
{
	if (ask->query.n_filters == ASK_MAX_FILTERS)
		ask->too_many = true;
	else
		ask->filters[ask->query.n_filters++] = (struct tally_filter){
			.column = column->name, .match = match, .value = *value};
}

void ask_text(struct ask *ask, const struct tally_column *column, uint32_t match, const char *text)
{
	const struct tally_cell value = {.text = text, .len = (uint32_t)strlen(text), .set = 1};
	ask_filter(ask, column, match, &value);
}

struct answer {
	const struct call *call;
	struct rowset *rows;
};

static int ask_take_rows(void *arg, const struct tally_batch *batch)
{
	struct answer *answer = arg;
	if (answer->call->abandoned && answer->call->abandoned(answer->call->abandoned_arg))
		return -ECANCELED;
	return rowset_add(answer->rows, batch);
}

int ask_more(struct ask *ask, struct rowset *rows)
{
	struct call *call = ask->call;
	struct answer answer = {call, rows};
	if (ask->too_many)
		return reply_problem(call->reply, 400, NULL, "too many columns or filters");
	int r = tally_query(call->ctx, call->config->store, &ask->query, ask_take_rows, &answer);
	if (r == -ENOENT)
		return 0; /* dropped since the table was looked up: no rows */
	if (r < 0)
		return ask_explain(call, r);
	store_watch_answered(tables_watch(call->tables));
	return 0;
}

int ask_store(struct ask *ask, struct rowset *ret)
{
	rowset_init(ret, 1 + ask->query.n_group_by + ask->query.n_select);
	ret->bounded = ask->bounded;
	return ask_more(ask, ret);
}
