/*
 * One list of rows, whatever its table, for logs, events and images.  On a worker's thread.
 *
 *	list_answer()    the table, the page
 *	query_rows()     order, filters and containers, into one query
 *	log_search.c     of logs: asks it window by window if that may take long
 *	table_page.c     writes the rows and where the next page is
 *
 * Filters on one column are alternatives, filters on different columns must all hold: that is what
 * the store makes of several EQUALS on one column (query.h).  Without a table the containers and
 * the cursor are checked all the same, so that a mistyped request is refused from the first day on
 * and not only once there are rows.
 */
#include "routes/list_endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "routes/log_context.h"
#include "routes/log_search.h"
#include "routes/position.h"
#include "routes/table_page.h"
#include "query/catalog_cache.h"

/* ---- The query ---------------------------------------------------------- */

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
		return response_problem(query->context->builder, 400, "container",
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

/* Unless container= is a filter as any other, of a table that knows only names. */
static bool names_containers(const struct list *list)
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
	if (r == 0 && !container && names_containers(list))
		r = list_find_containers(context, named);
	for (uint32_t i = 0; r == 0 && i < named->n; i++)
		r = filter_container(query, &named->named[i]);
	return r == 0 && container ? filter_container(query, container) : r;
}

/* ---- A search ------------------------------------------------------------ */

struct found {
	struct result_set *rows;
	uint32_t kept;
};

static int found_take(void *arg, const struct tally_batch *row)
{
	struct found *found = arg;
	return result_set_add(found->rows, row);
}

static void found_keep(void *arg)
{
	struct found *found = arg;
	found->kept = found->rows->n_rows;
}

static void found_back(void *arg)
{
	struct found *found = arg;
	result_set_cut(found->rows, found->kept);
}

static int search_rows(struct table_page *page, struct log_search *search, struct query *query)
{
	struct found found = {.rows = &page->rows};
	const struct log_search_sink sink = {.take = found_take,
					     .keep = found_keep,
					     .back = found_back,
					     .arg = &found,
					     .most = query->spec.limit};
	page->searched = true;
	page->descending = query->spec.newest_first;
	result_set_init(&page->rows, 1 + query->spec.n_select);
	if (log_search_is_empty(search))
		return 0;
	int r = log_search_run(search, query, &sink);
	page->paging.stopped = search->stopped;
	page->paging.reached = search->reached;
	return r;
}

/* Rows that know of their container the id only. */
static bool is_searched(const struct list *list)
{
	return list == &logs_of_containers || list == &events_of_containers;
}

/* The whole query: newest first or oldest first, what is gone, filters, containers, page. */
static int query_rows(struct table_page *page, const struct list *list, struct log_search *search,
		      const struct container *container)
{
	struct context *context = page->context;
	struct list_containers named = {.n = 0};
	struct query query;
	int r = table_page_ask(page, &query);
	const struct tally_column *gone = table_gone(page->table);
	if (gone && !context->args->gone)
		query_filter(&query, gone, TALLY_IS_NULL, &(struct tally_cell){.set = 0});
	if (r == 0)
		r = list_narrow(context, list, container, &named, &query);
	if (r < 0)
		return r;
	query.spec.newest_first = context->args->order == ORDER_DESC;
	if (is_searched(list))
		log_search_filter(search, &query);
	if (!log_search_is_needed(search) && !log_search_is_empty(search))
		return table_page_run(page, &query);
	paging_ask(&page->paging, &query);
	return search_rows(page, search, &query);
}

/* ---- Before there is a table --------------------------------------------- */

int list_refuse_cursor(struct context *context)
{
	return target_param(context->target, "cursor") ? paging_refuse_cursor(context) : 0;
}

/* Of its rows in the ids of streams. */
static char letter_of(const struct list *list)
{
	return list == &logs_of_containers ? 'L' : list == &events_of_containers ? 'E' : 0;
}

/* Nobody has written to the table.  Its columns are not known here, so CSV has no header line. */
static int answer_nothing(struct context *context, const struct list *list,
			  const struct container *container)
{
	struct row_writer none = {.format = list_format_of(context->args)};
	struct list_containers named = {.n = 0};
	int r = list_refuse_cursor(context);
	if (r == 0 && !container && names_containers(list))
		r = list_find_containers(context, &named);
	if (r < 0)
		return r;
	row_writer_open(&none, context->builder);
	if (none.format == LIST_JSON) {
		paging_write_total(&(struct paging){.total = {.set = 1}}, context);
		position_write_nothing(context, letter_of(list));
	}
	row_writer_begin(&none, context->builder);
	row_writer_close(&none, context->builder);
	return 0;
}

int list_answer(struct context *context, const struct list *list, const struct container *container)
{
	struct table_page page auto_table_page = {.context = context, .letter = letter_of(list)};
	struct log_search search auto_log_search = {.context = context};
	int r = is_searched(list) ? log_search_read(context, &search) : 0;
	if (r == 0)
		r = context_table(context, list->table, &page.table);
	if (r < 0)
		return r;
	if (!page.table)
		return answer_nothing(context, list, container);
	r = paging_read(context, page.table, &context->args->window, &page.paging);
	if (r == 0)
		r = query_rows(&page, list, &search, container);
	if (r == 0 && list == &logs_of_containers)
		r = log_context_is_wanted(context);
	if (r == 1)
		r = log_context_read(&page);
	return r < 0 ? r : table_page_write(&page);
}
