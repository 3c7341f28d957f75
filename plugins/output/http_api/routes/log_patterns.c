/*
 * /api/v1/logs/patterns: what the lines of services have in common, how many lines of each there
 * were, and with new_since= what has come and gone since then.  On a worker's thread: the patterns
 * (log_patterns), and their counts by the minute (log_pattern_counts), once or for two ranges.
 *
 * A store counts lines up to a minute and a half after they came; counted_until says how far it is.
 * A pattern that is younger than that has no number of lines yet: null, not 0.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_cell.h"
#include "message/time_expr.h"
#include "query/catalog_cache.h"
#include "ask/counted.h"
#include "query/fields.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"
#include "routes/table_page.h"

static const struct list_filter pattern_filters[] = {
	{"service", "service", TALLY_GLOB},
	{"host", "host", TALLY_EQUALS},
	{"level", "level", LIST_FILTER_LEVEL},
	{.param = NULL},
};
static const struct list patterns_of_logs = {"log_patterns", pattern_filters};

/* In the order in which they are asked for, behind the time. */
enum {
	PATTERN_HOST = 1,
	PATTERN_SERVICE,
	PATTERN_ID,
	PATTERN_TEMPLATE,
	PATTERN_LEVEL,
	PATTERN_FIRST,
	PATTERN_LAST,
	PATTERN_EXAMPLE,
	PATTERN_COLUMNS
};
/* Of a row that is answered: these and three more; and by what it is sorted. */
enum { SHOWN_STATE = PATTERN_COLUMNS, SHOWN_LINES, SHOWN_BEFORE, SHOWN_COLUMNS };
enum { SHOWN_WEIGHT = SHOWN_COLUMNS, SHOWN_CELLS };

static const struct tally_column pattern_columns[SHOWN_CELLS] = {
	TABLE_COLUMN("time", TALLY_TIME, TALLY_FIELD),
	[PATTERN_HOST] = TABLE_COLUMN("host", TALLY_TEXT, TALLY_TAG),
	[PATTERN_SERVICE] = TABLE_COLUMN("service", TALLY_TEXT, TALLY_TAG),
	[PATTERN_ID] = TABLE_COLUMN("id", TALLY_TEXT, TALLY_TAG),
	[PATTERN_TEMPLATE] = TABLE_COLUMN("template", TALLY_TEXT, TALLY_FIELD),
	[PATTERN_LEVEL] = TABLE_COLUMN("level", TALLY_TEXT, TALLY_FIELD),
	[PATTERN_FIRST] = TABLE_COLUMN("first_seen", TALLY_TIME, TALLY_FIELD),
	[PATTERN_LAST] = TABLE_COLUMN("last_seen", TALLY_TIME, TALLY_FIELD),
	[PATTERN_EXAMPLE] = TABLE_COLUMN("example", TALLY_TEXT, TALLY_FIELD),
	[SHOWN_STATE] = TABLE_COLUMN("state", TALLY_TEXT, TALLY_FIELD),
	[SHOWN_LINES] = TABLE_COLUMN("lines", TALLY_INT, TALLY_FIELD),
	[SHOWN_BEFORE] = TABLE_COLUMN("lines_before", TALLY_INT, TALLY_FIELD),
	[SHOWN_WEIGHT] = TABLE_COLUMN("weight", TALLY_INT, TALLY_FIELD),
};
/* The weight is no column of it. */
static const struct tally_table pattern_table = {.name = "log_patterns",
						 .kind = TALLY_STATE,
						 .columns = pattern_columns,
						 .n_columns = SHOWN_COLUMNS};

/* Where in a row of counts. */
enum { COUNT_HOST = 1, COUNT_PATTERN, COUNT_LINES };

struct patterns {
	struct context *context;
	struct result_set rows, counts, counts_before; /* counts: by host and pattern, sorted */
	int64_t from, since, to, counted_until;        /* since: INT64_MIN: not given */
	struct table_page page;
};

static void patterns_done(struct patterns *patterns)
{
	result_set_done(&patterns->rows);
	result_set_done(&patterns->counts);
	result_set_done(&patterns->counts_before);
	table_page_done(&patterns->page);
}
#define auto_patterns __attribute__((cleanup(patterns_done)))

/* ---- Asking ------------------------------------------------------------------- */

static int patterns_read_since(struct patterns *patterns)
{
	struct context *context = patterns->context;
	const char *text = target_param(context->target, "new_since");
	patterns->since = INT64_MIN;
	if (!text)
		return 0;
	if (time_expr_read(text, context->now, &patterns->since) < 0)
		return response_problem(context->builder, 400, "new_since",
					"\"%s\" is not a time (try now-5m or RFC 3339)", text);
	if (patterns->since <= patterns->from || patterns->since >= patterns->to)
		return response_problem(context->builder, 400, "new_since",
					"\"%s\" is not between from and to", text);
	return 0;
}

/* 1: asked; 0: the store has none. */
static int patterns_ask(struct patterns *patterns)
{
	const struct tally_table *table;
	struct list_containers named;
	struct query query;
	int r = context_table(patterns->context, patterns_of_logs.table, &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, patterns->context, table);
	for (uint32_t i = 1; i < PATTERN_COLUMNS; i++) {
		const struct tally_column *column = table_column(table, pattern_columns[i].name);
		if (!column)
			return 0;
		query_select(&query, column, TALLY_RAW);
	}
	r = list_narrow(patterns->context, &patterns_of_logs, NULL, &named, &query);
	if (r < 0)
		return r;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	r = query_run(&query, &patterns->rows);
	return r < 0 ? r : 1;
}

static int compare_counts(const void *left, const void *right)
{
	const struct tally_cell *a = left, *b = right;
	int order = cell_compare(&a[COUNT_PATTERN], &b[COUNT_PATTERN]);
	return order ? order : cell_compare(&a[COUNT_HOST], &b[COUNT_HOST]);
}

static int patterns_count(struct patterns *patterns, const struct tally_table *table, int64_t from,
			  int64_t to, struct result_set *ret)
{
	struct query query;
	query_init(&query, patterns->context, table);
	query_group(&query, table_column(table, "host"));
	query_group(&query, table_column(table, "pattern"));
	query_select(&query, table_column(table, "lines"), TALLY_SUM);
	query.spec.from = from / CLOCK_MINUTE * CLOCK_MINUTE;
	query.spec.to = to / CLOCK_MINUTE * CLOCK_MINUTE;
	query.spec.limit = INT32_MAX;
	int r = query_run(&query, ret);
	if (r == 0 && ret->n_rows)
		qsort(ret->cells, ret->n_rows, ret->n_columns * sizeof(*ret->cells),
		      compare_counts);
	return r;
}

static int patterns_ask_counts(struct patterns *patterns)
{
	const struct tally_table *table;
	bool split = patterns->since != INT64_MIN;
	int64_t end = (patterns->to + CLOCK_MINUTE - 1) / CLOCK_MINUTE * CLOCK_MINUTE;
	int r = context_table(patterns->context, "log_pattern_counts", &table);
	if (r < 0 || !table || !table_column(table, "host"))
		return r;
	r = counted_until(context_asker(patterns->context), table, patterns->from, patterns->to,
			  &patterns->counted_until);
	if (patterns->counted_until == patterns->from)
		patterns->counted_until = INT64_MIN;
	if (r == 0)
		r = patterns_count(patterns, table, split ? patterns->since : patterns->from, end,
				   &patterns->counts);
	if (r == 0 && split)
		r = patterns_count(patterns, table, patterns->from, patterns->since,
				   &patterns->counts_before);
	return r;
}

/* ---- Putting together --------------------------------------------------------------- */

/* Not set: its lines were not counted yet. */
static struct tally_cell lines_of(const struct patterns *patterns, const struct result_set *counts,
				  const struct tally_cell *row)
{
	struct tally_cell key[COUNT_LINES + 1] = {
		[COUNT_HOST] = row[PATTERN_HOST], [COUNT_PATTERN] = row[PATTERN_ID]};
	const struct tally_cell *found =
		counts->n_rows ? bsearch(key, counts->cells, counts->n_rows,
					 counts->n_columns * sizeof(*counts->cells), compare_counts)
			       : NULL;
	if (found)
		return found[COUNT_LINES];
	bool counted = row[PATTERN_FIRST].set && row[PATTERN_FIRST].i < patterns->counted_until;
	return (struct tally_cell){.i = 0, .set = counted};
}

static const char *state_of(const struct patterns *patterns, const struct tally_cell *row,
			    const struct tally_cell *lines)
{
	if (row[PATTERN_FIRST].i >= patterns->since)
		return "new";
	return row[PATTERN_LAST].i < patterns->since && !(lines->set && lines->i) ? "gone"
										  : "known";
}

/* last_seen is up to a minute old. */
static bool is_within(const struct patterns *patterns, const struct tally_cell *row)
{
	return row[PATTERN_FIRST].set && row[PATTERN_LAST].set &&
	       row[PATTERN_FIRST].i < patterns->to &&
	       row[PATTERN_LAST].i + CLOCK_MINUTE >= patterns->from;
}

/* What is new first, then by lines, the most first; those that are not counted before them. */
static int64_t weight_of(const struct tally_cell *shown)
{
	const int64_t uncounted = INT64_C(1) << 61, new = INT64_C(1) << 62;
	int64_t lines = shown[SHOWN_LINES].set ? shown[SHOWN_LINES].i : uncounted;
	return lines + (cell_equals(&shown[SHOWN_STATE], "new") ? new : 0);
}

static void patterns_show(struct patterns *patterns, const struct tally_cell *row)
{
	struct result_set *rows = &patterns->page.rows;
	struct tally_cell *shown = rows->cells + (size_t)rows->n_rows++ * SHOWN_CELLS;
	memcpy(shown, row, PATTERN_COLUMNS * sizeof(*shown));
	shown[SHOWN_LINES] = lines_of(patterns, &patterns->counts, row);
	if (patterns->since != INT64_MIN) {
		const char *state = state_of(patterns, row, &shown[SHOWN_LINES]);
		tally_put_text_borrowed(shown, SHOWN_STATE, state, strlen(state));
		shown[SHOWN_BEFORE] = lines_of(patterns, &patterns->counts_before, row);
	}
	shown[SHOWN_WEIGHT] = (struct tally_cell){.i = weight_of(shown), .set = 1};
}

static int patterns_choose(struct patterns *patterns)
{
	struct result_set *rows = &patterns->page.rows;
	if (result_set_make(rows, SHOWN_CELLS, patterns->rows.n_rows) < 0)
		return response_unavailable(patterns->context->builder, "out of memory");
	rows->n_rows = 0;
	for (uint32_t i = 0; i < patterns->rows.n_rows; i++)
		if (is_within(patterns, result_set_row(&patterns->rows, i)))
			patterns_show(patterns, result_set_row(&patterns->rows, i));
	return 0;
}

/* ---- Answering ----------------------------------------------------------------------- */

static void patterns_write_head(struct context *context, const void *arg)
{
	const struct patterns *patterns = arg;
	struct json_writer *json = &context->builder->body;
	const struct tally_cell counted = {.i = patterns->counted_until,
					   .set = patterns->counted_until != INT64_MIN};
	json_write_key(json, "counted_until");
	json_write_cell(json, TALLY_TIME, &counted);
}

static int patterns_open(struct patterns *patterns)
{
	struct table_page *page = &patterns->page;
	const struct tally_column *weight = &pattern_columns[SHOWN_WEIGHT];
	table_page_open(page);
	page->columns[page->n] = weight; /* in the rows, but not shown */
	int r = fields_read_shown(page->context, page->table, NULL, page->shown, NULL);
	return r < 0 ? r
		     : paging_read_whole(page->context, page->table, weight, true, &page->paging);
}

int logs_patterns(struct context *context)
{
	struct patterns patterns auto_patterns = {.context = context,
						  .from = context->args->window.from,
						  .to = context->args->window.to,
						  .counted_until = INT64_MIN,
						  .page = {.context = context,
							   .table = &pattern_table,
							   .head = patterns_write_head,
							   .head_arg = &patterns}};
	int r = patterns_open(&patterns);
	if (r == 0)
		r = patterns_read_since(&patterns);
	if (r == 0)
		r = patterns_ask(&patterns);
	if (r > 0)
		r = patterns_ask_counts(&patterns);
	if (r == 0)
		r = patterns_choose(&patterns);
	return r < 0 ? r : table_page_answer(&patterns.page);
}
