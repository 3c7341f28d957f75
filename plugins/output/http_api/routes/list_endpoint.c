/*
 * One list of rows, whatever its table, for logs, events and images.  On a worker's thread.
 *
 *	list_answer()    the table, the page
 *	query_rows()     order, filters and containers, into one query
 *	log_search.c     of logs: asks it window by window if that may take long
 *	table_page.c     writes the rows and where the next page is
 *
 * Without a table the containers and the cursor are checked all the same, so that a mistyped
 * request is refused from the first day on and not only once there are rows.
 */
#include "routes/list_endpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "routes/log_context.h"
#include "routes/log_counts.h"
#include "routes/log_search.h"
#include "routes/position.h"
#include "routes/table_page.h"
#include "query/catalog_cache.h"

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
	result_set_init(&page->rows, 1 + query->spec.n_select);
	int r = log_search_is_empty(search) ? 0 : log_search_run(search, query, &sink);
	if (r == -ETIMEDOUT)
		return query_timed_out(page->context);
	if (r == 0 && search->stopped && page->paging.whole)
		return response_problem(page->context->builder, 413, "sort",
					"not all lines that would be sorted were found within "
					"search_time: ask for a shorter range or narrow them down");
	page->paging.stopped = search->stopped;
	page->paging.reached = search->reached;
	return r < 0 ? r : paging_sort(&page->paging, page->context, &page->rows, page->columns);
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
	struct list_containers named;
	struct query query;
	int r = table_page_ask(page, &query);
	const struct tally_column *gone = table_gone(page->table);
	if (gone && !context->args->gone)
		query_filter(&query, gone, TALLY_IS_NULL, &(struct tally_cell){.set = 0});
	if (r == 0)
		r = list_narrow(context, list, container, &named, &query);
	if (r < 0)
		return r;
	if (is_searched(list))
		log_search_filter(search, &query);
	bool searched = log_search_is_needed(search) || log_search_is_empty(search);
	if (searched)
		paging_ask(&page->paging, &query);
	r = searched ? search_rows(page, search, &query) : table_page_run(page, &query);
	if (r < 0 || !paging_counts(&page->paging, context))
		return r;
	return searched || list == &logs_of_containers
		       ? log_counts_total(context, list, container, &page->paging)
		       : paging_count(&page->paging, &query);
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
int list_answer_nothing(struct context *context, const struct list *list,
			const struct container *container)
{
	struct row_writer none = {.format = list_format_of(context->args)};
	struct list_containers named;
	int r = list_refuse_cursor(context);
	if (r == 0 && !container && list_names_containers(list))
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

static int answer(struct context *context, const struct list *list,
		  const struct container *container, const struct list_made *made)
{
	struct table_page page auto_table_page = {
		.context = context, .letter = letter_of(list), .made = made};
	struct log_search search auto_log_search = {.context = context};
	int r = is_searched(list) ? log_search_read(context, &search) : 0;
	if (r == 0)
		r = context_table(context, list->table, &page.table);
	if (r < 0)
		return r;
	if (!page.table)
		return list_answer_nothing(context, list, container);
	r = paging_read(context, page.table, &context->args->window, &page.paging);
	if (r == 0)
		r = query_rows(&page, list, &search, container);
	if (r == 0 && list == &logs_of_containers)
		r = log_context_is_wanted(&page);
	if (r == 1)
		r = log_context_read(&page);
	if (r == 0 && made && page.made_shown)
		r = made->make(&page);
	return r < 0 ? r : table_page_write(&page);
}

int list_answer(struct context *context, const struct list *list, const struct container *container)
{
	return answer(context, list, container, NULL);
}

int list_answer_with(struct context *context, const struct list *list, const struct list_made *made)
{
	return answer(context, list, NULL, made);
}
