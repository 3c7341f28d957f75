/*
 * /api/v1/top: the containers that use most of something.  On a worker's thread; one query over the
 * last two minutes (window=), grouped by container, sorted here.
 *
 * Sorting is not the store's, which orders rows by time and key only; a fleet of 10,000 containers
 * is sorted in milliseconds.  Without the table, or without a column that is needed, the list is
 * empty.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "query/query_builder.h"
#include "message/row_writer.h"
#include "query/catalog_cache.h"
#include "routes/endpoint.h"

enum { TOP_TIME, TOP_HOST, TOP_ID, TOP_NAME, TOP_VALUES };

/* In the order of the choices of by=. */
static const struct top_kind {
	const char *by, *unit;
	uint32_t aggregate;
	const char *columns[3]; /* added up */
} kinds[] = {
	{"cpu", "percent", TALLY_LAST, {"cpu_percent"}},
	{"mem", "bytes", TALLY_LAST, {"mem_used_bytes"}},
	{"net", "bytes/s", TALLY_RATE, {"net_rx_bytes", "net_tx_bytes"}},
	{"blk", "bytes/s", TALLY_RATE, {"blk_read_bytes", "blk_write_bytes"}},
};

struct entry {
	const struct tally_cell *row;
	double value;
};

/* 1: asked; 0: the table lacks something that is needed, so the list is empty; else a problem. */
static int top_ask(struct context *context, const struct top_kind *kind, struct result_set *rows)
{
	static const char *const tags[] = {"host", "container_id", "name"};
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, context, table);
	query.spec.from = context->now - context->args->span;
	/* Other hosts may be a little ahead. */
	query.spec.to = context->now + CLOCK_SECOND;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *tag = table_column(table, tags[i]);
		if (!tag)
			return 0;
		query_group(&query, tag);
	}
	for (int i = 0; kind->columns[i]; i++) {
		const struct tally_column *column = table_column(table, kind->columns[i]);
		if (!column)
			return 0;
		query_select(&query, column, kind->aggregate);
	}
	for (uint32_t i = 0; i < context->target->n_params; i++)
		if (strcmp(context->target->params[i].name, "host") == 0)
			query_text(&query, table_column(table, "host"), TALLY_EQUALS,
				   context->target->params[i].value);
	r = query_run(&query, rows);
	return r < 0 ? r : 1;
}

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

/* The value is not one of the row's own cells, so it goes behind them in a copy of the row. */
static void write_top(struct context *context, const struct top_kind *kind,
		      const struct entry *entries, uint32_t n)
{
	struct response_builder *builder = context->builder;
	struct row_writer records = {.format = list_format_of(context->args)};
	struct tally_cell row[TOP_VALUES + 1];
	row_writer_add(&records, "time", TALLY_TIME, TOP_TIME);
	row_writer_add(&records, "host", TALLY_TEXT, TOP_HOST);
	row_writer_add(&records, "container_id", TALLY_TEXT, TOP_ID);
	row_writer_add(&records, "name", TALLY_TEXT, TOP_NAME);
	row_writer_add(&records, "value", TALLY_REAL, TOP_VALUES);
	row_writer_open(&records, builder);
	if (records.format == LIST_JSON) {
		json_write_key(&builder->body, "meta");
		json_begin_object(&builder->body);
		json_write_key(&builder->body, "by");
		json_write_string(&builder->body, kind->by);
		json_write_key(&builder->body, "unit");
		json_write_string(&builder->body, kind->unit);
		json_end_object(&builder->body);
	}
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
	const struct top_kind *kind = &kinds[context->args->by];
	int64_t limit = context->args->limit;
	uint32_t n;
	int r = top_ask(context, kind, &rows);
	if (r < 0)
		return r;
	auto_free struct entry *entries = top_sort(&rows, &n);
	if (!entries)
		return response_unavailable(context->builder, "out of memory");
	write_top(context, kind, entries, n < limit ? n : (uint32_t)limit);
	return 0;
}
