/*
 * Readings on a grid of time: query the store, put each row in its slot, write.  On
 * a worker's thread.
 *
 * Rows do not come for every point: the store leaves out buckets without readings.  So the grid is
 * laid out first, and a slot without a row stays NULL and is written as null.  points * containers
 * is bounded by max_results_per_query before anything is allocated.
 */
#include "routes/series.h"

#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/catalog_cache.h"

void series_done(struct series *series)
{
	result_set_done(&series->rows);
	free(series->slots);
	free(series->cells);
	free(series->subjects);
}

int series_open(struct series *series, enum fields_of of)
{
	struct context *context = series->context;
	series->window = &context->args->window;
	int r = context_table(context, "container_stats", &series->table);
	if (r < 0)
		return r;
	if (!series->table || !table_column(series->table, "container_id") ||
	    !table_column(series->table, "host"))
		return response_problem(
			context->builder, 404, NULL,
			"the store has no table container_stats yet: no readings have been stored");
	return fields_read(context, series->table, of, &series->fields);
}

/* n: of containers or groups. */
int series_check_size(const struct series *series, uint64_t n)
{
	const struct context *context = series->context;
	uint64_t results = series->window->points * n, max;
	const char *what = series->kind == SERIES_GROUPS ? "groups" : "containers";
	max = (uint64_t)context->config->max_results_per_query;
	if (n > 1 && results > max)
		return response_problem(context->builder, 400, "step",
					"too many results: %u points of %llu %s, together over "
					"%llu; take a larger step, a shorter range or fewer %s",
					series->window->points, (unsigned long long)n, what,
					(unsigned long long)max,
					series->kind == SERIES_MANY ? "ids" : what);
	if (results * series->fields.n > SERIES_MAX_CELLS)
		return response_problem(context->builder, 400, "fields",
					"too many results: %u columns of %llu points; take fewer "
					"fields or aggregates, or a larger step",
					series->fields.n, (unsigned long long)results);
	return 0;
}

/* ---- Asking -------------------------------------------------------------- */

/* Fields, then the time of the newest reading in each bucket.  MAX, since a store does not roll up
 * what is asked for nothing but the last values of one bucket. */
static void series_select(struct series *series, struct query *query)
{
	const struct tally_table *table = series->table;
	query->spec.from = series->window->from;
	query->spec.to = series->window->to;
	query->spec.bucket = series->window->step;
	query->spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	if (series->kind == SERIES_FOUND)
		query_group(query, table_column(table, "host"));
	if (series->kind != SERIES_ONE)
		query_group(query, table_column(table, "container_id"));
	series->first = 1 + query->spec.n_group_by;
	fields_select(&series->fields, query);
	query_select(query, &table->columns[0], TALLY_MAX);
	result_set_init(&series->rows, 1 + query->spec.n_group_by + query->spec.n_select);
}

static int series_run_more(struct query *query, void *arg)
{
	return query_run_more(query, arg);
}

static int series_run(struct query *query, void *arg)
{
	return query_each_point(query, series_run_more, arg);
}

/* Several EQUALS on one column are alternatives, so any number of containers is one query. */
static int series_query(struct series *series)
{
	const struct tally_column *id = table_column(series->table, "container_id");
	struct query query;
	query_init(&query, series->context, series->table);
	for (uint32_t i = 0; i < series->n_subjects; i++)
		query_filter(&query, id, TALLY_EQUALS, &series->subjects[i].id);
	series_select(series, &query);
	return series_run(&query, &series->rows);
}

static int series_query_found(struct series *series, const struct container_groups *groups)
{
	struct query query;
	query_init(&query, series->context, series->table);
	series_select(series, &query);
	int r = container_groups_filter(&query);
	return r < 0 ? r : container_groups_each(groups, &query, series_run, &series->rows);
}

/* ---- Whose rows they are ------------------------------------------------- */

/* Where a row of containers that were found has its tags. */
enum { FOUND_HOST = 1, FOUND_ID };

static int compare_subjects(const void *left, const void *right)
{
	const struct series_subject *a = left, *b = right;
	int order = cell_compare(&a->host, &b->host);
	return order ? order : cell_compare(&a->id, &b->id);
}

/* Those of the rows, each once, by host and id. */
static int series_find_subjects(struct series *series, const struct container_groups *groups)
{
	uint32_t n = 0;
	struct series_subject *all = calloc(series->rows.n_rows + 1, sizeof(*all));
	series->subjects = all;
	if (!all)
		return response_unavailable(series->context->builder, "out of memory");
	for (uint32_t i = 0; i < series->rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&series->rows, i);
		all[i] = (struct series_subject){.host = row[FOUND_HOST], .id = row[FOUND_ID]};
	}
	qsort(all, series->rows.n_rows, sizeof(*all), compare_subjects);
	for (uint32_t i = 0; i < series->rows.n_rows; i++)
		if (n == 0 || compare_subjects(&all[n - 1], &all[i]) != 0)
			all[n++] = all[i];
	series->n_subjects = n;
	for (uint32_t i = 0; i < n; i++) {
		const struct tally_cell *name =
			container_groups_find(groups, GROUP_CONTAINER, &all[i].host, &all[i].id);
		all[i].containers = 1;
		if (name)
			all[i].name = all[i].group = *name;
	}
	return 0;
}

/* Rows come by time; of those found, each moment in the same order, so the next is a good guess. */
static uint32_t series_subject_of(const struct series *series, const struct tally_cell *row,
				  uint32_t guess)
{
	struct series_subject key;
	uint32_t i = 0;
	if (series->kind == SERIES_ONE)
		return 0;
	if (series->kind == SERIES_MANY) {
		while (i + 1 < series->n_subjects &&
		       cell_compare(&row[1], &series->subjects[i].id) != 0)
			i++;
		return i;
	}
	key = (struct series_subject){.host = row[FOUND_HOST], .id = row[FOUND_ID]};
	if (guess < series->n_subjects && compare_subjects(&key, &series->subjects[guess]) == 0)
		return guess;
	const struct series_subject *found =
		bsearch(&key, series->subjects, series->n_subjects, sizeof(key), compare_subjects);
	return found ? (uint32_t)(found - series->subjects) : 0;
}

/* Stores align buckets to whole steps since 1970, as window_set_steps() does; a row outside is one
 * whose store disagrees, and is left out rather than put at a wrong time. */
static int series_place(struct series *series)
{
	const struct window *window = series->window;
	uint32_t subject = 0, last = series->rows.n_columns - 1;
	series->slots =
		calloc((size_t)window->points * series->n_subjects + 1, sizeof(*series->slots));
	if (!series->slots)
		return response_unavailable(series->context->builder, "out of memory");
	for (uint32_t i = 0; i < series->rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&series->rows, i);
		if (row[0].i < window->from || row[0].i >= window->to)
			continue;
		size_t point = window_point(window, row[0].i);
		subject = series_subject_of(series, row, subject + 1);
		series->slots[(size_t)subject * window->points + point] = row + series->first;
		/* A row has the time at which its bucket begins; its last column is when the
		 * newest reading in it was taken. */
		series->newest = row[last].i > series->newest ? row[last].i : series->newest;
	}
	for (uint32_t i = 0; i < series->fields.n; i++)
		series->types[i] = series->rows.types[series->first + i];
	snprintf(series->source, sizeof(series->source), "%s", series->rows.source);
	return 0;
}

/* ---- Answering ----------------------------------------------------------- */

static struct tally_cell text_cell(const char *text)
{
	return (struct tally_cell){.text = text, .len = (uint32_t)strlen(text), .set = 1};
}

int series_answer(struct context *context, const struct container *containers, uint32_t n,
		  bool many)
{
	struct series series auto_series = {.context = context,
					    .kind = many ? SERIES_MANY : SERIES_ONE};
	series.subjects = calloc(n, sizeof(*series.subjects));
	if (!series.subjects)
		return response_unavailable(context->builder, "out of memory");
	for (uint32_t i = 0; i < n; i++)
		series.subjects[i] = (struct series_subject){.host = text_cell(containers[i].host),
							     .id = text_cell(containers[i].id),
							     .name = text_cell(containers[i].name)};
	series.n_subjects = n;
	int r = series_open(&series, FIELDS_OF_ROWS);
	if (r == 0)
		r = series_check_size(&series, n);
	if (r == 0)
		r = series_query(&series);
	if (r == 0)
		r = series_place(&series);
	if (r == 0)
		r = series_fill_percentiles(&series);
	if (r == 0)
		series_write(&series);
	return r;
}

/* Every container a group of its own: nothing is to be put together. */
static int series_write_found(struct series *series, const struct container_groups *groups)
{
	int r = series_query_found(series, groups);
	if (r == 0)
		r = series_find_subjects(series, groups);
	if (r == 0)
		r = series_check_size(series, series->n_subjects);
	if (r == 0)
		r = series_place(series);
	if (r == 0)
		r = series_fill_percentiles(series);
	if (r == 0)
		series_write(series);
	return r;
}

int series_answer_groups(struct context *context, enum group_by by, const struct container *named,
			 uint32_t n_named)
{
	bool found = by == GROUP_CONTAINER;
	struct container_groups groups auto_container_groups = {.n = 0};
	struct series series auto_series = {
		.context = context, .kind = found ? SERIES_FOUND : SERIES_GROUPS, .by = by};
	int r = series_open(&series, found ? FIELDS_OF_CONTAINERS : FIELDS_OF_GROUPS);
	if (r == 0)
		r = series_check_size(&series, 1);
	if (r == 0)
		r = container_groups_read(context, by, named, n_named, &groups);
	if (r < 0)
		return r;
	return found ? series_write_found(&series, &groups) : series_write_groups(&series, &groups);
}
