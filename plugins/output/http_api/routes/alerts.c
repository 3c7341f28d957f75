/*
 * /api/v1/alerts: what every alert said last, and /alerts/history: all that they said.  On a
 * worker's thread.
 *
 * Which row is the newest of a rule and subject the store finds (LAST, by the tags of the table).
 * State and severity are held against that row here: a store that filters by them would find the
 * newest row that fits, and call an alert firing that ended since.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_cell.h"
#include "message/row_writer.h"
#include "query/catalog_cache.h"
#include "query/fields.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"

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

/* The table's columns, in its order, and where each stands in a row that the store answers with:
 * the time, the tags, the others. */
struct alerts {
	struct context *context;
	const struct tally_table *table;
	uint32_t cells[RESULT_SET_MAX_COLUMNS];
	bool shown[RESULT_SET_MAX_COLUMNS];
	struct result_set rows;
	const struct tally_cell **sorted;
	uint32_t n;
};

static void alerts_done(struct alerts *alerts)
{
	result_set_done(&alerts->rows);
	free(alerts->sorted);
}
#define auto_alerts __attribute__((cleanup(alerts_done)))

static int alerts_ask(struct alerts *alerts)
{
	const struct tally_table *table = alerts->table;
	struct context *context = alerts->context;
	struct list_containers named = {.n = 0};
	struct query query;
	query_init(&query, context, table);
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		if (table->columns[i].role == TALLY_TAG) {
			query_group(&query, &table->columns[i]);
			alerts->cells[i] = query.spec.n_group_by;
		}
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		if (table->columns[i].role != TALLY_TAG) {
			query_select(&query, &table->columns[i], TALLY_LAST);
			alerts->cells[i] = query.spec.n_group_by + query.spec.n_select;
		}
	int r = list_narrow(context, &newest, NULL, &named, &query);
	if (r < 0)
		return r;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	return query_run(&query, &alerts->rows);
}

/* True: the parameter is not given, or one of its values is the cell's. */
static bool is_wanted(const struct alerts *alerts, const char *param, const struct tally_cell *row)
{
	const struct target *target = alerts->context->target;
	const struct tally_column *column = table_column(alerts->table, param);
	bool given = false;
	for (uint32_t i = 0; i < target->n_params; i++) {
		if (strcmp(target->params[i].name, param) != 0)
			continue;
		given = true;
		if (column && cell_equals(&row[alerts->cells[column - alerts->table->columns]],
					  target->params[i].value))
			return true;
	}
	return !given;
}

/* The newest first, then by the tags. */
static int compare_alerts(const void *left, const void *right, void *arg)
{
	const struct tally_cell *a = *(const struct tally_cell *const *)left;
	const struct tally_cell *b = *(const struct tally_cell *const *)right;
	const struct tally_table *table = arg;
	int order = (a->i < b->i) - (a->i > b->i);
	for (uint32_t i = 1, tag = 1; order == 0 && i < table->n_columns; i++)
		if (table->columns[i].role == TALLY_TAG) {
			order = cell_compare(&a[tag], &b[tag]);
			tag++;
		}
	return order;
}

static int alerts_choose(struct alerts *alerts)
{
	if (!alerts->rows.n_rows)
		return 0;
	alerts->sorted = calloc(alerts->rows.n_rows, sizeof(*alerts->sorted));
	if (!alerts->sorted)
		return response_unavailable(alerts->context->builder, "out of memory");
	for (uint32_t i = 0; i < alerts->rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&alerts->rows, i);
		if (is_wanted(alerts, "state", row) && is_wanted(alerts, "severity", row))
			alerts->sorted[alerts->n++] = row;
	}
	qsort_r(alerts->sorted, alerts->n, sizeof(*alerts->sorted), compare_alerts,
		(void *)(uintptr_t)alerts->table);
	return 0;
}

static void alerts_write(const struct alerts *alerts)
{
	struct context *context = alerts->context;
	struct response_builder *builder = context->builder;
	struct row_writer records = {.format = list_format_of(context->args)};
	for (uint32_t i = 0; alerts->table && i < alerts->table->n_columns; i++)
		if (alerts->shown[i])
			row_writer_add(&records, alerts->table->columns[i].name,
				       alerts->table->columns[i].type, alerts->cells[i]);
	row_writer_open(&records, builder);
	if (records.format == LIST_JSON) {
		json_write_key(&builder->body, "total");
		json_write_int(&builder->body, alerts->n);
	}
	row_writer_begin(&records, builder);
	for (uint32_t i = 0; i < alerts->n && i < context->args->limit; i++)
		row_writer_write(&records, builder, alerts->sorted[i]);
	row_writer_close(&records, builder);
}

int alerts_newest(struct context *context)
{
	struct alerts alerts auto_alerts = {.context = context};
	int r = context_table(context, newest.table, &alerts.table);
	if (r == 0 && alerts.table)
		r = fields_read_shown(context, alerts.table, NULL, alerts.shown, NULL);
	if (r == 0 && alerts.table)
		r = alerts_ask(&alerts);
	if (r == 0)
		r = alerts_choose(&alerts);
	if (r == 0)
		alerts_write(&alerts);
	return r;
}
