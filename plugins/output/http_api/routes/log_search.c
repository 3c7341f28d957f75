/*
 * Windows of time: each is one query, four or sixteen times as long as the one before if that was
 * quick, half as long if it was slow, a sixteenth if it was not done in a third of the time that
 * was left.  So the store need not know how to stop and say where, any store will do, and what was
 * found is without a hole up to the edge of the last window.
 *
 * What a store cannot do is done here, on its rows: regular expressions, which the stores either
 * have in other dialects or not at all, and sets of containers that are too large for a query.
 * Literal text in an expression goes to the store, which then leaves most rows out.
 *
 * On a worker's thread.  An expression that costs too much for some line is the client's error.
 */
#include "routes/log_search.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "query/catalog_cache.h"

#define LOG_SEARCH_FIRST CLOCK_MINUTE
#define LOG_SEARCH_RESERVE (50 * CLOCK_MS) /* of the request's own time, for the answer */

/* ---- What is searched for ------------------------------------------------------ */

void log_search_done(struct log_search *search)
{
	for (uint32_t i = 0; i < search->n_patterns; i++)
		pattern_destroy(search->patterns[i]);
	search->n_patterns = 0;
	container_set_done(&search->containers);
}

static int log_search_add(struct log_search *search, const char *text)
{
	struct response_builder *builder = search->context->builder;
	char why[PATTERN_WHY_SIZE];
	if (search->n_patterns == LOG_SEARCH_MAX_PATTERNS)
		return response_problem(builder, 400, "regex", "given more than %d times",
					LOG_SEARCH_MAX_PATTERNS);
	int r = pattern_create(text, &search->patterns[search->n_patterns], why);
	if (r == -EINVAL)
		return response_problem(builder, 400, "regex", "%s", why);
	if (r < 0)
		return response_unavailable(builder, "out of memory");
	search->n_patterns++;
	return 0;
}

int log_search_read(struct context *context, struct log_search *ret)
{
	*ret = (struct log_search){.context = context};
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < context->target->n_params; i++) {
		const struct param *param = &context->target->params[i];
		ret->text = ret->text || strcmp(param->name, "q") == 0;
		if (strcmp(param->name, "regex") == 0)
			r = log_search_add(ret, param->value);
	}
	return r < 0 ? r : container_set_read(context, &ret->containers);
}

bool log_search_is_empty(const struct log_search *search)
{
	return search->containers.given && search->containers.n == 0;
}

/* ---- What the store can do ----------------------------------------------------- */

static uint32_t log_search_place(const struct query *query, const char *column)
{
	for (uint32_t i = 0; i < query->spec.n_select; i++)
		if (strcmp(query->select[i].column, column) == 0)
			return 1 + i;
	return 0;
}

/* Conditions on one column are alternatives, so with container= these would add to those. */
static bool log_search_can_name(const struct log_search *search, const struct query *query)
{
	for (uint32_t i = 0; i < query->spec.n_filters; i++)
		if (strcmp(query->filters[i].column, "container_id") == 0)
			return false;
	return search->containers.given && search->containers.n <= LOG_SEARCH_NAMED;
}

void log_search_filter(struct log_search *search, struct query *query)
{
	const struct tally_column *id = table_column(query->table, "container_id");
	const struct tally_column *message = table_column(query->table, "message");
	search->message = log_search_place(query, "message");
	search->id = log_search_place(query, "container_id");
	for (uint32_t i = 0; message && i < search->n_patterns; i++) {
		const char *literal = pattern_literal(search->patterns[i]);
		if (*literal)
			query_text(query, message, TALLY_CONTAINS, literal);
	}
	search->named = id && log_search_can_name(search, query);
	for (uint32_t i = 0; search->named && i < search->containers.n; i++)
		query_filter(query, id, TALLY_EQUALS, search->containers.ids[i]);
}

/* Whether rows have to be looked at here. */
static bool log_search_looks(const struct log_search *search)
{
	return search->n_patterns || (search->containers.given && !search->named);
}

bool log_search_is_needed(const struct log_search *search)
{
	return search->text || log_search_looks(search);
}

/* ---- One window ---------------------------------------------------------------- */

/* Of rows that are looked at here, a window has fewer. */
enum { LOG_SEARCH_ROWS = 5000 };

struct log_search_run {
	struct log_search *search;
	const struct log_search_sink *sink;
	int64_t until;     /* of this window */
	uint32_t n;        /* rows that the sink has */
	uint32_t seen;     /* rows of this window */
	int64_t last;      /* the time of the last of them */
	bool late, costly; /* until has passed; a pattern is too much for a row */
	bool answered;     /* some window is done */
	bool all;          /* the next window may have any number of rows */
};

/* 1: the row is one. */
static int log_search_passes(struct log_search_run *run, const struct tally_cell *row)
{
	const struct log_search *search = run->search;
	if (search->containers.given && !search->named &&
	    !container_set_has(&search->containers, &row[search->id]))
		return 0;
	const struct tally_cell *message = &row[search->message];
	for (uint32_t i = 0; i < search->n_patterns; i++) {
		int r = message->set
				? pattern_match(search->patterns[i], message->text, message->len)
				: 0;
		run->costly = r < 0;
		if (r <= 0)
			return 0;
	}
	return 1;
}

/* All rows are taken, also when there are enough: a query that is cut short costs a store more than
 * one that ends by itself. */
static int log_search_take(void *arg, const struct tally_batch *batch)
{
	struct log_search_run *run = arg;
	bool looks = log_search_looks(run->search);
	struct tally_batch one = *batch;
	int r = 0;
	one.n_rows = 1;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		one.cells = batch->cells + (size_t)i * batch->table->n_columns;
		run->seen++;
		run->last = one.cells[0].i;
		if (run->late || run->costly || (run->sink->most && run->n == run->sink->most))
			continue;
		if (looks && tally_monotonic(run->search->context->ctx) > run->until)
			run->late = true;
		else if (!looks || log_search_passes(run, one.cells)) {
			r = run->sink->take(run->sink->arg, &one);
			run->n++;
		}
	}
	return r;
}

static bool log_search_is_full(const struct log_search_run *run)
{
	return run->sink->most && run->n == run->sink->most;
}

/* 0; -ETIMEDOUT: it did not end in time; -E2BIG: it has too many rows; else a problem. */
static int log_search_window(struct log_search_run *run, struct query *query)
{
	uint32_t before = run->n, limit = (uint32_t)INT32_MAX;
	if (log_search_looks(run->search) && !run->all)
		limit = LOG_SEARCH_ROWS;
	else if (run->sink->most && !run->all)
		limit = run->sink->most - before;
	run->seen = 0;
	run->late = false;
	query->spec.deadline = run->until;
	query->spec.limit = limit;
	int r = query_stream(query, log_search_take, run);
	if (run->costly)
		return response_problem(run->search->context->builder, 400, "regex",
					"takes too many steps for a line that it was tried on: "
					"avoid repetitions within repetitions");
	if (r == 0 && run->late)
		r = -ETIMEDOUT;
	if (r == 0 && run->seen == limit && !log_search_is_full(run))
		r = -E2BIG;
	if (r == 0) {
		run->sink->keep(run->sink->arg);
		return 0;
	}
	run->n = before;
	run->sink->back(run->sink->arg);
	return r;
}

/* ---- All of them --------------------------------------------------------------- */

/* Cuts the next window off the range. */
static void log_search_cut(struct query *query, int64_t range[2], int64_t width)
{
	bool all = range[1] - range[0] <= width;
	bool newest_first = query->spec.newest_first;
	query->spec.from = newest_first && !all ? range[1] - width : range[0];
	query->spec.to = newest_first || all ? range[1] : range[0] + width;
	if (newest_first)
		range[1] = query->spec.from;
	else
		range[0] = query->spec.to;
}

/* A page that goes on after a row begins at that row's time. */
static void log_search_range(const struct query *query, int64_t ret[2])
{
	const struct tally_cell *after = query->spec.after;
	ret[0] = query->spec.from;
	ret[1] = query->spec.to;
	if (!after || !after->set || after->i < ret[0] || after->i >= ret[1])
		return;
	if (query->spec.newest_first)
		ret[1] = after->i + 1;
	else
		ret[0] = after->i;
}

/* Of the next window.  Longer only where few rows are: four times, or sixteen where a store knows
 * of whole stretches that they have no such line. */
static int64_t log_search_width(const struct log_search_run *run, int64_t width, int64_t took,
				int64_t whole)
{
	bool few = !log_search_looks(run->search) || run->seen < LOG_SEARCH_ROWS / 8;
	int64_t factor = took * 200 < whole ? 16 : 4;
	if (took * 20 < whole && few)
		return width < INT64_MAX / factor ? width * factor : width;
	return took * 5 > whole && width > 1 ? width / 2 : width;
}

/* Of the same again: up to before the last row that came, of which there may be more. */
static int64_t log_search_narrow(struct log_search_run *run, const struct query *query, int why)
{
	int64_t tried = query->spec.to - query->spec.from;
	if (why == -ETIMEDOUT)
		return tried / 16 + 1;
	int64_t width = query->spec.newest_first ? query->spec.to - (run->last + 1)
						 : run->last - query->spec.from;
	run->all = width < 1; /* so many rows of one time */
	return run->all ? 1 : width;
}

int log_search_run(struct log_search *search, struct query *query,
		   const struct log_search_sink *sink)
{
	struct context *context = search->context;
	struct log_search_run run = {.search = search, .sink = sink};
	int64_t range[2], width = LOG_SEARCH_FIRST, began = tally_monotonic(context->ctx);
	int64_t end = began + context->config->search_time;
	if (end > context->deadline - LOG_SEARCH_RESERVE)
		end = context->deadline - LOG_SEARCH_RESERVE;
	log_search_range(query, range);
	while (range[0] < range[1] && !log_search_is_full(&run)) {
		int64_t now = tally_monotonic(context->ctx), rest[2] = {range[0], range[1]};
		if (now >= end)
			break;
		run.until = now + (end - now) / 3 + CLOCK_MS;
		log_search_cut(query, range, width);
		int r = log_search_window(&run, query);
		if (r == 0) {
			run.all = false;
			run.answered = true;
			width = log_search_width(&run, width, tally_monotonic(context->ctx) - now,
						 end - began);
		} else if (r == -ETIMEDOUT || r == -E2BIG) {
			width = log_search_narrow(&run, query, r);
			memcpy(range, rest, sizeof(range));
		} else {
			return r;
		}
	}
	search->stopped = range[0] < range[1] && !log_search_is_full(&run);
	if (search->stopped && !run.answered)
		return -ETIMEDOUT;
	search->reached = query->spec.newest_first ? range[1] : range[0];
	return 0;
}
