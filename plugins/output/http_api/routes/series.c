/*
 * Readings on a grid of time: query the store, put each row in its slot, write.  On
 * a worker's thread.  series_write.c writes what is here in four formats.
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

static void series_done(struct series *series)
{
	result_set_done(&series->rows);
	free(series->slots);
}

/* ---- Asking -------------------------------------------------------------- */

/* Fields, then the time of the newest reading in each bucket.  Several EQUALS on one column are
 * alternatives, so any number of containers is one query. */
static int series_query(struct series *series, const struct tally_table *table)
{
	const struct tally_column *id = table_column(table, "container_id");
	struct query query;
	query_init(&query, series->context, table);
	for (uint32_t i = 0; i < series->n_containers; i++)
		query_text(&query, id, TALLY_EQUALS, series->containers[i].id);
	query.spec.from = series->window->from;
	query.spec.to = series->window->to;
	query.spec.bucket = series->window->step;
	query.spec.limit = series->window->points * series->n_containers;
	if (series->many)
		query_group(&query, table_column(table, "container_id"));
	series->first = 1 + query.spec.n_group_by;
	fields_select(&series->fields, &query);
	query_select(&query, &table->columns[0], TALLY_LAST);
	return query_run(&query, &series->rows);
}

/* Stores align buckets to whole steps since 1970, as window_set_grid() does; a row outside is one
 * whose store disagrees, and is left out rather than put at a wrong time. */
static int series_place(struct series *series)
{
	const struct window *window = series->window;
	series->slots =
		calloc((size_t)window->points * series->n_containers, sizeof(*series->slots));
	if (!series->slots)
		return response_unavailable(series->context->builder, "out of memory");
	for (uint32_t i = 0; i < series->rows.n_rows; i++) {
		const struct tally_cell *row = result_set_row(&series->rows, i);
		if (row[0].i < window->from || row[0].i >= window->to)
			continue;
		size_t point = (size_t)((row[0].i - window->from) / window->step);
		/* Rows come by time, so no order helps to find their container; there are at most
		 * 100, and a series of one has no column that says which. */
		uint32_t container = 0;
		while (series->many && container + 1 < series->n_containers &&
		       !cell_equals(&row[1], series->containers[container].id))
			container++;
		series->slots[(size_t)container * window->points + point] = row + series->first;
	}
	return 0;
}

int series_answer(struct context *context, const struct container *containers, uint32_t n,
		  bool many)
{
	struct series series
		__attribute__((cleanup(series_done))) = {.context = context,
							 .window = &context->args->window,
							 .containers = containers,
							 .n_containers = n,
							 .many = many};
	int64_t max = context->config->max_results_per_query;
	const struct tally_table *table;
	int r = context_table(context, "container_stats", &table);
	if (r == 0 && (!table || !table_column(table, "container_id")))
		r = response_problem(
			context->builder, 404, NULL,
			"the store has no table container_stats yet: no readings have been stored");
	if (r == 0)
		r = fields_read(context, table, &series.fields);
	if (r == 0 && n > 1 && (int64_t)series.window->points * n > max)
		r = response_problem(context->builder, 400, "step",
				     "too many results: %u points of %u containers, together over "
				     "%lld; take a larger step, a shorter range or fewer ids",
				     series.window->points, n, (long long)max);
	if (r == 0)
		r = series_query(&series, table);
	if (r == 0)
		r = series_place(&series);
	if (r < 0)
		return r;
	/* A row has the time at which its bucket begins; its last column is when the newest
	 * reading in it was taken. */
	uint32_t last = series.rows.n_columns - 1;
	for (uint32_t i = 0; i < series.rows.n_rows; i++) {
		int64_t newest = result_set_row(&series.rows, i)[last].i;
		series.newest = newest > series.newest ? newest : series.newest;
	}
	series_write(&series);
	return 0;
}
