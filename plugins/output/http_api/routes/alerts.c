/*
 * /api/v1/alerts: what every alert said last, and /alerts/history: all that they said.  On a
 * worker's thread.
 *
 * Which row is the newest of a rule and subject the store finds (LAST, by the tags of the table).
 * State and severity are held against that row here: a store that filters by them would find the
 * newest row that fits, and call an alert firing that ended since.
 */
#include <string.h>

#include "query/catalog_cache.h"
#include "query/fields.h"
#include "routes/endpoint.h"
#include "routes/table_page.h"

#define ABOUT                                                                                      \
	{"name", "rule", TALLY_GLOB}, {"host", "host", TALLY_EQUALS},                              \
		{"service", "subject", TALLY_GLOB},                                                \
	{                                                                                          \
		"container", "subject", TALLY_GLOB                                                 \
	}

static const struct list_filter history_filters[] = {
	ABOUT,
	{"state", "state", TALLY_EQUALS},
	{"severity", "severity", TALLY_EQUALS},
	{.param = NULL},
};
static const struct list_filter newest_filters[] = {ABOUT, {.param = NULL}};
static const struct list history = {"alerts", history_filters}, newest = {"alerts", newest_filters};

int alerts_history(struct context *context)
{
	return list_answer(context, &history, NULL);
}

/* ---- The newest of each ------------------------------------------------------ */

/* The tags, then the others, in the order in which the store answers with them. */
static int alerts_ask(struct table_page *page)
{
	const struct tally_table *table = page->table;
	struct list_containers named;
	struct query query;
	query_init(&query, page->context, table);
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		if (table->columns[i].role == TALLY_TAG) {
			page->columns[page->n++] = &table->columns[i];
			query_group(&query, &table->columns[i]);
		}
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		if (table->columns[i].role != TALLY_TAG) {
			page->columns[page->n++] = &table->columns[i];
			query_select(&query, &table->columns[i], TALLY_LAST);
		}
	int r = list_narrow(page->context, &newest, NULL, &named, &query);
	if (r < 0)
		return r;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	return query_run(&query, &page->rows);
}

/* True: the parameter is not given, or one of its values is the cell's. */
static bool is_wanted(const struct table_page *page, const char *param, uint32_t row)
{
	const struct target *target = page->context->target;
	uint32_t at = paging_place(table_column(page->table, param), page->columns, page->n);
	bool given = false;
	for (uint32_t i = 0; i < target->n_params; i++) {
		if (strcmp(target->params[i].name, param) != 0)
			continue;
		given = true;
		if (at &&
		    cell_equals(&result_set_row(&page->rows, row)[at], target->params[i].value))
			return true;
	}
	return !given;
}

static void alerts_choose(struct table_page *page)
{
	struct result_set *rows = &page->rows;
	uint32_t n = 0;
	for (uint32_t i = 0; i < rows->n_rows; i++)
		if (is_wanted(page, "state", i) && is_wanted(page, "severity", i))
			memmove(&rows->cells[(size_t)n++ * rows->n_columns],
				result_set_row(rows, i), rows->n_columns * sizeof(*rows->cells));
	result_set_cut(rows, n);
}

/* Of each rule and subject there is one row, so the tags are its key as in a table of states. */
int alerts_newest(struct context *context)
{
	struct table_page page auto_table_page = {.context = context};
	const struct tally_table *table;
	int r = context_table(context, newest.table, &table);
	if (r < 0)
		return r;
	if (!table)
		return list_answer_nothing(context, &newest, NULL);
	struct tally_table states = *table;
	states.kind = TALLY_STATE;
	page.table = &states;
	r = fields_read_shown(context, &states, NULL, page.shown, NULL);
	if (r == 0)
		r = paging_read_whole(context, &states, &states.columns[0], true, &page.paging);
	if (r == 0)
		r = alerts_ask(&page);
	if (r < 0)
		return r;
	alerts_choose(&page);
	return table_page_answer(&page);
}
