/*
 * Groups of containers on a grid of time: what the containers of each add up to.  On a worker's
 * thread, behind series.c.
 *
 * In two steps, in this order, since otherwise a container that is read twice as often would count
 * twice.  Over time the store makes one value of each container's readings in a bucket, from
 * whichever rollup has them: the average, the smallest, the largest; of a counter its rate.  Over
 * the containers of a group they are put together here, as the rows come.  A container without a
 * reading in a bucket has no row there and does not count; 0 is a value.  To a sum a container adds
 * for the part of the bucket in which it existed: of two, one of which took the place of the other,
 * both would count in full otherwise, as if they had run side by side.
 *
 * Which group a container is in is looked up when it is first met.  Memory: a cell for every field,
 * point and group; for percentiles a value for every field, point and container.  Both are bounded.
 */
#include "routes/series.h"

#include "base/cleanup.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "query/catalog_cache.h"
#include "query/percentiles.h"

struct group {
	struct series_subject subject;
	struct tally_cell *cells; /* [point][field]; what they hold at first see fold_add() */
};

struct member {
	struct tally_cell host, id;
	char *text;           /* of both */
	int64_t began, ended; /* ns */
	uint32_t group;
};

struct fold {
	struct series *series;
	const struct container_groups *known;
	struct fields asked;            /* of the store: each once */
	uint16_t column_of[FIELDS_MAX]; /* of the series' fields, among those asked */
	struct percentiles values;      /* their slots: group, point, field */
	struct group *groups;
	uint32_t n_groups;
	struct member *members; /* by host and id */
	uint32_t n_members, guess;
	bool too_many;
};

static void fold_done(struct fold *fold)
{
	for (uint32_t i = 0; i < fold->n_groups; i++)
		free(fold->groups[i].cells);
	for (uint32_t i = 0; i < fold->n_members; i++)
		free(fold->members[i].text);
	free(fold->groups);
	free(fold->members);
	percentiles_done(&fold->values);
}

/* ---- What the store is asked for ----------------------------------------- */

static uint32_t over_time(const struct tally_column *column, uint32_t aggregate)
{
	if (column->role == TALLY_COUNTER)
		return TALLY_RATE;
	return aggregate == TALLY_MIN || aggregate == TALLY_MAX ? aggregate : TALLY_AVG;
}

static void fold_find_columns(struct fold *fold)
{
	const struct fields *fields = &fold->series->fields;
	struct fields *asked = &fold->asked;
	for (uint32_t i = 0; i < fields->n; i++) {
		uint32_t aggregate = over_time(fields->columns[i], fields->aggregates[i]);
		uint16_t c = 0;
		while (c < asked->n && (asked->columns[c] != fields->columns[i] ||
					asked->aggregates[c] != aggregate))
			c++;
		if (c == asked->n) {
			asked->columns[c] = fields->columns[i];
			asked->aggregates[c] = (uint16_t)aggregate;
			asked->n++;
		}
		fold->column_of[i] = c;
		/* An extreme is a stored value, everything else is divided or added. */
		fold->series->types[i] = aggregate == TALLY_MIN || aggregate == TALLY_MAX
						 ? fields->columns[i]->type
						 : TALLY_REAL;
	}
}

/* ---- Whose row it is ----------------------------------------------------- */

/* Where a row has its tags; the fields come after them, and the time of the newest reading. */
enum { FOLD_TIME, FOLD_HOST, FOLD_ID, FOLD_FIELDS };

static bool same_group(const struct tally_cell *a, const struct tally_cell *b)
{
	return cell_compare(a, b) == 0;
}

static int fold_add_group(struct fold *fold, const struct tally_cell *name, uint32_t *ret)
{
	const struct series *series = fold->series;
	size_t cells = (size_t)series->window->points * series->fields.n;
	size_t results = (size_t)series->window->points * (fold->n_groups + 1);
	fold->too_many = results * series->fields.n > SERIES_MAX_CELLS ||
			 (fold->n_groups > 0 &&
			  results > (size_t)series->context->config->max_results_per_query);
	if (fold->too_many)
		return -E2BIG;
	struct group *groups = realloc(fold->groups, (fold->n_groups + 1) * sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	fold->groups = groups;
	groups[fold->n_groups] =
		(struct group){.cells = calloc(cells + 1, sizeof(struct tally_cell))};
	if (!groups[fold->n_groups].cells)
		return -ENOMEM;
	groups[fold->n_groups].subject.group = *name;
	*ret = fold->n_groups++;
	return 0;
}

/* O(groups), once for each container. */
static int fold_find_group(struct fold *fold, const struct member *member, uint32_t *ret)
{
	static const struct tally_cell unknown = {.set = 0};
	const struct tally_cell *name =
		container_groups_find(fold->known, fold->series->by, &member->host, &member->id);
	if (!name || !name->set)
		name = &unknown;
	uint32_t i = 0;
	int r = 0;
	while (i < fold->n_groups && !same_group(&fold->groups[i].subject.group, name))
		i++;
	if (i == fold->n_groups)
		r = fold_add_group(fold, name, &i);
	if (r == 0)
		fold->groups[i].subject.containers++;
	*ret = i;
	return r;
}

static int compare_member(const struct member *member, const struct tally_cell *row)
{
	int order = cell_compare(&member->host, &row[FOLD_HOST]);
	return order ? order : cell_compare(&member->id, &row[FOLD_ID]);
}

/* A row's texts are on loan; a group of a host bears the member's copy as its name. */
static int fold_copy_member(const struct tally_cell *row, struct member *ret)
{
	uint32_t host = row[FOLD_HOST].set ? row[FOLD_HOST].len : 0;
	uint32_t id = row[FOLD_ID].set ? row[FOLD_ID].len : 0;
	*ret = (struct member){.text = malloc((size_t)host + id + 1)};
	if (!ret->text)
		return -ENOMEM;
	if (host)
		memcpy(ret->text, row[FOLD_HOST].text, host);
	if (id)
		memcpy(ret->text + host, row[FOLD_ID].text, id);
	ret->host = (struct tally_cell){.text = ret->text, .len = host, .set = row[FOLD_HOST].set};
	ret->id = (struct tally_cell){.text = ret->text + host, .len = id, .set = row[FOLD_ID].set};
	return 0;
}

static int fold_add_member(struct fold *fold, const struct tally_cell *row, uint32_t at)
{
	struct member member;
	struct member *members = realloc(fold->members, (fold->n_members + 1) * sizeof(*members));
	if (!members)
		return -ENOMEM;
	fold->members = members;
	int r = fold_copy_member(row, &member);
	if (r < 0)
		return r;
	memmove(members + at + 1, members + at, (fold->n_members - at) * sizeof(*members));
	container_groups_life(fold->known, &member.host, &member.id, &member.began, &member.ended);
	members[at] = member;
	fold->n_members++;
	return fold_find_group(fold, &member, &members[at].group);
}

/* Rows of a bucket come by host and id, so the next is a good guess. */
static int fold_find_member(struct fold *fold, const struct tally_cell *row,
			    const struct member **ret)
{
	uint32_t low = 0, high = fold->n_members, at = fold->guess < high ? fold->guess : 0;
	int order = 1, r = 0;
	while (low < high) {
		order = compare_member(&fold->members[at], row);
		if (order == 0)
			break;
		if (order < 0)
			low = at + 1;
		else
			high = at;
		at = low + (high - low) / 2;
	}
	if (order != 0)
		r = fold_add_member(fold, row, at = low);
	fold->guess = at + 1;
	*ret = &fold->members[at];
	return r;
}

/* ---- Adding -------------------------------------------------------------- */

static bool is_less(const struct tally_cell *a, const struct tally_cell *b, uint16_t type)
{
	return type == TALLY_REAL ? a->f < b->f : a->i < b->i;
}

/* In which part of the point it existed.  One that has a reading there, but by other clocks was not
 * there, counts in full. */
static double share_of_point(const struct series *series, const struct member *member,
			     uint32_t point)
{
	int64_t from = window_begin(series->window, point), now = series->context->now;
	int64_t to = window_begin(series->window, point + 1);
	to = to < now ? to : now;
	int64_t began = member->began > from ? member->began : from;
	int64_t ended = member->ended < to ? member->ended : to;
	return began < ended ? (double)(ended - began) / (double)(to - from) : 1;
}

/* Until the end a cell of a sum or an average holds the sum, and how many values are in it in
 * `len`, which numbers do not use. */
static void fold_add(struct tally_cell *cell, uint32_t aggregate, uint16_t type,
		     const struct tally_cell *value, double share)
{
	switch (aggregate) {
	case TALLY_MIN:
		if (!cell->set || is_less(value, cell, type))
			*cell = *value;
		break;
	case TALLY_MAX:
		if (!cell->set || is_less(cell, value, type))
			*cell = *value;
		break;
	default:
		cell->f += aggregate == TALLY_SUM ? value->f * share : value->f;
		cell->len++;
		cell->set = 1;
	}
}

static int fold_row(struct fold *fold, const struct tally_cell *row)
{
	struct series *series = fold->series;
	const struct window *window = series->window;
	const struct fields *fields = &series->fields;
	const struct member *member;
	int r = fold_find_member(fold, row, &member);
	if (r < 0)
		return r;
	uint32_t point = window_point(window, row[FOLD_TIME].i), number = member->group;
	double share = share_of_point(series, member, point);
	struct tally_cell *cells = fold->groups[number].cells + (size_t)point * fields->n;
	uint32_t slot = (uint32_t)((number * (size_t)window->points + point) * fields->n);
	for (uint32_t i = 0; r == 0 && i < fields->n; i++) {
		const struct tally_cell *value = &row[FOLD_FIELDS + fold->column_of[i]];
		/* What is no number is written as null, and would make all it is added to null. */
		if (!value->set || (series->types[i] == TALLY_REAL && !isfinite(value->f)))
			continue;
		if (field_is_percentile(fields->aggregates[i]))
			r = percentiles_add(&fold->values, slot + i, value->f);
		else
			fold_add(&cells[i], fields->aggregates[i], series->types[i], value, share);
	}
	const struct tally_cell *newest = &row[FOLD_FIELDS + fold->asked.n];
	series->newest = newest->i > series->newest ? newest->i : series->newest;
	return r;
}

static int fold_take(void *arg, const struct tally_batch *batch)
{
	struct fold *fold = arg;
	struct series *series = fold->series;
	uint32_t n_columns = batch->table->n_columns;
	int r = 0;
	if (n_columns != FOLD_FIELDS + fold->asked.n + 1)
		return -EPROTO;
	if (!series->source[0])
		snprintf(series->source, sizeof(series->source), "%s", batch->table->name);
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * n_columns;
		/* As series_place() has it. */
		if (row[FOLD_TIME].i >= series->window->from &&
		    row[FOLD_TIME].i < series->window->to)
			r = fold_row(fold, row);
	}
	return r;
}

/* ---- Asking -------------------------------------------------------------- */

/* A store keeps the sums of all buckets until it has read all rows, at about so many bytes a field,
 * so of many containers it is asked for a stretch of the grid at a time. */
enum { FOLD_STORE_BYTES = 48 << 20, FOLD_FIELD_BYTES = 160, FOLD_AT_ONCE = 100 };

static uint32_t fold_stretch(const struct fold *fold)
{
	const struct container_groups *known = fold->known;
	size_t containers = known->narrowed || known->n < FOLD_AT_ONCE ? FOLD_AT_ONCE : known->n;
	size_t bytes = containers * (1 + fold->asked.n) * FOLD_FIELD_BYTES;
	return bytes < FOLD_STORE_BYTES ? (uint32_t)(FOLD_STORE_BYTES / bytes) : 1;
}

static int fold_run_once(struct query *query, void *arg)
{
	return query_stream(query, fold_take, arg);
}

static int fold_run_stretches(struct query *query, struct fold *fold)
{
	const struct window *window = fold->series->window;
	uint32_t stretch = fold_stretch(fold);
	int r = 0;
	for (uint32_t point = 0; r == 0 && point < window->points; point += stretch) {
		uint32_t n = window->points - point < stretch ? window->points - point : stretch;
		query->spec.from = window->from + point * window->step;
		query->spec.to = query->spec.from + n * window->step;
		r = fold_run_once(query, fold);
	}
	return r;
}

static int fold_run(struct query *query, void *arg)
{
	struct fold *fold = arg;
	int r = fold->series->window->edges ? query_each_point(query, fold_run_once, fold)
					    : fold_run_stretches(query, fold);
	return r == -ETIMEDOUT ? query_timed_out(fold->series->context) : r;
}

static int fold_ask(struct fold *fold)
{
	struct series *series = fold->series;
	struct query query;
	query_init(&query, series->context, series->table);
	query_group(&query, table_column(series->table, "host"));
	query_group(&query, table_column(series->table, "container_id"));
	fields_select(&fold->asked, &query);
	query_select(&query, &series->table->columns[0], TALLY_MAX);
	query.spec.bucket = series->window->step;
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	int r = container_groups_filter(&query);
	if (r == 0)
		r = container_groups_each(fold->known, &query, fold_run, fold);
	/* In place of the problem that the refused row left. */
	if (r < 0 && fold->too_many)
		return response_problem(
			series->context->builder, 400, "step",
			"too many results: %u points of more than %u groups; take a larger step, a "
			"shorter range, or fewer groups, fields or aggregates",
			series->window->points, fold->n_groups);
	return r;
}

/* ---- The series ---------------------------------------------------------- */

static double share_of(uint32_t aggregate)
{
	static const double shares[] = {0.5, 0.95, 0.99};
	return shares[aggregate - FIELD_P50];
}

static void fold_finish_cell(const struct fold *fold, struct tally_cell *cell, uint32_t aggregate,
			     size_t slot)
{
	const struct percentile_value *first;
	if (field_is_percentile(aggregate)) {
		size_t n = percentiles_find(&fold->values, (uint32_t)slot, &first);
		if (n)
			*cell = (struct tally_cell){
				.f = percentile_of(first, n, share_of(aggregate)), .set = 1};
		return;
	}
	if (aggregate == TALLY_AVG && cell->set)
		cell->f /= cell->len;
	if (aggregate != TALLY_MIN && aggregate != TALLY_MAX)
		cell->len = 0;
}

/* Of what belongs to no group last. */
static int compare_groups(const void *left, const void *right)
{
	const struct tally_cell *a = &((const struct group *)left)->subject.group;
	const struct tally_cell *b = &((const struct group *)right)->subject.group;
	return a->set && b->set ? cell_compare(a, b) : (int)b->set - (int)a->set;
}

static void fold_finish_group(const struct fold *fold, uint32_t number)
{
	const struct fields *fields = &fold->series->fields;
	size_t points = fold->series->window->points, n = points * fields->n;
	for (size_t i = 0; i < n; i++)
		fold_finish_cell(fold, &fold->groups[number].cells[i],
				 fields->aggregates[i % fields->n], number * n + i);
}

/* Sorted by group.  The series borrows cells and names, so it is written before the fold ends. */
static int fold_finish(struct fold *fold)
{
	struct series *series = fold->series;
	size_t points = series->window->points;
	percentiles_sort(&fold->values);
	for (uint32_t i = 0; i < fold->n_groups; i++)
		fold_finish_group(fold, i);
	if (fold->n_groups)
		qsort(fold->groups, fold->n_groups, sizeof(*fold->groups), compare_groups);
	series->n_subjects = fold->n_groups;
	series->subjects = calloc(fold->n_groups + 1, sizeof(*series->subjects));
	series->slots = calloc(points * fold->n_groups + 1, sizeof(*series->slots));
	if (!series->subjects || !series->slots)
		return response_unavailable(series->context->builder, "out of memory");
	for (uint32_t i = 0; i < fold->n_groups; i++) {
		series->subjects[i] = fold->groups[i].subject;
		for (size_t point = 0; point < points; point++)
			series->slots[i * points + point] =
				fold->groups[i].cells + point * series->fields.n;
	}
	return 0;
}

int series_write_groups(struct series *series, const struct container_groups *known)
{
	auto_free struct fold *fold = calloc(1, sizeof(*fold));
	if (!fold)
		return response_unavailable(series->context->builder, "out of memory");
	fold->series = series;
	fold->known = known;
	fold_find_columns(fold);
	int r = fold_ask(fold);
	if (r == 0)
		r = fold_finish(fold);
	if (r == 0)
		series_write(series);
	fold_done(fold);
	return r;
}
