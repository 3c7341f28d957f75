/*
 * /api/v1/logs/histogram and /logs/count: how many lines there are, by time and by level.  On a
 * worker's thread.  Stores count lines per minute, container and level (container_logs_lines), and
 * roll the counts up: what these know is asked of them.  For the newest minutes, and for conditions
 * on the text or the stream, the lines are gone through as log_search.c does it, newest first.
 * Where that ran out of time, points are null: what the store has counted is known all the same.
 *
 *	counts_init()     a cell per point and level, twice: a window that fails is taken back
 *	counts_take()     a line into its cell
 *	counts_add()      counts into theirs
 *	counts_miss()     marks the points of lines that were not counted
 */
#include "routes/log_counts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_cell.h"
#include "base/text.h"
#include "query/catalog_cache.h"
#include "ask/counted.h"
#include "routes/endpoint.h"
#include "routes/log_search.h"

enum { COUNTS_NONE = 7, COUNTS_LEVELS = 8 };
/* Where in a row of counts. */
enum { COUNTS_OF = 1, COUNTS_SUM };

/* As the logs input writes them, the least severe first. */
static const char *const counts_levels[COUNTS_LEVELS] = {"trace",   "debug", "info",     "notice",
							 "warning", "error", "critical", "none"};

struct counts {
	const struct list *list;
	const struct container *container; /* as of list_narrow() */
	int64_t deadline;                  /* of the counts that are kept */
	const struct window *window;       /* points of it */
	uint32_t points;                   /* or 1: all of it */
	uint32_t level;                    /* where in a row; 0: not there */
	int64_t *cells, *kept;             /* points × levels */
	bool *unknown;                     /* points: not all of their lines were counted */
	int64_t reached; /* the newest range that is not: where it ends; 0: there is none */
};

static size_t counts_size(const struct counts *counts)
{
	return (size_t)counts->points * COUNTS_LEVELS * sizeof(*counts->cells);
}

static int counts_init(struct context *context, struct counts *counts)
{
	counts->cells = calloc(2, counts_size(counts));
	counts->unknown = calloc(counts->points, sizeof(*counts->unknown));
	if (!counts->cells || !counts->unknown) {
		response_unavailable(context->builder, "out of memory");
		return -EINVAL;
	}
	counts->kept = counts->cells + counts_size(counts) / sizeof(*counts->cells);
	return 0;
}

static void counts_done(struct counts *counts)
{
	free(counts->cells);
	free(counts->unknown);
}
#define auto_counts __attribute__((cleanup(counts_done)))

static uint32_t counts_point(const struct counts *counts, int64_t time)
{
	return counts->points == 1 ? 0 : window_point(counts->window, time);
}

/* Not all lines of [from, to) were counted. */
static void counts_miss(struct counts *counts, int64_t from, int64_t to)
{
	if (from >= to)
		return;
	if (!counts->reached)
		counts->reached = to;
	for (uint32_t i = counts_point(counts, from); i <= counts_point(counts, to - 1); i++)
		counts->unknown[i] = true;
}

/* A level of another making counts as none. */
static uint32_t counts_level(const struct tally_cell *cell)
{
	uint32_t level = 0;
	while (level < COUNTS_NONE && !cell_equals(cell, counts_levels[level]))
		level++;
	return level;
}

/* Where what belongs to a time is counted; NULL: it is outside. */
static int64_t *counts_at(const struct counts *counts, int64_t time)
{
	if (time < counts->window->from || time >= counts->window->to)
		return NULL;
	return counts->cells + (size_t)counts_point(counts, time) * COUNTS_LEVELS;
}

static int counts_take(void *arg, const struct tally_batch *row)
{
	struct counts *counts = arg;
	int64_t *cells = counts_at(counts, row->cells[0].i);
	uint32_t level = counts->level ? counts_level(&row->cells[counts->level]) : COUNTS_NONE;
	if (cells)
		cells[level]++;
	return 0;
}

static void counts_keep(void *arg)
{
	struct counts *counts = arg;
	memcpy(counts->kept, counts->cells, counts_size(counts));
}

static void counts_back(void *arg)
{
	struct counts *counts = arg;
	memcpy(counts->cells, counts->kept, counts_size(counts));
}

/* ---- Asking ------------------------------------------------------------------ */

static void counts_select(const struct log_search *search, struct query *query,
			  struct counts *counts)
{
	const struct tally_column *level = table_column(query->table, "level");
	const struct tally_column *message = table_column(query->table, "message");
	const struct tally_column *id = table_column(query->table, "container_id");
	if (level) {
		query_select(query, level, TALLY_RAW);
		counts->level = query->spec.n_select;
	}
	if (message && search->n_patterns)
		query_select(query, message, TALLY_RAW);
	if (id && (search->containers.given || !level))
		query_select(query, id, TALLY_RAW);
}

/* The lines of [from, to), one by one. */
static int counts_read_rows(struct context *context, struct log_search *search,
			    struct counts *counts, int64_t from, int64_t to)
{
	const struct log_search_sink sink = {
		.take = counts_take, .keep = counts_keep, .back = counts_back, .arg = counts};
	const struct tally_table *table;
	struct list_containers named;
	struct query query;
	int r = context_table(context, counts->list->table, &table);
	if (r < 0)
		return r;
	if (!table)
		return list_find_containers(context, &named);
	query_init(&query, context, table);
	counts_select(search, &query, counts);
	r = list_narrow(context, counts->list, counts->container, &named, &query);
	if (r < 0 || log_search_is_empty(search))
		return r;
	query.spec.newest_first = true;
	query.spec.from = from;
	query.spec.to = to;
	log_search_filter(search, &query);
	counts_keep(counts);
	r = log_search_run(search, &query, &sink);
	if (r == 0 && search->stopped)
		counts_miss(counts, from, search->reached);
	return r;
}

/* ---- What is counted already ----------------------------------------------------- */

/* Counts are by minute, container and level. */
static bool counts_are_kept(const struct context *context, const struct log_search *search,
			    const struct counts *counts)
{
	return counts->list == &logs_of_containers && !search->text && !search->n_patterns &&
	       !target_param(context->target, "stream") &&
	       !target_param(context->target, "pattern") &&
	       (counts->points == 1 || counts->window->edges ||
		counts->window->step % CLOCK_MINUTE == 0);
}

static int counts_add(void *arg, const struct tally_batch *batch)
{
	struct counts *counts = arg;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = &batch->cells[(size_t)i * batch->table->n_columns];
		int64_t *cells = counts_at(counts, row[0].i);
		if (cells && row[COUNTS_SUM].set)
			cells[counts_level(&row[COUNTS_OF])] += row[COUNTS_SUM].i;
	}
	return 0;
}

static int counts_run(struct query *query, void *arg)
{
	return query_stream(query, counts_add, arg);
}

/* 1: the counts of [from, to), whole minutes, are added; 0: containers are too many to be named. */
static int counts_read_kept(struct context *context, struct log_search *search,
			    struct counts *counts, const struct tally_table *table, int64_t from,
			    int64_t to)
{
	struct list_containers named;
	struct query query;
	query_init(&query, context, table);
	query_group(&query, table_column(table, "level"));
	query_select(&query, table_column(table, "lines"), TALLY_SUM);
	query.spec.from = from;
	query.spec.to = to;
	query.spec.bucket = counts->points == 1 ? 0 : counts->window->step;
	query.spec.limit = (counts->points + 1) * (COUNTS_LEVELS + 1);
	query.spec.deadline = counts->deadline;
	int r = list_narrow(context, counts->list, counts->container, &named, &query);
	if (r < 0)
		return r;
	log_search_filter(search, &query);
	if (search->containers.given && !search->named)
		return 0;
	r = query_each_point(&query, counts_run, counts);
	return r < 0 ? r : 1;
}

/* ---- All of it --------------------------------------------------------------------- */

/* Newest first: the lines that are not counted yet, the counts, and the lines of the minute that
 * the range begins in.  0; -ETIMEDOUT; or a problem. */
static int counts_read(struct context *context, struct log_search *search, struct counts *counts)
{
	const struct tally_table *table = NULL;
	int64_t from = counts->window->from, to = counts->window->to;
	int64_t begin = (from + CLOCK_MINUTE - 1) / CLOCK_MINUTE * CLOCK_MINUTE, until = begin;
	int r = log_search_read(context, search);
	if (r == 0 && counts_are_kept(context, search, counts))
		r = context_table(context, "container_logs_lines", &table);
	int64_t end = to / CLOCK_MINUTE * CLOCK_MINUTE;
	if (r == 0 && table && !log_search_is_empty(search) && begin < end)
		r = counted_until(context_asker(context), table, begin, end, &until);
	if (r < 0)
		return r;
	if (until == begin)
		return counts_read_rows(context, search, counts, from, to);
	r = counts_read_rows(context, search, counts, until, to);
	int kept = r < 0 ? r : counts_read_kept(context, search, counts, table, begin, until);
	int64_t left = kept ? begin : until;
	if (kept < 0)
		return kept;
	if (!search->stopped)
		return counts_read_rows(context, search, counts, from, left);
	counts_miss(counts, from, left);
	return 0;
}

/* ---- Answering ----------------------------------------------------------------- */

static void counts_write_number(struct json_writer *json, bool known, int64_t n)
{
	if (known)
		json_write_int(json, n);
	else
		json_write_null(json);
}

static void counts_write(struct json_writer *json, const int64_t *cells, bool known)
{
	int64_t total = 0;
	for (int level = 0; level < COUNTS_LEVELS; level++)
		total += cells[level];
	json_write_key(json, "total");
	counts_write_number(json, known, total);
	json_write_key(json, "levels");
	json_begin_object(json);
	for (int level = 0; level < COUNTS_LEVELS; level++) {
		json_write_key(json, counts_levels[level]);
		counts_write_number(json, known, cells[level]);
	}
	json_end_object(json);
}

static void counts_write_step(struct context *context)
{
	const struct window *window = &context->args->window;
	struct json_writer *json = &context->builder->body;
	char step[32];
	if (window->step)
		text_format_duration(window->step, step, sizeof(step));
	else
		snprintf(step, sizeof(step), "%dmo", (int)(context->args->step - STEP_MONTHS));
	json_write_key(json, "step");
	json_write_string(json, step);
	if (!window->zone)
		return;
	json_write_key(json, "tz");
	json_write_string(json, window->zone);
}

static void counts_write_end(struct context *context, const struct counts *counts)
{
	struct json_writer *json = &context->builder->body;
	const struct tally_cell reached = {.i = counts->reached, .set = 1};
	json_write_key(json, "complete");
	json_write_bool(json, !counts->reached);
	if (counts->reached) {
		json_write_key(json, "searched_from");
		json_write_cell(json, TALLY_TIME, &reached);
	}
	json_end_object(json);
}

/* Counts, and begins the answer with "data". */
static int counts_begin(struct context *context, struct log_search *search, struct counts *counts)
{
	struct json_writer *json = &context->builder->body;
	int r = counts_init(context, counts);
	if (r == 0)
		r = counts_read(context, search, counts);
	if (r < 0)
		return r == -ETIMEDOUT ? query_timed_out(context) : r;
	json_begin_object(json);
	json_write_key(json, "data");
	return 0;
}

int logs_histogram(struct context *context)
{
	const struct window *window = &context->args->window;
	struct json_writer *json = &context->builder->body;
	struct log_search search auto_log_search = {.context = context};
	struct counts counts auto_counts = {.list = &logs_of_containers,
					    .deadline = context->deadline,
					    .window = window,
					    .points = window->points};
	int r = counts_begin(context, &search, &counts);
	if (r < 0)
		return r;
	json_begin_array(json);
	for (uint32_t i = 0; i < counts.points; i++) {
		const struct tally_cell time = {.i = window_begin(window, i), .set = 1};
		json_begin_object(json);
		json_write_key(json, "time");
		json_write_cell(json, TALLY_TIME, &time);
		counts_write(json, counts.cells + (size_t)i * COUNTS_LEVELS, !counts.unknown[i]);
		json_end_object(json);
	}
	json_end_array(json);
	counts_write_step(context);
	counts_write_end(context, &counts);
	return 0;
}

int logs_count(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	struct log_search search auto_log_search = {.context = context};
	struct counts counts auto_counts = {.list = &logs_of_containers,
					    .deadline = context->deadline,
					    .window = &context->args->window,
					    .points = 1};
	int r = counts_begin(context, &search, &counts);
	if (r < 0)
		return r;
	json_begin_object(json);
	counts_write(json, counts.cells, true); /* at least so many */
	json_end_object(json);
	counts_write_end(context, &counts);
	return 0;
}

/* ---- The total of a list --------------------------------------------------------- */

static int take_time(void *arg, const struct tally_batch *rows)
{
	if (rows->n_rows)
		*(int64_t *)arg = rows->cells[0].i;
	return 0;
}

/* Counts stay longer than lines: the range begins with the oldest line that is left. */
static int counts_skip_deleted(struct context *context, const struct counts *counts,
			       struct window *range)
{
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, counts->list->table, &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, context, table);
	query_select(&query, &table->columns[table->n_columns - 1], TALLY_RAW); /* any */
	query.spec.from = range->from;
	query.spec.to = range->to;
	query.spec.limit = 1;
	query.spec.deadline = counts->deadline;
	range->from = range->to;
	return query_stream(&query, take_time, &range->from);
}

int log_counts_total(struct context *context, const struct list *list,
		     const struct container *container, struct paging *paging)
{
	struct log_search search auto_log_search = {.context = context};
	struct window range = {.from = paging->from, .to = paging->to};
	int64_t end = tally_monotonic(context->ctx) + context->config->search_time;
	struct counts counts auto_counts = {.list = list,
					    .container = container,
					    .deadline = end < context->deadline ? end
										: context->deadline,
					    .window = &range,
					    .points = 1};
	int r = counts_init(context, &counts);
	if (r == 0)
		r = counts_skip_deleted(context, &counts, &range);
	if (r == 0)
		r = counts_read(context, &search, &counts);
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	paging->total = (struct tally_cell){.set = r == 0 && !counts.reached};
	for (int level = 0; level < COUNTS_LEVELS; level++)
		paging->total.i += counts.cells[level];
	return 0;
}
