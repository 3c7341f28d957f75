/*
 * One statement of one round trip: each series with its newest row, in the order of groups.  Rolled
 * up or not, the newest rows are rows, so no watermark is needed.  aggregate_run() calls this on
 * the thread that asks, and asks in its own way if there is too much.  What can fail: the
 * statement, memory, the bounds of the aggregator, or the caller's rows function.
 */
#include "read/newest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "pg/pg_value.h"
#include "read/aggregate_sql.h"
#include "read/groups.h"
#include "store/totals.h"

struct newest {
	const struct bound_query *bound;
	struct totals totals;
	struct groups groups;
	uint32_t most; /* rows that may be had at once */
};

/* Texts have to be copied, row by row: that is left to the aggregator. */
bool newest_is_asked(const struct bound_query *bound)
{
	const struct tally_table *table = &bound->stored->table;
	bool numbers = true;
	for (uint32_t i = 0; i < bound->query->n_select; i++)
		numbers &= bound_query_is_newest(bound, i) ||
			   catalog_is_number(&table->columns[bound->select[i]]);
	return bound->only_last && bound->query->bucket == 0 && table->kind != TALLY_STATE &&
	       numbers;
}

static int newest_ask(struct newest *newest, struct reader *reader, PGresult **ret)
{
	struct tally_ctx *ctx = reader->pg.ctx;
	auto_free struct aggregate_sql *sql = malloc(sizeof(*sql));
	struct pg_params params;
	if (!sql)
		return tally_fail(ctx, ENOMEM, "no memory");
	aggregate_sql_init(sql, newest->bound);
	sql->totals = &newest->totals;
	newest->most = aggregate_sql_most(sql);
	aggregate_sql_newest(sql, newest->most + 1, tally_now(ctx));
	int r = parameters_get(ctx, &sql->parameters, &params);
	if (r == 0 && sql->sql.failed)
		r = tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0)
		r = readers_ask(reader, &(struct pg_statement){sql->sql.data, &params}, 1, ret);
	aggregate_sql_done(sql);
	return r;
}

static struct tally_cell newest_cell(const PGresult *list, int row, int column, uint16_t type)
{
	if (PQgetisnull(list, row, column))
		return (struct tally_cell){.set = 0};
	return pg_get_cell(type, PQgetvalue(list, row, column), PQgetlength(list, row, column));
}

static int newest_add(struct newest *newest, int row)
{
	const struct tally_query *query = newest->bound->query;
	const PGresult *list = newest->groups.list;
	int first = 1 + (int)query->n_group_by;
	int64_t time = pg_time_to_ns(pg_get_64(PQgetvalue(list, row, 0)));
	struct tally_cell *cells = NULL;
	int r = totals_newest(&newest->totals, groups_next(&newest->groups, row), time, &cells);
	for (uint32_t i = 0; r == 0 && cells && i < query->n_select; i++) {
		uint32_t f = newest->totals.field_of[i];
		cells[i] = bound_query_is_newest(newest->bound, i)
				   ? (struct tally_cell){.i = time, .set = 1}
				   : newest_cell(list, row, first + (int)f,
						 newest->totals.fields[f].type);
	}
	return r;
}

static int newest_answer(struct newest *newest, struct result *result, PGresult *list,
			 bool *ret_cut)
{
	int r = groups_init(&newest->groups, newest->bound, result, list), n = PQntuples(list);
	if (r < 0)
		return tally_fail(result->ctx, -r, "no memory");
	*ret_cut = n > (int)newest->most;
	if (*ret_cut)
		return 0;
	for (int row = 0; r == 0 && row < n; row++)
		r = newest_add(newest, row);
	return r == 0 ? totals_answer(&newest->totals, groups_put, &newest->groups) : r;
}

int newest_run(struct reader *reader, const struct bound_query *bound, tally_rows_fn *rows,
	       void *arg, bool *ret_cut)
{
	auto_free struct newest *newest = calloc(1, sizeof(*newest));
	auto_free struct result *result = malloc(sizeof(*result));
	PGresult *list = NULL;
	if (!newest || !result)
		return tally_fail(reader->pg.ctx, ENOMEM, "no memory");
	newest->bound = bound;
	result_init(result, reader->pg.ctx, bound, "", rows, arg);
	totals_init(&newest->totals, bound, result);
	int r = newest_ask(newest, reader, &list);
	if (r == 0)
		r = newest_answer(newest, result, list, ret_cut);
	groups_done(&newest->groups);
	totals_done(&newest->totals);
	result_done(result);
	return r;
}
