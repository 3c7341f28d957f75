/*
 * First the watermarks and the series that the filters leave, with their groups.  Then the rows of
 * each piece of the range, sorted by series; these are read side by side, so that every series is
 * handed to the aggregator in one go and in the order of time.  Queries here and in SQLite's store
 * use the same sums, so that they agree. store_query() calls aggregate_run() on the thread that
 * asks.
 *
 * These are two round trips as long as each piece is small enough to be read whole; it is then
 * sorted here, which costs less than on the server.  If one is not, the pieces are read page by
 * page, if need be by sending the whole query again.  Of a few series all is asked at once, with
 * pieces as the watermarks were last time: they move once a minute, and where they have, it is
 * asked again.
 *
 * What can fail: a statement (the deadline is also the server's statement_timeout), memory, or the
 * caller's rows function.  A transaction that is open is ended by readers_give_back() in any case.
 */
#include "read/aggregate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "read/aggregate_sql.h"
#include "base/cleanup.h"
#include "read/groups.h"
#include "read/newest.h"
#include "read/row_source.h"
#include "maintenance/watermarks.h"
#include "pg/pg_value.h"
#include "read/row_stream.h"

/* Rows of a piece of which it was not known how many series it has. */
enum { AGGREGATE_FEW = 2000 };

enum aggregate_way {
	AGGREGATE_AT_ONCE, /* by watermarks that are known from before */
	AGGREGATE_WHOLE,
	AGGREGATE_PAGED, /* pieces come page by page */
	AGGREGATE_DONE
};

struct aggregate_series {
	int32_t id;
	uint32_t group;
};

struct aggregate {
	struct reader *reader;
	const struct bound_query *bound;
	enum aggregate_way way, next; /* next: if the answer is not there */
	struct rollup_plan plan;
	struct groups groups; /* of the list: series and group columns */
	struct aggregate_series *series;
	int32_t *ids;
	uint32_t n_series;
	uint32_t most; /* rows of a piece that is read whole */
	struct row_stream rows[ROLLUP_PLAN_MAX_SEGMENTS], before[ROLLUP_PLAN_MAX_SEGMENTS];
	struct result *result;
	struct totals totals;
	struct row_source source;
};

/* ---- Series and groups -------------------------------------------------------- */

static struct tally_ctx *aggregate_ctx(const struct aggregate *a)
{
	return a->reader->pg.ctx;
}

static int aggregate_by_id(const void *left, const void *right)
{
	const struct aggregate_series *a = left, *b = right;
	return (a->id > b->id) - (a->id < b->id);
}

static int aggregate_take_list(struct aggregate *a, PGresult *list)
{
	int n = PQntuples(list), r = groups_init(&a->groups, a->bound, a->result, list);
	a->series = calloc((size_t)n + 1, sizeof(*a->series));
	a->ids = calloc((size_t)n + 1, sizeof(*a->ids));
	if (r < 0 || !a->series || !a->ids)
		return tally_fail(aggregate_ctx(a), ENOMEM, "no memory");
	for (int row = 0; row < n; row++) {
		uint32_t group = groups_next(&a->groups, row);
		a->series[a->n_series++] =
			(struct aggregate_series){pg_get_32(PQgetvalue(list, row, 0)), group};
	}
	/* The list came sorted by group; the rows will come by series. */
	qsort(a->series, a->n_series, sizeof(*a->series), aggregate_by_id);
	for (uint32_t i = 0; i < a->n_series; i++)
		a->ids[i] = a->series[i].id;
	return 0;
}

/* What a statement says, with room for it; of each there is one. */
struct aggregate_statement {
	struct aggregate_sql sql;
	struct pg_params params;
};

static int aggregate_finish(const struct aggregate *a, struct aggregate_statement *statement,
			    struct pg_statement *ret)
{
	if (statement->sql.sql.failed)
		return tally_fail(aggregate_ctx(a), ENOMEM, "no memory");
	*ret = (struct pg_statement){statement->sql.sql.data, &statement->params};
	return parameters_get(aggregate_ctx(a), &statement->sql.parameters, &statement->params);
}

/* The first two statements of all, and what they point to. */
struct aggregate_first {
	struct watermarks_table watermarks;
	struct aggregate_statement list;
};
enum { FIRST_MARKS, FIRST_LIST, N_FIRST };

static int aggregate_first(const struct aggregate *a, struct aggregate_first *room,
			   struct pg_statement *ret)
{
	watermarks_of(&room->watermarks, a->bound->stored->table.name);
	ret[FIRST_MARKS] = (struct pg_statement){watermarks_statement, &room->watermarks.params};
	aggregate_sql_init(&room->list.sql, a->bound);
	aggregate_sql_list(&room->list.sql);
	return aggregate_finish(a, &room->list, &ret[FIRST_LIST]);
}

static void aggregate_plan(struct aggregate *a, const PGresult *marks)
{
	struct watermarks watermarks;
	watermarks_read(marks, &watermarks);
	reader_know(a->reader, a->bound->stored, &watermarks);
	rollup_plan_find(a->bound, &watermarks, &a->plan);
}

/* Begins the transaction, too, and finds out what data there are. */
static int aggregate_list(struct aggregate *a)
{
	struct readers_timeout timeout;
	struct pg_statement statements[READERS_BEGIN + N_FIRST];
	PGresult *results[READERS_BEGIN + N_FIRST], **first = results + READERS_BEGIN;
	auto_free struct aggregate_first *room = malloc(sizeof(*room));
	if (!room)
		return tally_fail(aggregate_ctx(a), ENOMEM, "no memory");
	int r = aggregate_first(a, room, statements + READERS_BEGIN);
	if (r == 0)
		r = readers_begin(a->reader, READERS_PLANS_KEPT, &timeout, statements);
	if (r == 0)
		r = pg_ask(&a->reader->pg, statements, READERS_BEGIN + N_FIRST, results);
	aggregate_sql_done(&room->list.sql);
	if (r < 0)
		return r;
	aggregate_plan(a, first[FIRST_MARKS]);
	for (int i = 0; i < READERS_BEGIN + FIRST_LIST; i++)
		PQclear(results[i]);
	return aggregate_take_list(a, first[FIRST_LIST]);
}

/* ---- Asking for all at once --------------------------------------------------- */

/* Of a rolled-up piece it is known beforehand whether it may be too large. */
static bool aggregate_is_large(const struct aggregate *a, uint32_t n_series)
{
	for (uint32_t i = 0; i < a->plan.n_pieces; i++) {
		const struct rollup_plan_segment *piece = &a->plan.pieces[i];
		int64_t size = schema_levels[piece->level].bucket;
		if (size && piece->to / size - piece->from / size > a->most / n_series)
			return true;
	}
	return false;
}

/* The streams that there are, and their statements. */
struct aggregate_asked {
	uint32_t n;
	struct row_stream *streams[2 * ROLLUP_PLAN_MAX_SEGMENTS];
	struct aggregate_statement statements[2 * ROLLUP_PLAN_MAX_SEGMENTS];
};

static struct aggregate_sql *aggregate_add(const struct aggregate *a, struct aggregate_asked *asked,
					   struct row_stream *stream)
{
	struct aggregate_sql *sql = &asked->statements[asked->n].sql;
	asked->streams[asked->n++] = stream;
	aggregate_sql_init(sql, a->bound);
	sql->totals = &a->totals;
	sql->ids = a->ids;
	sql->n_ids = a->n_series;
	sql->in_order = a->way == AGGREGATE_PAGED;
	return sql;
}

static void aggregate_add_pieces(struct aggregate *a, struct aggregate_asked *asked)
{
	asked->n = 0;
	for (uint32_t i = 0; i < a->plan.n_pieces; i++) {
		const struct rollup_plan_segment *piece = &a->plan.pieces[i];
		aggregate_sql_piece(aggregate_add(a, asked, &a->rows[i]), piece);
		if (a->totals.rates && piece->level == LEVEL_ROWS)
			aggregate_sql_before(aggregate_add(a, asked, &a->before[i]), piece);
	}
}

/* Of each one row more than may be had: that tells a full piece from one that was cut. */
static int aggregate_statements(const struct aggregate *a, struct aggregate_asked *asked,
				struct pg_statement *ret)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < asked->n; i++) {
		strbuf_add(&asked->statements[i].sql.sql, " limit %u", a->most + 1);
		r = aggregate_finish(a, &asked->statements[i], &ret[i]);
	}
	return r;
}

static void aggregate_take(struct aggregate *a, struct aggregate_asked *asked, PGresult **results)
{
	for (uint32_t i = 0; i < asked->n; i++) {
		row_stream_take(asked->streams[i], results[i]);
		if (PQntuples(results[i]) > (int)a->most)
			a->next = AGGREGATE_PAGED;
	}
}

static int aggregate_ask(struct aggregate *a, struct aggregate_asked *asked)
{
	struct pg_statement all[PG_ASK_MAX] = {readers_plan_anew}, *statements = all + 1;
	PGresult *results[PG_ASK_MAX] = {NULL};
	int n = (int)asked->n, r = aggregate_statements(a, asked, statements);
	if (r < 0)
		return r;
	bool anew = reader_plans(a->reader, statements, n) == READERS_PLANS_NEW;
	statements[n] = (struct pg_statement){"commit", NULL};
	r = pg_ask(&a->reader->pg, anew ? all : statements, n + 1 + anew, results);
	if (r < 0)
		return r;
	aggregate_take(a, asked, results + anew);
	PQclear(results[n + anew]);
	if (anew)
		PQclear(results[0]);
	return 0;
}

static int aggregate_open(struct aggregate *a, struct aggregate_asked *asked)
{
	int r = pg_exec(&a->reader->pg, readers_plan_anew.sql);
	for (uint32_t i = 0; r == 0 && i < asked->n; i++)
		r = row_stream_open(asked->streams[i], &a->reader->pg, i,
				    &asked->statements[i].sql.sql,
				    &asked->statements[i].sql.parameters);
	return r;
}

static int aggregate_start(struct aggregate *a)
{
	auto_free struct aggregate_asked *asked = malloc(sizeof(*asked));
	if (!asked)
		return tally_fail(aggregate_ctx(a), ENOMEM, "no memory");
	if (aggregate_is_large(a, a->n_series))
		a->way = AGGREGATE_PAGED;
	aggregate_add_pieces(a, asked);
	int r = a->way == AGGREGATE_PAGED ? aggregate_open(a, asked) : aggregate_ask(a, asked);
	for (uint32_t i = 0; i < asked->n; i++)
		aggregate_sql_done(&asked->statements[i].sql);
	return r;
}

/* ---- The first part with it ----------------------------------------------------- */

/* Whether the plan that was asked by is the one that the watermarks of this snapshot give. */
static bool aggregate_was_right(struct aggregate *a, const PGresult *marks)
{
	const struct rollup_plan guess = a->plan;
	aggregate_plan(a, marks);
	bool right = guess.n_pieces == a->plan.n_pieces;
	for (uint32_t i = 0; right && i < guess.n_pieces; i++)
		right = guess.pieces[i].level == a->plan.pieces[i].level &&
			guess.pieces[i].from == a->plan.pieces[i].from &&
			guess.pieces[i].to == a->plan.pieces[i].to;
	return right;
}

static int aggregate_ask_at_once(struct aggregate *a, struct aggregate_first *first,
				 struct aggregate_asked *asked)
{
	struct pg_statement statements[PG_ASK_MAX];
	PGresult *results[PG_ASK_MAX] = {NULL};
	int r = aggregate_first(a, first, statements);
	if (r == 0)
		r = aggregate_statements(a, asked, statements + N_FIRST);
	if (r == 0)
		r = readers_ask(a->reader, statements, N_FIRST + (int)asked->n, results);
	if (r < 0)
		return r;
	aggregate_take(a, asked, results + N_FIRST);
	if (!aggregate_was_right(a, results[FIRST_MARKS]))
		a->next = AGGREGATE_WHOLE;
	PQclear(results[FIRST_MARKS]);
	return aggregate_take_list(a, results[FIRST_LIST]);
}

static int aggregate_at_once(struct aggregate *a)
{
	auto_free struct aggregate_first *first = malloc(sizeof(*first));
	auto_free struct aggregate_asked *asked = malloc(sizeof(*asked));
	if (!first || !asked)
		return tally_fail(aggregate_ctx(a), ENOMEM, "no memory");
	aggregate_add_pieces(a, asked);
	int r = aggregate_ask_at_once(a, first, asked);
	aggregate_sql_done(&first->list.sql);
	for (uint32_t i = 0; i < asked->n; i++)
		aggregate_sql_done(&asked->statements[i].sql);
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
	bool alone = a->groups.n == a->n_series && !a->totals.texts;
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

static void aggregate_done(struct aggregate *a)
{
	for (uint32_t i = 0; i < ROLLUP_PLAN_MAX_SEGMENTS; i++) {
		row_stream_close(&a->rows[i]);
		row_stream_close(&a->before[i]);
	}
	totals_done(&a->totals);
	groups_done(&a->groups);
	free(a->series);
	free(a->ids);
}

static void aggregate_init(struct aggregate *a, tally_rows_fn *rows, void *arg)
{
	struct aggregate_sql sql = {.totals = &a->totals};
	result_init(a->result, aggregate_ctx(a), a->bound, schema_levels[a->plan.level].suffix,
		    rows, arg);
	totals_init(&a->totals, a->bound, a->result);
	a->most = aggregate_sql_most(&sql);
}

/* All that the answer is made of. */
static int aggregate_fetch(struct aggregate *a, tally_rows_fn *rows, void *arg)
{
	if (a->way == AGGREGATE_AT_ONCE) {
		rollup_plan_find(a->bound, reader_known(a->reader, a->bound->stored), &a->plan);
		aggregate_init(a, rows, arg);
		a->most = a->most < AGGREGATE_FEW ? a->most : AGGREGATE_FEW;
		if (a->plan.n_pieces && !aggregate_is_large(a, 1))
			return aggregate_at_once(a);
		a->next = AGGREGATE_WHOLE;
		return 0;
	}
	int r = aggregate_list(a);
	if (r < 0)
		return r;
	aggregate_init(a, rows, arg);
	return a->n_series && a->plan.n_pieces ? aggregate_start(a) : 0;
}

/* In a transaction of its own, which is over if the data came at once. */
static int aggregate_read(struct aggregate *a, tally_rows_fn *rows, void *arg)
{
	int r = aggregate_fetch(a, rows, arg);
	if (r < 0 || a->next != AGGREGATE_DONE)
		return r;
	for (uint32_t i = 0; r == 0 && a->way != AGGREGATE_PAGED && i < a->plan.n_pieces; i++)
		r = row_stream_sort(&a->rows[i]);
	if (r < 0)
		return tally_fail(aggregate_ctx(a), -r, "no memory");
	r = aggregate_feed(a);
	return r == 0 ? totals_answer(&a->totals, groups_put, &a->groups) : r;
}

/* *way: also how it has to be asked next, if it has. */
static int aggregate_try(struct reader *reader, const struct bound_query *bound,
			 enum aggregate_way *way, tally_rows_fn *rows, void *arg)
{
	auto_free struct aggregate *a = calloc(1, sizeof(*a));
	auto_free struct result *result = malloc(sizeof(*result));
	if (!a || !result)
		return tally_fail(reader->pg.ctx, ENOMEM, "no memory");
	result->batch = NULL;
	a->reader = reader;
	a->bound = bound;
	a->result = result;
	a->way = *way;
	a->next = AGGREGATE_DONE;
	int r = aggregate_read(a, rows, arg);
	*way = a->next;
	result_done(result);
	aggregate_done(a);
	return r;
}

/* Whether a few series are asked for, of which all can be had at once. */
static bool aggregate_is_of_few(const struct reader *reader, const struct bound_query *bound)
{
	const struct tally_table *table = &bound->stored->table;
	bool few = false;
	for (uint32_t i = 0; i < bound->query->n_filters; i++)
		few |= bound->query->filters[i].match == TALLY_EQUALS &&
		       table->columns[bound->filter[i]].role == TALLY_TAG;
	return few && table->kind != TALLY_STATE && reader_known(reader, bound->stored);
}

int aggregate_run(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
		  void *arg)
{
	enum aggregate_way way = AGGREGATE_WHOLE;
	bool cut = false;
	int r = 0;
	if (newest_is_asked(bound)) {
		r = newest_run(reader, bound, rows, arg, &cut);
		if (r != 0 || !cut)
			return r;
		way = AGGREGATE_PAGED;
	} else if (aggregate_is_of_few(reader, bound)) {
		way = AGGREGATE_AT_ONCE;
	}
	/* Nothing was handed to the caller yet: that it has to be asked otherwise is found before
	 * the first row. */
	while (r == 0 && way != AGGREGATE_DONE)
		r = aggregate_try(reader, bound, &way, rows, arg);
	return r;
}
