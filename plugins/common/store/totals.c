/*
 * One aggregate query from its select list to its answer, the same for every store: the store feeds
 * rows or rollups into the aggregator, this makes rows of what comes out.  On the query's thread,
 * for one query. Fields that are selected several times are summed once.  What can fail is memory,
 * and the bounds of the aggregator.
 */
#include "store/totals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/rollup_parts.h"

enum { TOTALS_FIRST_ROWS = 64 };

static const struct tally_column *totals_column(const struct totals *totals, uint32_t f)
{
	return &totals->bound->stored->table.columns[totals->columns[f]];
}

static uint32_t totals_field(struct totals *totals, uint16_t column)
{
	uint32_t f = 0;
	/* Mostly it is one more than there were before. */
	if (totals->aggregator.n_fields && column > totals->most)
		f = totals->aggregator.n_fields;
	while (f < totals->aggregator.n_fields && totals->columns[f] != column)
		f++;
	if (f == totals->aggregator.n_fields) {
		const struct tally_column *c = &totals->bound->stored->table.columns[column];
		bool counter = c->role == TALLY_COUNTER && catalog_is_number(c);
		totals->fields[f] = (struct aggregator_field){.type = c->type, .counter = counter};
		totals->columns[f] = column;
		totals->most = column > totals->most ? column : totals->most;
		totals->aggregator.n_fields++;
	}
	return f;
}

/* ---- Rows of the answer ---------------------------------------------------------- */

static int totals_reserve(struct totals *totals)
{
	if (totals->n_rows < totals->rows_size)
		return 0;
	size_t size = totals->rows_size ? 2 * (size_t)totals->rows_size : TOTALS_FIRST_ROWS;
	size_t n_select = totals->bound->query->n_select;
	struct totals_place *places = realloc(totals->places, size * sizeof(*places));
	totals->places = places ? places : totals->places;
	struct tally_cell *cells = realloc(totals->cells, size * n_select * sizeof(*cells));
	totals->cells = cells ? cells : totals->cells;
	if (!places || !cells)
		return tally_fail(totals->result->ctx, ENOMEM, "no memory");
	totals->rows_size = (uint32_t)size;
	return 0;
}

/* Makes a row of a bucket. */
static int totals_add(void *arg, struct aggregator_bucket *bucket)
{
	struct totals *totals = arg;
	const struct tally_query *query = totals->bound->query;
	int r = totals_reserve(totals);
	if (r < 0)
		return r;
	struct tally_cell *cells = totals->cells + (size_t)totals->n_rows * query->n_select;
	for (uint32_t i = 0; i < query->n_select; i++)
		cells[i] =
			bound_query_is_newest(totals->bound, i)
				? (struct tally_cell){.i = bucket->newest, .set = 1}
				: aggregator_value(&totals->aggregator, bucket, totals->field_of[i],
						   query->select[i].aggregate);
	int64_t time = totals->aggregator.bucket ? bucket->start : bucket->newest;
	totals->places[totals->n_rows] = (struct totals_place){time, bucket->group, totals->n_rows};
	totals->n_rows++;
	return 0;
}

int totals_newest(struct totals *totals, uint32_t group, int64_t time, struct tally_cell **ret)
{
	struct totals_place *last = totals->n_rows ? &totals->places[totals->n_rows - 1] : NULL;
	if (last && last->group == group && time < last->time)
		return 0;
	if (!last || last->group != group) {
		int r = aggregator_count(&totals->aggregator);
		if (r == 0)
			r = totals_reserve(totals);
		if (r < 0)
			return r;
		last = &totals->places[totals->n_rows];
		*last = (struct totals_place){.group = group, .row = totals->n_rows++};
	}
	last->time = time;
	*ret = totals->cells + (size_t)last->row * totals->bound->query->n_select;
	return 0;
}

static int totals_by_time_and_group(const void *left, const void *right)
{
	const struct totals_place *a = left, *b = right;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return (a->group > b->group) - (a->group < b->group);
}

/* ---- Beginning and end ----------------------------------------------------------- */

void totals_init(struct totals *totals, const struct bound_query *bound, struct result *result)
{
	const struct tally_query *query = bound->query;
	totals->bound = bound;
	totals->result = result;
	totals->rates = totals->texts = false;
	totals->most = 0;
	totals->newest = query->bucket == 0;
	totals->places = NULL;
	totals->cells = NULL;
	totals->n_rows = totals->rows_size = 0;
	aggregator_init(&totals->aggregator, result->ctx, totals->fields, 0, query->bucket,
			query->limit);
	totals->aggregator.complete = totals_add;
	totals->aggregator.complete_arg = totals;
	for (uint32_t i = 0; i < query->n_select; i++) {
		if (bound_query_is_newest(bound, i)) {
			totals->newest = true;
			continue;
		}
		uint32_t f = totals_field(totals, bound->select[i]);
		totals->field_of[i] = f;
		totals->fields[f].parts |= schema_parts_of(query->select[i].aggregate) &
					   schema_all_parts(totals_column(totals, f));
		totals->newest |= query->select[i].aggregate == TALLY_LAST;
		totals->rates |= query->select[i].aggregate == TALLY_RATE;
		totals->texts |= !catalog_is_number(totals_column(totals, f));
	}
}

void totals_done(struct totals *totals)
{
	aggregator_done(&totals->aggregator);
	free(totals->places);
	free(totals->cells);
}

/* ---- Answering ------------------------------------------------------------------- */

static int totals_row(struct totals *totals, const struct totals_place *place,
		      totals_group_fn *put_group, void *arg)
{
	const struct tally_query *query = totals->bound->query;
	const struct tally_cell *cells = totals->cells + (size_t)place->row * query->n_select;
	struct tally_cell *row = NULL;
	int r = result_row(totals->result, &row);
	if (r != 0)
		return r;
	tally_put_int(row, 0, place->time);
	r = put_group(arg, row, place->group);
	if (r == 0 && !totals->texts)
		memcpy(row + 1 + query->n_group_by, cells, query->n_select * sizeof(*cells));
	for (uint32_t i = 0; r == 0 && totals->texts && i < query->n_select; i++)
		r = result_put(totals->result, row, 1 + query->n_group_by + i, &cells[i]);
	return r;
}

int totals_answer(struct totals *totals, totals_group_fn *put_group, void *arg)
{
	const struct aggregator *aggregator = &totals->aggregator;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < aggregator->n_buckets; i++)
		r = totals_add(totals, aggregator->buckets[i]);
	/* A group has one bucket at a time, so no two rows are equal. */
	if (r == 0 && totals->n_rows > 1)
		qsort(totals->places, totals->n_rows, sizeof(*totals->places),
		      totals_by_time_and_group);
	for (uint32_t i = 0; r == 0 && i < totals->n_rows; i++) {
		bool back = totals->bound->query->newest_first != 0;
		r = totals_row(totals, &totals->places[back ? totals->n_rows - 1 - i : i],
			       put_group, arg);
	}
	return r == 0 ? result_finish(totals->result) : r;
}
