/*
 * The outer statement goes through the series (of a STATE table: its rows) in the order of
 * group_by; for each, an inner statement per piece of the range feeds the aggregator.  The
 * clustering makes each of these one seek and a walk.
 *
 * If only the last values are wanted, the inner statement has the newest row, and nothing is added
 * up.  Texts and rows of a STATE table go the long way, one row long.
 */
#include "read/aggregate.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "base/cleanup.h"
#include "database.h"
#include "read/aggregate_statements.h"
#include "read/condition.h"

/* ---- Groups -------------------------------------------------------------------------- */

static struct tally_cell *aggregate_key(const struct aggregate *a, uint32_t group)
{
	return a->keys + (size_t)group * a->bound->query->n_group_by;
}

static uint16_t aggregate_group_type(const struct aggregate *a, uint32_t i)
{
	return a->bound->stored->table.columns[a->bound->group[i]].type;
}

static bool aggregate_is_text(uint16_t type)
{
	return type == TALLY_TEXT || type == TALLY_JSON;
}

static bool aggregate_same_group(const struct aggregate *a)
{
	if (a->n_groups == 0)
		return false;
	const struct tally_cell *key = aggregate_key(a, a->n_groups - 1);
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++) {
		uint16_t type = aggregate_group_type(a, i);
		struct tally_cell cell = bind_read(a->series, 1 + (int)i, type);
		bool text = aggregate_is_text(type);
		if (key[i].set != cell.set)
			return false;
		if (cell.set &&
		    (text ? key[i].len != cell.len || memcmp(key[i].text, cell.text, cell.len) != 0
			  : key[i].i != cell.i))
			return false;
	}
	return true;
}

/* Of the texts of the current series' group. */
static size_t aggregate_key_bytes(const struct aggregate *a)
{
	size_t bytes = 0;
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++)
		if (aggregate_is_text(aggregate_group_type(a, i)))
			bytes += (size_t)sqlite3_column_bytes(a->series, 1 + (int)i) + 1;
	return bytes;
}

/* reuse: the texts of the key before it belong to nobody any more. */
static int aggregate_copy_key(struct aggregate *a, struct tally_cell *key, bool reuse)
{
	size_t bytes = aggregate_key_bytes(a);
	if (!reuse || bytes > a->key_bytes) {
		a->key_text = arena_alloc(&a->texts, bytes);
		a->key_bytes = bytes;
	}
	char *copy = a->key_text;
	if (!copy)
		return tally_fail(a->reader->ctx, ENOMEM, "no memory");
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++) {
		uint16_t type = aggregate_group_type(a, i);
		key[i] = bind_read(a->series, 1 + (int)i, type);
		if (!key[i].set || !aggregate_is_text(type))
			continue;
		memcpy(copy, key[i].text, key[i].len);
		key[i].text = copy;
		copy += key[i].len + 1;
	}
	return 0;
}

/* Room for one more, and for some that come after it. */
static int aggregate_reserve(struct aggregate *a)
{
	if (a->n_groups < a->groups_size)
		return 0;
	uint32_t size = a->groups_size ? 2 * a->groups_size : 16;
	/* One more byte, since without group_by a group has no cells, and realloc() of nothing may
	 * return NULL. */
	struct tally_cell *keys =
		realloc(a->keys, (size_t)size * a->bound->query->n_group_by * sizeof(*a->keys) + 1);
	if (!keys)
		return tally_fail(a->reader->ctx, ENOMEM, "no memory");
	a->keys = keys;
	a->groups_size = size;
	return 0;
}

/* The group of the current series; a group that got no bucket gives its place to the next.  Series
 * come sorted by group, so only the last group has to be compared. */
static int aggregate_next_group(struct aggregate *a)
{
	if (aggregate_same_group(a))
		return 0;
	uint32_t n_used = a->totals.aggregator.n_buckets + a->totals.n_rows;
	bool reuse = a->n_groups > 0 && n_used == a->n_used;
	a->n_groups -= reuse;
	a->n_used = n_used;
	int r = aggregate_reserve(a);
	if (r == 0)
		r = aggregate_copy_key(a, aggregate_key(a, a->n_groups), reuse);
	a->n_groups += r == 0;
	return r;
}

/* ---- Reading -------------------------------------------------------------------------- */

static void aggregate_bind_range(const struct aggregate *a, sqlite3_stmt *statement,
				 const struct rollup_plan_segment *piece)
{
	int first = CONDITION_FREE(a->bound);
	sqlite3_bind_int64(statement, first + AGGREGATE_FROM, piece->from);
	sqlite3_bind_int64(statement, first + AGGREGATE_TO, piece->to);
}

static void aggregate_bind(const struct aggregate *a, sqlite3_stmt *statement, int64_t series,
			   const struct rollup_plan_segment *piece)
{
	sqlite3_bind_int64(statement, CONDITION_FREE(a->bound) + AGGREGATE_SERIES, series);
	if (!aggregate_is_state(a))
		aggregate_bind_range(a, statement, piece);
}

static int aggregate_piece(struct aggregate *a, int64_t series,
			   const struct rollup_plan_segment *piece)
{
	sqlite3_stmt *row = a->rows[piece->level];
	int r = 0;
	/* Only rows need it: in a rollup growth is counted already. */
	if (a->before && piece->level == LEVEL_ROWS) {
		aggregator_begin_segment(&a->totals.aggregator);
		aggregate_bind(a, a->before, series, piece);
		r = row_source_baseline(&a->source, &a->totals.aggregator, a->before);
	}
	if (r < 0)
		return r;
	if (a->packed && piece->level == LEVEL_ROWS)
		return packed_source_read(a->packed, &a->source, &a->totals.aggregator, series,
					  piece->from, piece->to);
	aggregate_bind(a, row, series, piece);
	while ((r = database_step(a->reader->ctx, row)) > 0) {
		r = piece->level == LEVEL_ROWS
			    ? row_source_row(&a->source, &a->totals.aggregator, row)
			    : row_source_rolled(&a->source, &a->totals.aggregator, row);
		if (r < 0) {
			sqlite3_reset(row);
			return r;
		}
	}
	return r;
}

static int aggregate_put_newest(struct aggregate *a)
{
	sqlite3_stmt *row = a->rows[LEVEL_ROWS];
	const struct tally_query *query = a->bound->query;
	int64_t time = sqlite3_column_int64(row, 0);
	struct tally_cell *cells = NULL;
	int r = totals_newest(&a->totals, a->n_groups - 1, time, &cells);
	for (uint32_t i = 0; r == 0 && cells && i < query->n_select; i++) {
		uint32_t f = a->totals.field_of[i];
		cells[i] = bound_query_is_newest(a->bound, i)
				   ? (struct tally_cell){.i = time, .set = 1}
				   : bind_read(row, 1 + (int)f, a->totals.fields[f].type);
	}
	return r;
}

static int aggregate_read_newest(struct aggregate *a)
{
	int r = aggregate_prepare_newest(a);
	sqlite3_stmt *row = a->rows[LEVEL_ROWS];
	if (r == 0)
		aggregate_bind_range(a, row, &a->plan->pieces[0]);
	while (r == 0 && (r = database_step(a->reader->ctx, a->series)) > 0) {
		sqlite3_bind_int64(row, CONDITION_FREE(a->bound) + AGGREGATE_SERIES,
				   sqlite3_column_int64(a->series, 0));
		r = database_step(a->reader->ctx, row);
		if (r <= 0)
			continue;
		r = aggregate_next_group(a);
		if (r == 0)
			r = aggregate_put_newest(a);
		sqlite3_reset(row);
	}
	return r;
}

static int aggregate_read_pieces(struct aggregate *a)
{
	int r = aggregate_prepare_pieces(a);
	while (r == 0 && (r = database_step(a->reader->ctx, a->series)) > 0) {
		int64_t series = sqlite3_column_int64(a->series, 0);
		r = aggregate_next_group(a);
		if (r == 0)
			aggregator_begin_series(&a->totals.aggregator, a->n_groups - 1, series);
		for (uint32_t i = 0; r == 0 && i < a->plan->n_pieces; i++)
			r = aggregate_piece(a, series, &a->plan->pieces[i]);
	}
	return r;
}

/* One for all pieces that are rows: mostly there is one. */
static int aggregate_find_relation(struct aggregate *a)
{
	int64_t from = INT64_MAX;
	for (uint32_t i = 0; i < a->plan->n_pieces; i++)
		if (a->plan->pieces[i].level == LEVEL_ROWS && a->plan->pieces[i].from < from)
			from = a->plan->pieces[i].from;
	return packed_source_find(a->reader, from, &a->all);
}

static int aggregate_read(struct aggregate *a)
{
	const struct bound_query *bound = a->bound;
	bool newest = bound->only_last && bound->query->bucket == 0 && a->plan->n_pieces == 1 &&
		      !aggregate_is_state(a) && !a->totals.texts && !aggregate_reads_tags(a);
	int r = aggregate_find_relation(a);
	if (r == 0)
		r = aggregate_prepare_series(a);
	if (r < 0)
		return r;
	return newest ? aggregate_read_newest(a) : aggregate_read_pieces(a);
}

/* ---- Answering ------------------------------------------------------------------------ */

static int aggregate_put_group(void *arg, struct tally_cell *row, uint32_t group)
{
	struct aggregate *a = arg;
	const struct tally_cell *key = aggregate_key(a, group);
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < a->bound->query->n_group_by; i++)
		r = result_put(a->totals.result, row, 1 + i, &key[i]);
	return r;
}

int aggregate_run(struct reader *reader, const struct bound_query *bound,
		  const struct rollup_plan *plan, struct result *result)
{
	auto_free struct aggregate *a = malloc(sizeof(*a));
	if (!a)
		return tally_fail(reader->ctx, ENOMEM, "no memory");
	memset(a, 0, offsetof(struct aggregate, totals));
	a->reader = reader;
	a->bound = bound;
	a->plan = plan;
	totals_init(&a->totals, bound, result);
	int r = aggregate_read(a);
	if (r == 0)
		r = totals_answer(&a->totals, aggregate_put_group, a);
	arena_done(&a->texts);
	free(a->keys);
	free(a->packed);
	totals_done(&a->totals);
	return r;
}
