/*
 * For each line of the page one query for those before it and one for those after it, both from the
 * line's key on, which is a seek in the index of its container.  What is found twice, since two
 * lines are close, or is on the page anyway, is shown once.  On a worker's thread.
 *
 *	context_ask()      the lines around one
 *	context_sort()     all in the order of the page, each once
 */
#include "routes/log_context.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/catalog_cache.h"

/* How far away a line may be to belong there. */
#define LOG_CONTEXT_REACH CLOCK_DAY

int log_context_is_wanted(const struct table_page *page)
{
	struct context *context = page->context;
	if (context->args->before <= 0 && context->args->after <= 0)
		return 0;
	if (context->args->limit > LOG_CONTEXT_MAX_LINES)
		return response_problem(context->builder, 400, "limit",
					"with before or after at most %d lines a page",
					LOG_CONTEXT_MAX_LINES);
	if (page->paging.sort)
		return response_problem(context->builder, 400, "sort",
					"the lines before and after others come by time: sort=time "
					"or -time");
	return 1;
}

/* Where in a row a column of the table stands. */
static uint32_t context_place(const struct table_page *page, const struct tally_column *column)
{
	for (uint32_t i = 0; i < page->n; i++)
		if (page->columns[i] == column)
			return 1 + i;
	return 0; /* the time */
}

static int context_ask(struct table_page *page, uint32_t at, bool before, int64_t most)
{
	const struct tally_cell *row = result_set_row(&page->rows, at);
	struct tally_cell key[PAGING_MAX_KEY];
	struct query query;
	if (most <= 0)
		return 0;
	query_init(&query, page->context, page->table);
	for (uint32_t i = 0; i < page->n; i++)
		query_select(&query, page->columns[i], TALLY_RAW);
	for (uint32_t i = 0; i < page->paging.n_key; i++) {
		const struct tally_column *column = page->paging.key[i];
		key[i] = row[context_place(page, column)];
		if (column->role == TALLY_TAG && key[i].set)
			query_filter(&query, column, TALLY_EQUALS, &key[i]);
	}
	query.spec.after = key;
	query.spec.n_after = page->paging.n_key;
	query.spec.newest_first = before;
	query.spec.limit = (uint32_t)most;
	query.spec.from = row[0].i > LOG_CONTEXT_REACH ? row[0].i - LOG_CONTEXT_REACH : 0;
	query.spec.to = row[0].i + LOG_CONTEXT_REACH;
	return query_run_more(&query, &page->around);
}

/* ---- In order -------------------------------------------------------------------- */

static int context_compare_cells(uint16_t type, const struct tally_cell *a,
				 const struct tally_cell *b)
{
	if (!a->set || !b->set)
		return (int)b->set - (int)a->set; /* NULL comes after all values */
	if (type == TALLY_TEXT)
		return cell_compare(a, b);
	return (a->i > b->i) - (a->i < b->i);
}

static int context_compare_keys(const struct table_page *page, const struct tally_cell *a,
				const struct tally_cell *b)
{
	int order = 0;
	for (uint32_t i = 0; order == 0 && i < page->paging.n_key; i++) {
		uint32_t at = context_place(page, page->paging.key[i]);
		order = context_compare_cells(page->paging.key[i]->type, &a[at], &b[at]);
	}
	return order;
}

/* A line that was found comes before itself as context. */
static int context_compare(const void *left, const void *right, void *arg)
{
	const struct table_page *page = arg;
	const struct table_page_line *a = left, *b = right;
	int order = context_compare_keys(page, a->row, b->row);
	if (order == 0)
		return (int)a->context - (int)b->context;
	return page->paging.newest_first ? -order : order;
}

static void context_sort(struct table_page *page)
{
	uint32_t n = 0;
	qsort_r(page->lines, page->n_lines, sizeof(*page->lines), context_compare, page);
	for (uint32_t i = 0; i < page->n_lines; i++)
		if (n == 0 ||
		    context_compare_keys(page, page->lines[n - 1].row, page->lines[i].row) != 0)
			page->lines[n++] = page->lines[i];
	page->n_lines = n;
}

int log_context_read(struct table_page *page)
{
	uint32_t shown = paging_rows(&page->paging, &page->rows);
	int r = 0;
	result_set_init(&page->around, 1 + page->n);
	for (uint32_t i = 0; r == 0 && i < shown; i++) {
		r = context_ask(page, i, true, page->context->args->before);
		if (r == 0)
			r = context_ask(page, i, false, page->context->args->after);
	}
	if (r < 0)
		return r;
	page->lines = calloc((size_t)shown + page->around.n_rows + 1, sizeof(*page->lines));
	if (!page->lines)
		return response_unavailable(page->context->builder, "out of memory");
	/* Only now: rows move while they are added. */
	for (uint32_t i = 0; i < shown; i++)
		page->lines[page->n_lines++] =
			(struct table_page_line){result_set_row(&page->rows, i), false};
	for (uint32_t i = 0; i < page->around.n_rows; i++)
		page->lines[page->n_lines++] =
			(struct table_page_line){result_set_row(&page->around, i), true};
	context_sort(page);
	return 0;
}
