/*
 * /api/v1/top: the containers that use most of something.  On a worker's thread; one query over the
 * last two minutes (window=) or any range (from=, to=), grouped by container, sorted here.
 *
 * Sorting is not the store's, which orders rows by time and key only; a fleet of 10,000 containers
 * is sorted in milliseconds.  Without the table, or without a column that a ranking of its own
 * needs, the list is empty.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/query_builder.h"
#include "message/row_writer.h"
#include "query/catalog_cache.h"
#include "routes/endpoint.h"

enum { TOP_TIME, TOP_HOST, TOP_ID, TOP_NAME, TOP_VALUES };

/* Rankings of their own; any other is a column. */
static const struct top_kind {
	const char *by, *columns[2]; /* added up */
} kinds[] = {
	{"cpu", {"cpu_percent"}},
	{"mem", {"mem_used_bytes"}},
	{"net", {"net_rx_bytes", "net_tx_bytes"}},
	{"blk", {"blk_read_bytes", "blk_write_bytes"}},
};
enum { TOP_COLUMNS = 2 };

/* In the order of the choices of agg=. */
static const struct {
	const char *name;
	uint32_t aggregate;
} top_aggregates[] = {{"avg", TALLY_AVG},
		      {"min", TALLY_MIN},
		      {"max", TALLY_MAX},
		      {"last", TALLY_LAST},
		      {"rate", TALLY_RATE}};

struct top {
	struct context *context;
	const char *by;
	const struct tally_table *table;                 /* NULL: there is none yet */
	const struct tally_column *columns[TOP_COLUMNS]; /* added up */
	uint32_t n;                                      /* 0: the table lacks one of them */
	int64_t agg;                                     /* of top_aggregates */
	int64_t from, to;
};

struct entry {
	const struct tally_cell *row;
	double value;
};

/* ---- What is asked for --------------------------------------------------- */

static int top_refuse(const struct top *top)
{
	char list[128] = "";
	size_t len = 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					kinds[i].by);
	return response_problem(top->context->builder, 400, "by",
				"\"%s\" is neither a column of numbers of container_stats nor one "
				"of %s",
				top->by, list);
}

static int top_find_columns(struct top *top)
{
	const char *column[TOP_COLUMNS + 1] = {top->by};
	bool own = false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds) && !own; i++) {
		own = strcmp(kinds[i].by, top->by) == 0;
		if (own)
			memcpy(column, kinds[i].columns, sizeof(kinds[i].columns));
	}
	for (int i = 0; i < TOP_COLUMNS && column[i] && top->table; i++) {
		const struct tally_column *found = table_column(top->table, column[i]);
		if (!own && (!found || !column_is_number(found)))
			return top_refuse(top);
		if (!found) {
			top->n = 0;
			return 0;
		}
		top->columns[top->n++] = found;
	}
	return 0;
}

/* By default what a container uses now, or of a range what it used on average. */
static int top_find_aggregate(struct top *top, bool ranged)
{
	enum { AVG = 0, LAST = 3, RATE = 4 };
	bool counter = top->n > 0 && top->columns[0]->role == TALLY_COUNTER;
	top->agg = top->context->args->agg;
	if (top->agg == ARGUMENT_NONE && counter)
		top->agg = RATE;
	else if (top->agg == ARGUMENT_NONE)
		top->agg = ranged ? AVG : LAST;
	if (top->agg == RATE && top->n > 0 && !counter)
		return response_problem(top->context->builder, 400, "agg",
					"%s is not a counter: it has no rate (try avg, min, max or "
					"last)",
					top->columns[0]->name);
	return 0;
}

static int top_find_range(struct top *top, bool ranged)
{
	const struct context *context = top->context;
	if (ranged && target_param(context->target, "window"))
		return response_problem(context->builder, 400, "window",
					"give either window or from and to");
	/* Other hosts may be a little ahead. */
	top->from = ranged ? context->args->window.from : context->now - context->args->span;
	top->to = ranged ? context->args->window.to : context->now + CLOCK_SECOND;
	return 0;
}

static int top_read(struct top *top)
{
	struct context *context = top->context;
	bool ranged = target_param(context->target, "from") || target_param(context->target, "to");
	const char *by = target_param(context->target, "by");
	top->by = by ? by : kinds[0].by;
	int r = context_table(context, "container_stats", &top->table);
	if (r == 0)
		r = top_find_columns(top);
	if (r == 0)
		r = top_find_aggregate(top, ranged);
	return r == 0 ? top_find_range(top, ranged) : r;
}

static int top_ask(const struct top *top, struct result_set *rows)
{
	static const char *const tags[] = {"host", "container_id", "name"};
	struct context *context = top->context;
	struct query query;
	if (top->n == 0)
		return 0;
	query_init(&query, context, top->table);
	query.spec.from = top->from;
	query.spec.to = top->to;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *tag = table_column(top->table, tags[i]);
		if (!tag)
			return 0;
		query_group(&query, tag);
	}
	for (uint32_t i = 0; i < top->n; i++)
		query_select(&query, top->columns[i], top_aggregates[top->agg].aggregate);
	for (uint32_t i = 0; i < context->target->n_params; i++)
		if (strcmp(context->target->params[i].name, "host") == 0)
			query_text(&query, table_column(top->table, "host"), TALLY_EQUALS,
				   context->target->params[i].value);
	return query_run(&query, rows);
}

/* ---- The ranking --------------------------------------------------------- */

/* Of several columns those that were measured count; false: none was, and the container is left out
 * rather than shown with 0. */
static bool top_value(const struct result_set *rows, const struct tally_cell *row, double *ret)
{
	bool any = false;
	*ret = 0;
	for (uint32_t i = TOP_VALUES; i < rows->n_columns; i++) {
		if (!row[i].set)
			continue;
		*ret += rows->types[i] == TALLY_REAL ? row[i].f : (double)row[i].i;
		any = true;
	}
	return any;
}

static int compare_entries(const void *left, const void *right)
{
	double a = ((const struct entry *)left)->value, b = ((const struct entry *)right)->value;
	return (a < b) - (a > b);
}

/* Entries that have a value, the largest first. */
static struct entry *top_sort(const struct result_set *rows, uint32_t *ret_n)
{
	struct entry *entries = calloc(rows->n_rows + 1, sizeof(*entries));
	uint32_t n = 0;
	for (uint32_t i = 0; entries && i < rows->n_rows; i++) {
		entries[n].row = result_set_row(rows, i);
		n += top_value(rows, entries[n].row, &entries[n].value);
	}
	if (entries)
		qsort(entries, n, sizeof(*entries), compare_entries);
	*ret_n = n;
	return entries;
}

static void write_meta(const struct top *top)
{
	struct json_writer *json = &top->context->builder->body;
	const char *unit = top->n ? top->columns[0]->unit : NULL;
	char rate[96];
	snprintf(rate, sizeof(rate), "%s/s", unit ? unit : "1");
	json_write_key(json, "meta");
	json_begin_object(json);
	json_write_key(json, "by");
	json_write_string(json, top->by);
	json_write_key(json, "agg");
	json_write_string(json, top_aggregates[top->agg].name);
	json_write_key(json, "unit");
	json_write_string(json,
			  top_aggregates[top->agg].aggregate == TALLY_RATE && top->n ? rate : unit);
	json_end_object(json);
}

/* The value is not one of the row's own cells, so it goes behind them in a copy of the row. */
static void write_top(const struct top *top, const struct entry *entries, uint32_t n)
{
	struct response_builder *builder = top->context->builder;
	struct row_writer records = {.format = list_format_of(top->context->args)};
	struct tally_cell row[TOP_VALUES + 1];
	row_writer_add(&records, "time", TALLY_TIME, TOP_TIME);
	row_writer_add(&records, "host", TALLY_TEXT, TOP_HOST);
	row_writer_add(&records, "container_id", TALLY_TEXT, TOP_ID);
	row_writer_add(&records, "name", TALLY_TEXT, TOP_NAME);
	row_writer_add(&records, "value", TALLY_REAL, TOP_VALUES);
	row_writer_open(&records, builder);
	if (records.format == LIST_JSON)
		write_meta(top);
	row_writer_begin(&records, builder);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(row, entries[i].row, TOP_VALUES * sizeof(*row));
		row[TOP_VALUES] = (struct tally_cell){.f = entries[i].value, .set = 1};
		row_writer_write(&records, builder, row);
	}
	row_writer_close(&records, builder);
}

int stats_top(struct context *context)
{
	struct result_set rows auto_result_set = {.n_rows = 0};
	struct top top = {.context = context};
	int64_t limit = context->args->limit;
	uint32_t n;
	int r = top_read(&top);
	if (r == 0)
		r = top_ask(&top, &rows);
	if (r < 0)
		return r;
	auto_free struct entry *entries = top_sort(&rows, &n);
	if (!entries)
		return response_unavailable(context->builder, "out of memory");
	write_top(&top, entries, n < limit ? n : (uint32_t)limit);
	return 0;
}
