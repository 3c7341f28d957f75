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

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_cell.h"
#include "message/row_writer.h"
#include "message/time_expr.h"
#include "query/catalog_cache.h"
#include "query/counted.h"
#include "routes/endpoint.h"
#include "routes/list_endpoint.h"

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
static const char *const pattern_columns[PATTERN_COLUMNS] = {
	"time", "host", "service", "id", "template", "level", "first_seen", "last_seen", "example"};

/* Of a row that is answered: these and three more. */
enum { SHOWN_STATE = PATTERN_COLUMNS, SHOWN_LINES, SHOWN_BEFORE, SHOWN_COLUMNS };

/* Where in a row of counts. */
enum { COUNT_HOST = 1, COUNT_PATTERN, COUNT_LINES };

struct patterns {
	struct context *context;
	struct result_set rows, counts, counts_before; /* counts: by host and pattern, sorted */
	int64_t from, since, to, counted_until;        /* since: INT64_MIN: not given */
	struct tally_cell (*shown)[SHOWN_COLUMNS];
	uint32_t n;
};

static void patterns_done(struct patterns *patterns)
{
	result_set_done(&patterns->rows);
	result_set_done(&patterns->counts);
	result_set_done(&patterns->counts_before);
	free(patterns->shown);
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
	struct list_containers named = {.n = 0};
	struct query query;
	int r = context_table(patterns->context, patterns_of_logs.table, &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, patterns->context, table);
	for (uint32_t i = 1; i < PATTERN_COLUMNS; i++) {
		const struct tally_column *column = table_column(table, pattern_columns[i]);
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
	r = counted_until(patterns->context, table, patterns->from, patterns->to,
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

static void patterns_show(struct patterns *patterns, const struct tally_cell *row)
{
	struct tally_cell *shown = patterns->shown[patterns->n++];
	memcpy(shown, row, PATTERN_COLUMNS * sizeof(*shown));
	shown[SHOWN_LINES] = lines_of(patterns, &patterns->counts, row);
	shown[SHOWN_STATE] = shown[SHOWN_BEFORE] = (struct tally_cell){.set = 0};
	if (patterns->since == INT64_MIN)
		return;
	const char *state = state_of(patterns, row, &shown[SHOWN_LINES]);
	tally_put_text_borrowed(shown, SHOWN_STATE, state, strlen(state));
	shown[SHOWN_BEFORE] = lines_of(patterns, &patterns->counts_before, row);
}

static int order_of_state(const struct tally_cell *row)
{
	return row[SHOWN_STATE].set && row[SHOWN_STATE].text[0] == 'n' ? 0 : 1;
}

/* What is new first, then by lines, the most first; those that are not counted before them. */
static int compare_shown(const void *left, const void *right)
{
	const struct tally_cell *a = left, *b = right;
	int64_t of_a = a[SHOWN_LINES].set ? a[SHOWN_LINES].i : INT64_MAX;
	int64_t of_b = b[SHOWN_LINES].set ? b[SHOWN_LINES].i : INT64_MAX;
	if (order_of_state(a) != order_of_state(b))
		return order_of_state(a) - order_of_state(b);
	if (of_a != of_b)
		return of_a < of_b ? 1 : -1;
	int order = cell_compare(&a[PATTERN_ID], &b[PATTERN_ID]);
	return order ? order : cell_compare(&a[PATTERN_HOST], &b[PATTERN_HOST]);
}

static int patterns_choose(struct patterns *patterns)
{
	patterns->shown = calloc(patterns->rows.n_rows + 1, sizeof(*patterns->shown));
	if (!patterns->shown)
		return response_unavailable(patterns->context->builder, "out of memory");
	for (uint32_t i = 0; i < patterns->rows.n_rows; i++)
		if (is_within(patterns, result_set_row(&patterns->rows, i)))
			patterns_show(patterns, result_set_row(&patterns->rows, i));
	qsort(patterns->shown, patterns->n, sizeof(*patterns->shown), compare_shown);
	return 0;
}

/* ---- Answering ----------------------------------------------------------------------- */

static void patterns_write(const struct patterns *patterns)
{
	struct context *context = patterns->context;
	struct response_builder *builder = context->builder;
	struct row_writer records = {.format = list_format_of(context->args)};
	static const uint16_t types[PATTERN_COLUMNS] = {TALLY_TIME, TALLY_TEXT, TALLY_TEXT,
							TALLY_TEXT, TALLY_TEXT, TALLY_TEXT,
							TALLY_TIME, TALLY_TIME, TALLY_TEXT};
	const struct tally_cell counted = {.i = patterns->counted_until,
					   .set = patterns->counted_until != INT64_MIN};
	for (uint32_t i = 1; i < PATTERN_COLUMNS; i++)
		row_writer_add(&records, pattern_columns[i], types[i], i);
	row_writer_add(&records, "state", TALLY_TEXT, SHOWN_STATE);
	row_writer_add(&records, "lines", TALLY_INT, SHOWN_LINES);
	row_writer_add(&records, "lines_before", TALLY_INT, SHOWN_BEFORE);
	row_writer_open(&records, builder);
	if (records.format == LIST_JSON) {
		json_write_key(&builder->body, "total");
		json_write_int(&builder->body, patterns->n);
		json_write_key(&builder->body, "counted_until");
		json_write_cell(&builder->body, TALLY_TIME, &counted);
	}
	row_writer_begin(&records, builder);
	for (uint32_t i = 0; i < patterns->n && i < context->args->limit; i++)
		row_writer_write(&records, builder, patterns->shown[i]);
	row_writer_close(&records, builder);
}

int logs_patterns(struct context *context)
{
	struct patterns patterns auto_patterns = {.context = context,
						  .from = context->args->window.from,
						  .to = context->args->window.to,
						  .counted_until = INT64_MIN};
	int r = patterns_read_since(&patterns);
	if (r == 0)
		r = patterns_ask(&patterns);
	if (r > 0)
		r = patterns_ask_counts(&patterns);
	if (r == 0)
		r = patterns_choose(&patterns);
	if (r == 0)
		patterns_write(&patterns);
	return r;
}
