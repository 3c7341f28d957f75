/*
 * A STATE table is one plain statement.  SERIES and LOG lie by series, but the answer is in the
 * order of time over all series: so each series that the filters leave gives at most a page's
 * rows from its own end of the index, and these are sorted.
 *
 * Rows come one by one, since a page of them may be large.  A usual page takes one round trip, with
 * the transaction around it, and a statement that stays prepared: planning it takes longer than
 * reading the page.  store_query() calls scan_run() on the thread that asks; what can fail is a
 * statement, memory, or the caller's rows function.
 *
 * There are no offsets: a page begins after the key of the last row shown, so it costs the same
 * however deep it lies, and rows that were added meanwhile shift nothing.
 */
#include "read/scan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "read/condition.h"
#include "pg/pg_value.h"
#include "read/readers.h"
#include "read/text_ranges.h"
#include "schema/schema.h"

/* What is not wanted any more comes to its end all the same. */
enum { SCAN_FEW = 128 };

struct scan {
	const struct bound_query *bound;
	struct result *result;
	struct parameters parameters;
	struct strbuf sql;
	int64_t range[2]; /* what is read now, not of a STATE table */
	uint32_t left;    /* rows that may still come */
};

static bool scan_is_state(const struct scan *scan)
{
	return scan->bound->stored->table.kind == TALLY_STATE;
}

static const struct tally_column *scan_column(const struct scan *scan, uint32_t c)
{
	return &scan->bound->stored->table.columns[c];
}

static const char *scan_alias(const struct scan *scan, const struct tally_column *column)
{
	return column->role == TALLY_TAG && !scan_is_state(scan) ? "s." : "r.";
}

/* The columns of the answer: the time, then those selected; and what belongs to the time. */
static void scan_append_columns(struct scan *scan)
{
	const struct bound_query *bound = scan->bound;
	strbuf_add(&scan->sql, "select r.\"%s\"", scan_column(scan, 0)->name);
	for (uint32_t i = 0; i < bound->query->n_select; i++) {
		const struct tally_column *column = scan_column(scan, bound->select[i]);
		strbuf_add(&scan->sql, ", %s\"%s\"", scan_alias(scan, column), column->name);
	}
	if (schema_has_nanos(bound->stored))
		strbuf_add(&scan->sql, ", r._nanos");
}

static void scan_append_order(struct scan *scan)
{
	const struct stored_table *stored = scan->bound->stored;
	const char *direction = scan->bound->query->newest_first ? " desc" : "";
	for (uint32_t i = 0; i < stored->n_key; i++) {
		const struct tally_column *column = scan_column(scan, stored->key[i]);
		strbuf_add(&scan->sql, "%s%s\"%s\"%s", i ? ", " : " order by ",
			   scan_alias(scan, column), column->name, direction);
		if (i == 0 && schema_has_nanos(stored))
			strbuf_add(&scan->sql, ", r._nanos%s", direction);
	}
	strbuf_add(&scan->sql, " limit %u", scan->left);
}

static void scan_append_state(struct scan *scan)
{
	scan_append_columns(scan);
	strbuf_add(&scan->sql, " from tally.\"%s_rows\" r where true",
		   scan->bound->stored->table.name);
	condition_append(&scan->sql, &scan->parameters, scan->bound,
			 BOUND_QUERY_TAGS | BOUND_QUERY_FIELDS, "r.", "r.");
	condition_append_after(&scan->sql, &scan->parameters, scan->bound, "r.", "r.");
	scan_append_order(scan);
}

/* Twice the same: the time alone says which partitions need not be looked at. */
static void scan_append_limit(struct scan *scan, const char *operator, int64_t limit)
{
	const char *time = scan_column(scan, 0)->name;
	const struct tally_cell cell = {.i = limit, .set = 1};
	int parameter = parameters_cell(&scan->parameters, TALLY_TIME, &cell);
	/* Not as a number in the text, which would be another statement each time. */
	int nanos = parameters_int(&scan->parameters, pg_time_nanos(limit));
	strbuf_add(&scan->sql, " and r.\"%s\" %c= $%d and (r.\"%s\", r._nanos) %s ($%d, $%d)", time,
		   *operator, parameter, time, operator, parameter, nanos);
}

static void scan_append_range(struct scan *scan)
{
	const char *time = scan_column(scan, 0)->name;
	int64_t from = scan->range[0], to = scan->range[1];
	if (schema_has_nanos(scan->bound->stored)) {
		scan_append_limit(scan, ">=", from);
		scan_append_limit(scan, "<", to);
	} else {
		strbuf_add(&scan->sql, " and r.\"%s\" >= $%d and r.\"%s\" < $%d", time,
			   parameters_time(&scan->parameters, from), time,
			   parameters_time(&scan->parameters, to));
	}
}

static void scan_append_rows(struct scan *scan)
{
	const struct stored_table *stored = scan->bound->stored;
	const struct tally_query *query = scan->bound->query;
	const char *name = stored->table.name, *direction = query->newest_first ? " desc" : "";
	scan_append_columns(scan);
	strbuf_add(&scan->sql,
		   " from tally.\"%s_series\" s cross join lateral (select r.* from "
		   "tally.\"%s_rows\" r where r._series = s._series",
		   name, name);
	scan_append_range(scan);
	condition_append(&scan->sql, &scan->parameters, scan->bound, BOUND_QUERY_FIELDS, "", "r.");
	condition_append_after(&scan->sql, &scan->parameters, scan->bound, "s.", "r.");
	strbuf_add(&scan->sql, " order by r.\"%s\"%s", scan_column(scan, 0)->name, direction);
	if (schema_has_nanos(stored))
		strbuf_add(&scan->sql, ", r._nanos%s", direction);
	if (stored->order)
		strbuf_add(&scan->sql, ", r.\"%s\"%s", scan_column(scan, stored->order)->name,
			   direction);
	strbuf_add(&scan->sql, " limit %u) r where true", scan->left);
	condition_append(&scan->sql, &scan->parameters, scan->bound, BOUND_QUERY_TAGS, "s.", "");
	scan_append_order(scan);
}

static int scan_row(void *arg, const PGresult *result, int at)
{
	struct scan *scan = arg;
	struct tally_cell *row = NULL;
	uint32_t n = scan->result->table.n_columns;
	scan->left--;
	int r = result_row(scan->result, &row);
	for (uint32_t c = 0; r == 0 && c < n; c++) {
		if (PQgetisnull(result, at, (int)c))
			continue;
		struct tally_cell cell =
			pg_get_cell(scan->result->columns[c].type, PQgetvalue(result, at, (int)c),
				    PQgetlength(result, at, (int)c));
		/* The time is whole microseconds there, the rest of it the column after the last.
		 */
		if (c == 0 && PQnfields(result) > (int)n)
			cell.i += pg_get_16(PQgetvalue(result, at, (int)n));
		r = result_put(scan->result, row, c, &cell);
	}
	return r;
}

static int scan_one_by_one(struct scan *scan, struct pg_connection *pg,
			   const struct pg_params *params)
{
	PGresult *result = NULL;
	int r = pg_send(pg, scan->sql.data, params);
	while (r == 0 && (r = pg_next(pg, &result)) == 0 && result) {
		if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
			r = scan_row(scan, result, 0);
		PQclear(result);
	}
	return r;
}

static int scan_few(struct scan *scan, struct pg_connection *pg, const struct pg_params *params)
{
	enum { ROWS = READERS_BEGIN, COMMIT, N };
	struct readers_begin begin;
	struct pg_statement statements[N] = {
		[ROWS] = {scan->sql.data, params}, [COMMIT] = {"commit", NULL}};
	int r = readers_begin(pg, READERS_PLANS_KEPT, &begin, statements);
	return r < 0 ? r : pg_ask_rows(pg, statements, N, ROWS, scan_row, scan);
}

static int scan_params(struct scan *scan, struct pg_connection *pg, struct pg_params *ret)
{
	int r = parameters_get(pg->ctx, &scan->parameters, ret);
	return r == 0 && scan->sql.failed ? tally_fail(pg->ctx, ENOMEM, "no memory") : r;
}

/* Of the whole range, as one statement. */
static int scan_whole(struct scan *scan, struct pg_connection *pg)
{
	struct pg_params params;
	bound_query_range(scan->bound, &scan->range[0], &scan->range[1]);
	if (scan_is_state(scan))
		scan_append_state(scan);
	else
		scan_append_rows(scan);
	int r = scan_params(scan, pg, &params);
	if (r < 0)
		return r;
	if (scan->left <= SCAN_FEW)
		return scan_few(scan, pg, &params);
	r = readers_begin_now(pg);
	return r == 0 ? scan_one_by_one(scan, pg, &params) : r;
}

/* What the index of a log's text rules out is not read. */
static int scan_ranges(struct scan *scan, struct pg_connection *pg)
{
	auto_text_ranges struct text_ranges ranges;
	int r = text_ranges_begin(pg, scan->bound, &ranges);
	while (r == 0 && scan->left && text_ranges_next(&ranges, scan->range)) {
		struct pg_params params;
		parameters_done(&scan->parameters);
		scan->parameters = (struct parameters){.n = 0};
		strbuf_clear(&scan->sql);
		scan_append_rows(scan);
		r = scan_params(scan, pg, &params);
		if (r == 0)
			r = scan_one_by_one(scan, pg, &params);
	}
	return r;
}

int scan_run(struct pg_connection *pg, const struct bound_query *bound, struct result *result)
{
	auto_free struct scan *scan = calloc(1, sizeof(*scan));
	if (!scan)
		return tally_fail(pg->ctx, ENOMEM, "no memory");
	scan->bound = bound;
	scan->result = result;
	scan->left = bound->query->limit;
	int r = text_ranges_are_asked(bound) ? scan_ranges(scan, pg) : scan_whole(scan, pg);
	if (r == 0)
		r = result_finish(result);
	parameters_done(&scan->parameters);
	strbuf_done(&scan->sql);
	return r;
}
