/*
 * Percentiles of the readings of a container.  No rollup has them: of sums and extremes nobody can
 * tell how the values lay between.  So the rows themselves are read, and held against the count of
 * the values, which rollups keep for longer: where rows have been deleted since, there is no
 * percentile, and the request is refused rather than answered from what is left.  On a worker's
 * thread, behind series.c.
 */
#include "routes/series.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "query/catalog_cache.h"
#include "query/percentiles.h"

struct reading {
	struct series *series;
	const struct tally_column *columns[FIELDS_MAX]; /* each once */
	uint32_t n;
	uint16_t column_of[FIELDS_MAX]; /* of fields that are percentiles */
	struct percentiles values;
	uint32_t guess;
	uint32_t *by_id; /* subjects, by id */
};

static void reading_done(struct reading *reading)
{
	percentiles_done(&reading->values);
	free(reading->by_id);
}

static const double shares[] = {0.5, 0.95, 0.99}; /* as FIELD_P50 and so on */

static bool is_percentile(const struct series *series, uint32_t field)
{
	return field_is_percentile(series->fields.aggregates[field]);
}

static void reading_find_columns(struct reading *reading)
{
	const struct fields *fields = &reading->series->fields;
	for (uint32_t i = 0; i < fields->n; i++) {
		uint16_t c = 0;
		if (!is_percentile(reading->series, i))
			continue;
		while (c < reading->n && reading->columns[c] != fields->columns[i])
			c++;
		if (c == reading->n)
			reading->columns[reading->n++] = fields->columns[i];
		reading->column_of[i] = c;
	}
}

/* How many values there are to read, as the counts say. */
static uint64_t reading_size(const struct reading *reading)
{
	const struct series *series = reading->series;
	uint64_t n = 0;
	size_t slots = (size_t)series->window->points * series->n_subjects;
	for (uint32_t c = 0; c < reading->n; c++) {
		uint32_t field = 0;
		while (!is_percentile(series, field) || reading->column_of[field] != c)
			field++;
		for (size_t i = 0; i < slots; i++)
			n += series->slots[i] ? (uint64_t)series->slots[i][field].i : 0;
	}
	return n;
}

/* ---- Rows ---------------------------------------------------------------- */

enum { READING_TIME, READING_HOST, READING_ID, READING_VALUES };

/* What was looked up is known by its id, as the store groups it; what was found is of a host. */
static int compare_subject(const struct series *series, const struct series_subject *subject,
			   const struct tally_cell *host, const struct tally_cell *id)
{
	int order = cell_compare(&subject->id, id);
	return order || series->kind != SERIES_FOUND ? order : cell_compare(&subject->host, host);
}

static int compare_ids(const void *left, const void *right, void *arg)
{
	const struct series *series = arg;
	const struct series_subject *b = &series->subjects[*(const uint32_t *)right];
	return compare_subject(series, &series->subjects[*(const uint32_t *)left], &b->host,
			       &b->id);
}

static int reading_sort_subjects(struct reading *reading)
{
	struct series *series = reading->series;
	reading->by_id = calloc(series->n_subjects + 1, sizeof(*reading->by_id));
	if (!reading->by_id)
		return response_unavailable(series->context->builder, "out of memory");
	for (uint32_t i = 0; i < series->n_subjects; i++)
		reading->by_id[i] = i;
	qsort_r(reading->by_id, series->n_subjects, sizeof(*reading->by_id), compare_ids, series);
	return 0;
}

/* Of one moment rows come by id, so the one after the last is a good guess. */
static bool reading_subject(struct reading *reading, const struct tally_cell *row, uint32_t *ret)
{
	const struct series *series = reading->series;
	uint32_t low = 0, high = series->n_subjects;
	uint32_t at = reading->guess < high ? reading->guess : 0;
	int order = 1;
	while (low < high) {
		order = compare_subject(series, &series->subjects[reading->by_id[at]],
					&row[READING_HOST], &row[READING_ID]);
		if (order == 0)
			break;
		if (order < 0)
			low = at + 1;
		else
			high = at;
		at = low + (high - low) / 2;
	}
	*ret = order == 0 ? reading->by_id[at] : 0;
	reading->guess = at + 1;
	return order == 0;
}

/* Infinite is what JSON has no word for, as it has none for what is not a number. */
static double value_of(const struct tally_cell *cell, uint16_t type)
{
	double value = type == TALLY_REAL ? cell->f : (double)cell->i;
	return isnan(value) ? INFINITY : value;
}

static int reading_take(void *arg, const struct tally_batch *batch)
{
	struct reading *reading = arg;
	const struct window *window = reading->series->window;
	if (batch->table->n_columns != READING_VALUES + reading->n)
		return -EPROTO;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * batch->table->n_columns;
		uint32_t subject;
		if (row[READING_TIME].i < window->from || row[READING_TIME].i >= window->to ||
		    !reading_subject(reading, row, &subject))
			continue;
		uint32_t point = window_point(window, row[READING_TIME].i);
		uint32_t slot = (subject * window->points + point) * reading->n;
		for (uint32_t c = 0; c < reading->n; c++) {
			const struct tally_cell *cell = &row[READING_VALUES + c];
			uint16_t type = batch->table->columns[READING_VALUES + c].type;
			int r = cell->set ? percentiles_add(&reading->values, slot + c,
							    value_of(cell, type))
					  : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* So many containers at a time as fit into the filters of a query. */
enum { READING_AT_ONCE = 100 };

static int reading_ask(struct reading *reading)
{
	struct series *series = reading->series;
	const struct tally_column *id = table_column(series->table, "container_id");
	struct query query;
	int r = 0;
	query_init(&query, series->context, series->table);
	query_select(&query, table_column(series->table, "host"), TALLY_RAW);
	query_select(&query, id, TALLY_RAW);
	for (uint32_t c = 0; c < reading->n; c++)
		query_select(&query, reading->columns[c], TALLY_RAW);
	query.spec.from = series->window->from;
	query.spec.to = series->window->to;
	query.spec.limit = PERCENTILES_MAX_VALUES;
	for (uint32_t i = 0; r == 0 && i < series->n_subjects;) {
		query.spec.n_filters = 0;
		for (uint32_t k = 0; k < READING_AT_ONCE && i < series->n_subjects; k++)
			query_filter(&query, id, TALLY_EQUALS, &series->subjects[i++].id);
		r = query_stream(&query, reading_take, reading);
	}
	return r == -ETIMEDOUT ? query_timed_out(series->context) : r;
}

/* ---- Filling ------------------------------------------------------------- */

static int refuse_deleted(const struct series *series, size_t point)
{
	char time[RFC3339_SIZE];
	size_t len = rfc3339_format(window_begin(series->window, (uint32_t)point), time);
	return response_problem(
		series->context->builder, 400, "agg",
		"percentiles are made of the readings themselves, and not all of those of the "
		"point %.*s are kept any more: take a later from, or avg, min and max",
		(int)len, time);
}

/* One slot: counts become percentiles.  -EINVAL: rows of it are gone. */
static int reading_fill(const struct reading *reading, const struct tally_cell *row, size_t slot,
			struct tally_cell *ret)
{
	const struct fields *fields = &reading->series->fields;
	memcpy(ret, row, fields->n * sizeof(*ret));
	for (uint32_t i = 0; i < fields->n; i++) {
		const struct percentile_value *first;
		if (!field_is_percentile(fields->aggregates[i]))
			continue;
		size_t n = percentiles_find(&reading->values,
					    (uint32_t)slot * reading->n + reading->column_of[i],
					    &first);
		if (n < (uint64_t)row[i].i)
			return -EINVAL;
		ret[i] = (struct tally_cell){.set = n > 0};
		if (n)
			ret[i].f =
				percentile_of(first, n, shares[fields->aggregates[i] - FIELD_P50]);
	}
	return 0;
}

static int reading_fill_all(struct reading *reading)
{
	struct series *series = reading->series;
	size_t points = series->window->points, n = points * series->n_subjects;
	series->cells = calloc(n * series->fields.n + 1, sizeof(*series->cells));
	if (!series->cells)
		return response_unavailable(series->context->builder, "out of memory");
	percentiles_sort(&reading->values);
	for (size_t i = 0; i < n; i++) {
		struct tally_cell *cells = series->cells + i * series->fields.n;
		if (!series->slots[i])
			continue;
		if (reading_fill(reading, series->slots[i], i, cells) < 0)
			return refuse_deleted(series, i % points);
		series->slots[i] = cells;
	}
	for (uint32_t i = 0; i < series->fields.n; i++)
		if (is_percentile(series, i))
			series->types[i] = TALLY_REAL;
	return 0;
}

int series_fill_percentiles(struct series *series)
{
	struct reading reading __attribute__((cleanup(reading_done))) = {.series = series};
	reading_find_columns(&reading);
	if (reading.n == 0)
		return 0;
	uint64_t size = reading_size(&reading);
	if (size > PERCENTILES_MAX_VALUES)
		return response_problem(series->context->builder, 400, "agg",
					"percentiles of %llu values, of which %d can be read at a "
					"time: take a shorter range, or fewer fields or containers",
					(unsigned long long)size, PERCENTILES_MAX_VALUES);
	int r = reading_sort_subjects(&reading);
	if (r == 0)
		r = reading_ask(&reading);
	return r < 0 ? r : reading_fill_all(&reading);
}
