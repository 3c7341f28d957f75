/*
 * First the watermarks and the series that the filters leave, with their groups.  Then the rows of
 * each piece of the range, sorted by series; these are read side by side, so that every series is
 * handed to the aggregator in one go and in the order of time.  If only the last values are wanted,
 * one row of each series is read.  Queries here and in SQLite's store use the same sums, so that
 * they agree. store_query() calls aggregate_run() on the thread that asks.
 *
 * These are two round trips as long as each piece is small enough to be read whole; it is then
 * sorted here, which costs less than on the server.  If one is not, the pieces are read page by
 * page, if need be by sending the whole query again.
 *
 * What can fail: a statement (the deadline is also the server's statement_timeout), memory, or the
 * caller's rows function.  The transaction is ended by readers_give_back() in any case.
 */
#include "read/aggregate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "read/aggregate_sql.h"
#include "base/cleanup.h"
#include "read/row_source.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "read/readers.h"
#include "read/row_stream.h"

/* Of a piece that is read whole, in memory. */
enum { AGGREGATE_MAX_BYTES = 8 << 20, AGGREGATE_NUMBER_BYTES = 32, AGGREGATE_TEXT_BYTES = 512 };

struct aggregate_series {
	int32_t id;
	uint32_t group;
};

/* The last row that bears a group's values, and in which batch. */
struct aggregate_group {
	int list; /* first row of the group in the list */
	uint32_t batch, row;
};

struct aggregate {
	struct pg_connection *pg;
	const struct bound_query *bound;
	struct rollup_plan plan;
	PGresult *list; /* series and group columns */
	struct aggregate_series *series;
	int32_t *ids;
	uint32_t n_series;
	struct aggregate_group *groups;
	uint32_t n_groups;
	bool paged, cut; /* pieces come page by page; one that should not was too large */
	struct row_stream rows[ROLLUP_PLAN_MAX_SEGMENTS], before[ROLLUP_PLAN_MAX_SEGMENTS];
	struct result *result;
	struct totals totals;
	struct row_source source;
};

/* ---- Series and groups -------------------------------------------------------- */

static int aggregate_ask_list(struct aggregate *a, struct aggregate_sql *list, PGresult **ret_marks)
{
	enum { MARKS = READERS_BEGIN, LIST, N };
	struct readers_begin begin;
	struct watermarks_table watermarks;
	struct pg_statement statements[N];
	struct pg_params params;
	PGresult *results[N];
	int r = readers_begin(a->pg, READERS_PLANS_KEPT, &begin, statements);
	if (r == 0)
		r = parameters_get(a->pg->ctx, &list->parameters, &params);
	if (r < 0)
		return r;
	watermarks_of(&watermarks, a->bound->stored->table.name);
	statements[MARKS] = (struct pg_statement){watermarks_statement, &watermarks.params};
	statements[LIST] = (struct pg_statement){list->sql.data, &params};
	r = pg_ask(a->pg, statements, N, results);
	if (r < 0)
		return r;
	for (int i = 0; i < READERS_BEGIN; i++)
		PQclear(results[i]);
	*ret_marks = results[MARKS];
	a->list = results[LIST];
	return 0;
}

static bool aggregate_same_group(const struct aggregate *a, int left, int right)
{
	for (int c = 1; c <= (int)a->bound->query->n_group_by; c++) {
		bool null = PQgetisnull(a->list, left, c);
		int len = PQgetlength(a->list, left, c);
		if (null != PQgetisnull(a->list, right, c) ||
		    len != PQgetlength(a->list, right, c) ||
		    memcmp(PQgetvalue(a->list, left, c), PQgetvalue(a->list, right, c),
			   (size_t)len) != 0)
			return false;
	}
	return true;
}

static int aggregate_by_id(const void *left, const void *right)
{
	const struct aggregate_series *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

static int aggregate_take_list(struct aggregate *a)
{
	int n = PQntuples(a->list);
	a->series = calloc((size_t)n + 1, sizeof(*a->series));
	a->groups = calloc((size_t)n + 1, sizeof(*a->groups));
	a->ids = calloc((size_t)n + 1, sizeof(*a->ids));
	if (!a->series || !a->groups || !a->ids)
		return tally_fail(a->pg->ctx, ENOMEM, "no memory");
	for (int row = 0; row < n; row++) {
		if (row == 0 || !aggregate_same_group(a, row - 1, row))
			a->groups[a->n_groups++] = (struct aggregate_group){.list = row};
		a->series[a->n_series++] = (struct aggregate_series){
			pg_get_32(PQgetvalue(a->list, row, 0)), a->n_groups - 1};
	}
	/* The list came sorted by group; the rows will come by series. */
	qsort(a->series, a->n_series, sizeof(*a->series), aggregate_by_id);
	for (uint32_t i = 0; i < a->n_series; i++)
		a->ids[i] = a->series[i].id;
	return 0;
}

/* Begins the transaction, too, and finds out what data there are. */
static int aggregate_list(struct aggregate *a, struct watermarks *watermarks)
{
	auto_result PGresult *result = NULL;
	auto_free struct aggregate_sql *list = malloc(sizeof(*list));
	if (!list)
		return tally_fail(a->pg->ctx, ENOMEM, "no memory");
	aggregate_sql_init(list, a->bound);
	aggregate_sql_list(list);
	int r = list->sql.failed ? tally_fail(a->pg->ctx, ENOMEM, "no memory")
				 : aggregate_ask_list(a, list, &result);
	aggregate_sql_done(list);
	if (r < 0)
		return r;
	watermarks_read(result, watermarks);
	return aggregate_take_list(a);
}

/* ---- Asking for all at once --------------------------------------------------- */

/* Rows of so many columns that fit into AGGREGATE_MAX_BYTES. */
static uint32_t aggregate_most(const struct aggregate *a)
{
	uint32_t bytes = 4 * AGGREGATE_NUMBER_BYTES;
	for (uint32_t f = 0; f < a->totals.aggregator.n_fields; f++) {
		const struct aggregator_field *field = &a->totals.fields[f];
		uint32_t parts = (uint32_t)__builtin_popcount(field->parts);
		bytes += pg_value_is_text(field->type) ? AGGREGATE_TEXT_BYTES
						       : (parts + 1) * AGGREGATE_NUMBER_BYTES;
	}
	return AGGREGATE_MAX_BYTES / bytes;
}

/* Of a rolled-up piece it is known beforehand whether it may be too large. */
static bool aggregate_is_large(const struct aggregate *a)
{
	for (uint32_t i = 0; i < a->plan.n_pieces; i++) {
		const struct rollup_plan_segment *piece = &a->plan.pieces[i];
		int64_t size = schema_levels[piece->level].bucket;
		if (size && piece->to / size - piece->from / size > aggregate_most(a) / a->n_series)
			return true;
	}
	return false;
}

/* The streams that there are, and their statements. */
struct aggregate_asked {
	uint32_t n;
	struct row_stream *streams[PG_ASK_MAX];
	struct aggregate_sql statements[PG_ASK_MAX];
};

static struct aggregate_sql *aggregate_add(const struct aggregate *a, struct aggregate_asked *asked,
					   struct row_stream *stream)
{
	struct aggregate_sql *statement = &asked->statements[asked->n];
	asked->streams[asked->n++] = stream;
	aggregate_sql_init(statement, a->bound);
	statement->totals = &a->totals;
	statement->ids = a->ids;
	statement->n_ids = a->n_series;
	statement->in_order = a->paged;
	return statement;
}

static int aggregate_ask(struct aggregate *a, struct aggregate_asked *asked)
{
	struct pg_statement statements[PG_ASK_MAX];
	struct pg_params params[PG_ASK_MAX];
	PGresult *results[PG_ASK_MAX];
	uint32_t most = aggregate_most(a);
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < asked->n; i++) {
		struct aggregate_sql *statement = &asked->statements[i];
		/* One more than may be had: that tells a full piece from one that was cut. */
		strbuf_add(&statement->sql, " limit %u", most + 1);
		r = statement->sql.failed
			    ? tally_fail(a->pg->ctx, ENOMEM, "no memory")
			    : parameters_get(a->pg->ctx, &statement->parameters, &params[i]);
		statements[i] = (struct pg_statement){statement->sql.data, &params[i]};
	}
	statements[asked->n] = (struct pg_statement){"commit", NULL};
	if (r == 0)
		r = pg_ask(a->pg, statements, (int)asked->n + 1, results);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < asked->n; i++) {
		row_stream_take(asked->streams[i], results[i]);
		a->cut |= PQntuples(results[i]) > (int)most;
	}
	PQclear(results[asked->n]);
	return 0;
}

static int aggregate_start(struct aggregate *a)
{
	auto_free struct aggregate_asked *asked = malloc(sizeof(*asked));
	if (!asked)
		return tally_fail(a->pg->ctx, ENOMEM, "no memory");
	asked->n = 0;
	a->paged |= aggregate_is_large(a);
	for (uint32_t i = 0; i < a->plan.n_pieces; i++) {
		const struct rollup_plan_segment *piece = &a->plan.pieces[i];
		aggregate_sql_piece(aggregate_add(a, asked, &a->rows[i]), piece);
		if (a->totals.rates && piece->level == LEVEL_ROWS)
			aggregate_sql_before(aggregate_add(a, asked, &a->before[i]), piece);
	}
	int r = a->paged ? readers_plan_anew(a->pg) : aggregate_ask(a, asked);
	for (uint32_t i = 0; r == 0 && a->paged && i < asked->n; i++)
		r = row_stream_open(asked->streams[i], a->pg, i, &asked->statements[i].sql,
				    &asked->statements[i].parameters);
	for (uint32_t i = 0; i < asked->n; i++)
		aggregate_sql_done(&asked->statements[i]);
	return r;
}

/* ---- Reading ------------------------------------------------------------------ */

static int aggregate_find_baseline(struct aggregate *a, struct row_stream *before, int32_t series)
{
	bool more = true;
	int r;
	/* Newest first, until every counter has found its last sample. */
	aggregator_begin_segment(&a->totals.aggregator);
	while (more && (r = row_stream_is_at(before, series)) > 0) {
		more = row_source_baseline(&a->source, &a->totals.aggregator, before);
		r = row_stream_next(before);
		if (r < 0)
			return r;
	}
	return more && r < 0 ? r : 0;
}

static int aggregate_piece(struct aggregate *a, uint32_t i, int32_t series)
{
	struct row_stream *rows = &a->rows[i];
	bool rolled = a->plan.pieces[i].level != LEVEL_ROWS;
	int r = rolled ? 0 : aggregate_find_baseline(a, &a->before[i], series);
	while (r == 0 && (r = row_stream_is_at(rows, series)) > 0) {
		r = rolled ? row_source_rolled(&a->source, &a->totals.aggregator, rows)
			   : row_source_row(&a->source, &a->totals.aggregator, rows);
		if (r == 0)
			r = row_stream_next(rows);
	}
	return r;
}

static int aggregate_feed(struct aggregate *a)
{
	struct aggregator *aggregator = &a->totals.aggregator;
	/* Where each group is one series, its sums can be written down when the series ends,
	 * instead of being added to others'. */
	bool alone = a->n_groups == a->n_series && !a->totals.texts;
	int r = 0;
	for (uint32_t s = 0; r == 0 && s < a->n_series; s++) {
		const struct aggregate_series *series = &a->series[s];
		if (alone)
			aggregator_begin_only_series(aggregator, series->group, series->id);
		else
			aggregator_begin_series(aggregator, series->group, series->id);
		for (uint32_t i = 0; r == 0 && i < a->plan.n_pieces; i++)
			r = aggregate_piece(a, i, series->id);
		if (r == 0)
			r = aggregator_end_series(aggregator);
	}
	return r;
}

/* ---- Answering ---------------------------------------------------------------- */

static int aggregate_copy_group(struct aggregate *a, struct tally_cell *row, int list)
{
	int r = 0;
	for (int c = 1; r == 0 && c <= (int)a->bound->query->n_group_by; c++) {
		if (PQgetisnull(a->list, list, c))
			continue;
		struct tally_cell cell =
			pg_get_cell(a->result->columns[c].type, PQgetvalue(a->list, list, c),
				    PQgetlength(a->list, list, c));
		r = result_put(a->result, row, (uint32_t)c, &cell);
	}
	return r;
}

/* A batch holds each text once, however many rows of the group are in it. */
static int aggregate_put_group(void *arg, struct tally_cell *row, uint32_t number)
{
	struct aggregate *a = arg;
	struct aggregate_group *group = &a->groups[number];
	const struct tally_batch *batch = a->result->batch;
	if (group->batch == a->result->n_batches) {
		const struct tally_cell *same =
			&batch->cells[(size_t)group->row * batch->table->n_columns];
		memcpy(row + 1, same + 1, a->bound->query->n_group_by * sizeof(*row));
		return 0;
	}
	group->batch = a->result->n_batches;
	group->row = batch->n_rows - 1;
	return aggregate_copy_group(a, row, group->list);
}

static void aggregate_done(struct aggregate *a)
{
	for (uint32_t i = 0; i < ROLLUP_PLAN_MAX_SEGMENTS; i++) {
		row_stream_close(&a->rows[i]);
		row_stream_close(&a->before[i]);
	}
	totals_done(&a->totals);
	PQclear(a->list);
	free(a->series);
	free(a->ids);
	free(a->groups);
}

/* In a transaction of its own, which is over if the data came at once. */
static int aggregate_read(struct aggregate *a, tally_rows_fn *rows, void *arg)
{
	struct watermarks watermarks;
	int r = aggregate_list(a, &watermarks);
	if (r < 0)
		return r;
	rollup_plan_find(a->bound, &watermarks, &a->plan);
	result_init(a->result, a->pg->ctx, a->bound, schema_levels[a->plan.level].suffix, rows,
		    arg);
	totals_init(&a->totals, a->bound, a->result);
	if (a->n_series && a->plan.n_pieces)
		r = aggregate_start(a);
	if (r < 0 || a->cut)
		return r;
	for (uint32_t i = 0; r == 0 && !a->paged && i < a->plan.n_pieces; i++)
		r = row_stream_sort(&a->rows[i]);
	if (r < 0)
		return tally_fail(a->pg->ctx, -r, "no memory");
	r = aggregate_feed(a);
	return r == 0 ? totals_answer(&a->totals, aggregate_put_group, a) : r;
}

/* *paged: also whether that is how it has to be asked. */
static int aggregate_try(struct pg_connection *pg, const struct bound_query *bound, bool *paged,
			 tally_rows_fn *rows, void *arg)
{
	auto_free struct aggregate *a = calloc(1, sizeof(*a));
	auto_free struct result *result = malloc(sizeof(*result));
	if (!a || !result)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	result->batch = NULL;
	a->pg = pg;
	a->bound = bound;
	a->result = result;
	a->paged = *paged;
	int r = aggregate_read(a, rows, arg);
	*paged = a->cut;
	result_done(result);
	aggregate_done(a);
	return r;
}

int aggregate_run(struct pg_connection *pg, const struct bound_query *bound, tally_rows_fn *rows,
		  void *arg)
{
	bool paged = false;
	int r = aggregate_try(pg, bound, &paged, rows, arg);
	/* Nothing was handed to the caller yet: a piece that is cut is found before the first row.
	 */
	return r == 0 && paged ? aggregate_try(pg, bound, &paged, rows, arg) : r;
}
