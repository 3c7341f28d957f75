/*
 * sort= and total= of lists.  On a worker's thread, for paging.h.
 *
 * Stores order rows by their key only, so a list that is sorted by something else is read whole, as
 * far as a result set holds it (413), sorted here, and cut to the page that follows the cursor.
 * That is by value and key: rows that come or go between two pages move no others, and each comes
 * once as long as what it is sorted by stays the same.  NULL comes last in both directions.
 */
#include "query/paging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_cell.h"
#include "message/row_writer.h"
#include "query/catalog_cache.h"

/* ---- Counting ------------------------------------------------------------ */

static int count_take(void *arg, const struct tally_batch *batch)
{
	struct tally_cell *total = arg;
	for (uint32_t i = 0; i < batch->n_rows; i++)
		total->i += batch->cells[(size_t)i * batch->table->n_columns + 1].i;
	return 0;
}

bool paging_counts(const struct paging *paging, const struct context *context)
{
	return context->args->total && context->args->format == LIST_JSON && !paging->whole;
}

int paging_count(struct paging *paging, const struct query *query)
{
	struct context *context = query_context(query);
	int64_t end = clock_monotonic() + context->config->search_time;
	struct query count;
	query_init(&count, context, query->table);
	for (uint32_t i = 0; i < query->spec.n_filters; i++)
		query_filter(&count, table_column(query->table, query->filters[i].column),
			     query->filters[i].match, &query->filters[i].value);
	query_select(&count, &query->table->columns[0], TALLY_COUNT);
	if (paging->timed) {
		count.spec.from = paging->from;
		count.spec.to = paging->to;
	}
	if (end < count.spec.deadline)
		count.spec.deadline = end;
	paging->total = (struct tally_cell){.set = 1};
	int r = query_stream(&count, count_take, &paging->total);
	if (r != -ETIMEDOUT)
		return r;
	paging->total.set = 0;
	return 0;
}

void paging_write_total(const struct paging *paging, const struct context *context)
{
	struct json_writer *json = &context->builder->body;
	if (!context->args->total)
		return;
	json_write_key(json, "total");
	json_write_cell(json, TALLY_INT, &paging->total);
}

/* ---- Sorting ------------------------------------------------------------- */

struct order {
	const struct paging *paging;
	uint32_t sort, key[PAGING_MAX_KEY]; /* where they are in a row */
};

static int compare_cells(uint16_t type, const struct tally_cell *a, const struct tally_cell *b)
{
	if (type == TALLY_TEXT || type == TALLY_JSON)
		return cell_compare(a, b);
	if (!a->set || !b->set)
		return (int)a->set - (int)b->set;
	if (type == TALLY_REAL)
		return (a->f > b->f) - (a->f < b->f);
	return (a->i > b->i) - (a->i < b->i);
}

/* By the sorted cell. */
static int compare_values(const struct paging *paging, const struct tally_cell *a,
			  const struct tally_cell *b)
{
	if (!paging->sort)
		return 0;
	if (!a->set || !b->set)
		return (int)b->set - (int)a->set;
	int order = compare_cells(paging->sort->type, a, b);
	return paging->sort_down ? -order : order;
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct tally_cell *a = *(const struct tally_cell *const *)left;
	const struct tally_cell *b = *(const struct tally_cell *const *)right;
	const struct order *by = arg;
	int order = compare_values(by->paging, &a[by->sort], &b[by->sort]);
	for (uint32_t i = 0; order == 0 && i < by->paging->n_key; i++)
		order = compare_cells(by->paging->key[i]->type, &a[by->key[i]], &b[by->key[i]]);
	return order;
}

/* Whether a row comes after that of the cursor. */
static bool comes_after(const struct order *by, const struct tally_cell *row)
{
	const struct paging *paging = by->paging;
	if (!paging->memory)
		return true;
	int order = compare_values(paging, &row[by->sort], &paging->after[paging->n_key]);
	for (uint32_t i = 0; order == 0 && i < paging->n_key; i++)
		order = compare_cells(paging->key[i]->type, &row[by->key[i]], &paging->after[i]);
	return order > 0;
}

/* The rows of the page, and one more if there is one, in place of all. */
static int keep_page(const struct order *by, const struct tally_cell **sorted,
		     struct result_set *rows)
{
	uint32_t first = 0, n = rows->n_rows;
	size_t row = rows->n_columns;
	while (first < n && !comes_after(by, sorted[first]))
		first++;
	n = n - first <= by->paging->limit ? n - first : by->paging->limit + 1;
	struct tally_cell *cells = malloc((n * row + 1) * sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		memcpy(cells + i * row, sorted[first + i], row * sizeof(*cells));
	free(rows->cells);
	rows->cells = cells;
	rows->cells_max = n * row;
	rows->n_rows = n;
	return 0;
}

int paging_sort(struct paging *paging, struct context *context, struct result_set *rows,
		const struct tally_column *const *columns)
{
	struct order by = {.paging = paging};
	if (!paging->whole)
		return 0;
	paging->total = (struct tally_cell){.i = rows->n_rows, .set = 1};
	if (rows->n_rows == 0)
		return 0;
	by.sort = paging_place(paging->sort, columns, rows->n_columns - 1);
	for (uint32_t i = 0; i < paging->n_key; i++)
		by.key[i] = paging_place(paging->key[i], columns, rows->n_columns - 1);
	const struct tally_cell **sorted = calloc(rows->n_rows, sizeof(*sorted));
	int r = sorted ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < rows->n_rows; i++)
		sorted[i] = result_set_row(rows, i);
	if (r == 0) {
		qsort_r(sorted, rows->n_rows, sizeof(*sorted), compare_rows, &by);
		r = keep_page(&by, sorted, rows);
	}
	free(sorted);
	return r < 0 ? response_unavailable(context->builder, "out of memory") : 0;
}
