/* /api/v1/top: the containers that use most of something. */
#include "base/cleanup.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "moment.h"
#include "page.h"
#include "records.h"
#include "tables.h"

enum { TOP_LIMIT = 10, TOP_TIME = 0, TOP_HOST, TOP_ID, TOP_NAME, TOP_VALUES };
static const int64_t top_window = 120 * HTTP_SECOND;

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

struct top {
	const struct top_kind *kind;
	int64_t window;
	uint32_t limit;
	enum list_format format;
};

struct entry {
	const struct tally_cell *row;
	double value;
};

static const struct top_kind *top_find(const char *by)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].by, by) == 0)
			return &kinds[i];
	return NULL;
}

/* 1: asked; 0: the table has not what is needed, so there is nothing; else a problem. */
static int top_ask(struct call *call, const struct top *top, struct rowset *rows)
{
	static const char *const tags[] = {"host", "container_id", "name"};
	const struct tally_table *table;
	struct ask ask;
	int r = call_table(call, "container_stats", &table);
	if (r < 0 || !table)
		return r;
	ask_init(&ask, call, table);
	ask.query.from = call->now - top->window;
	ask.query.to = call->now + HTTP_SECOND;
	ask.query.limit = INT32_MAX; /* what they may take is bounded in bytes */
	for (int i = 0; i < 3; i++) {
		const struct tally_column *tag = table_column(table, tags[i]);
		if (!tag)
			return 0;
		ask_group(&ask, tag);
	}
	for (int i = 0; top->kind->columns[i]; i++) {
		const struct tally_column *column = table_column(table, top->kind->columns[i]);
		if (!column)
			return 0;
		ask_select(&ask, column, top->kind->aggregate);
	}
	for (uint32_t i = 0; i < call->target->n_params; i++)
		if (strcmp(call->target->params[i].name, "host") == 0)
			ask_text(&ask, table_column(table, "host"), TALLY_EQUALS,
				 call->target->params[i].value);
	r = ask_store(&ask, rows);
	return r < 0 ? r : 1;
}

static bool top_value(const struct rowset *rows, const struct tally_cell *row, double *ret)
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
static struct entry *top_sort(const struct rowset *rows, uint32_t *ret_n)
{
	struct entry *entries = calloc(rows->n_rows + 1, sizeof(*entries));
	uint32_t n = 0;
	for (uint32_t i = 0; entries && i < rows->n_rows; i++) {
		entries[n].row = rowset_row(rows, i);
		n += top_value(rows, entries[n].row, &entries[n].value);
	}
	if (entries)
		qsort(entries, n, sizeof(*entries), compare_entries);
	*ret_n = n;
	return entries;
}

static void write_meta(struct json_writer *json, const struct top_kind *kind)
{
	json_write_key(json, "meta");
	json_begin_object(json);
	json_write_key(json, "by");
	json_write_string(json, kind->by);
	json_write_key(json, "unit");
	json_write_string(json, kind->unit);
	json_end_object(json);
}

static void write_top(struct reply *reply, const struct top *top, const struct entry *entries,
		      uint32_t n)
{
	struct records records = {.format = top->format};
	struct tally_cell row[TOP_VALUES + 1];
	records_add(&records, "time", TALLY_TIME, TOP_TIME);
	records_add(&records, "host", TALLY_TEXT, TOP_HOST);
	records_add(&records, "container_id", TALLY_TEXT, TOP_ID);
	records_add(&records, "name", TALLY_TEXT, TOP_NAME);
	records_add(&records, "value", TALLY_REAL, TOP_VALUES);
	records_open(&records, reply);
	if (top->format == LIST_JSON)
		write_meta(&reply->body, top->kind);
	records_begin(&records, reply);
	for (uint32_t i = 0; i < n; i++) {
		memcpy(row, entries[i].row, TOP_VALUES * sizeof(*row));
		row[TOP_VALUES] = (struct tally_cell){.f = entries[i].value, .set = 1};
		records_write(&records, reply, row);
	}
	records_close(&records, reply);
}

static int read_window(struct call *call, int64_t *ret)
{
	const char *text = target_param(call->target, "window");
	*ret = top_window;
	if (text && (span_read(text, ret) < 0 || *ret > HTTP_DAY))
		return reply_problem(call->reply, 400, "window",
				     "\"%s\" is not a duration of at most a day (try 2min)", text);
	return 0;
}

static int read_top(struct call *call, struct top *ret)
{
	int r = page_read_limit(call, TOP_LIMIT, &ret->limit);
	if (r == 0)
		r = read_window(call, &ret->window);
	return r < 0 ? r : list_read_format(call, &ret->format);
}

int stats_top(struct call *call)
{
	struct rowset rows auto_rowset = {.n_rows = 0};
	const char *by = target_param(call->target, "by");
	struct top top = {.kind = top_find(by ? by : "cpu")};
	uint32_t n;
	if (!top.kind)
		return reply_problem(call->reply, 400, "by", "\"%s\" is none of cpu, mem, net, blk",
				     by);
	int r = read_top(call, &top);
	if (r == 0)
		r = top_ask(call, &top, &rows);
	if (r < 0)
		return r;
	auto_free struct entry *entries = top_sort(&rows, &n);
	if (!entries)
		return reply_unavailable(call->reply, "out of memory");
	write_top(call->reply, &top, entries, n < top.limit ? n : top.limit);
	return 0;
}
