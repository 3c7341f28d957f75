/*
 * A STATE table is one plain statement.  SERIES and LOG lie by series, but the answer is in the
 * order of time over all series: so each series that the filters leave gives at most a page's
 * rows from its own end of the index, and these are sorted.
 *
 * Rows come one by one, since a page of them may be large.  A usual page takes one round trip and a
 * statement that stays prepared: planning it takes longer than reading the page.  A search has one
 * for each stretch of time that may have what it looks for.  Of each container that is all or
 * nothing, so the first one is a single block of the text's index; then it is twice as many in each
 * round trip, or as many as the rest of the page probably needs.  store_query() calls scan_run() on
 * the thread that asks; what can fail is a statement, memory, or the caller's rows function.
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
#include "read/text_ranges.h"
#include "schema/schema.h"

/* What is not wanted any more comes to its end all the same. */
enum { SCAN_FEW = 128 };
/* Ranges that are asked for at once, at most; and rows with which a range is asked for whole,
 * alone, and stopped when there are enough. */
enum { SCAN_RANGES = 8, SCAN_MANY = 5000 };

struct scan {
	const struct bound_query *bound;
	struct result *result;
	struct parameters *parameters;
	struct strbuf sql;
	int64_t range[2]; /* what is read now, not of a STATE table */
	uint32_t left;    /* rows that may still come */
	bool searched;    /* the limit is a parameter: each search would have another */
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

static void scan_append_number(struct scan *scan)
{
	if (scan->searched)
		strbuf_add(&scan->sql, " limit $%d", parameters_int(scan->parameters, scan->left));
	else
		strbuf_add(&scan->sql, " limit %u", scan->left);
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
	scan_append_number(scan);
}

static void scan_append_state(struct scan *scan)
{
	scan_append_columns(scan);
	strbuf_add(&scan->sql, " from tally.\"%s_rows\" r where true",
		   scan->bound->stored->table.name);
	condition_append(&scan->sql, scan->parameters, scan->bound,
			 BOUND_QUERY_TAGS | BOUND_QUERY_FIELDS, "r.", "r.");
	condition_append_after(&scan->sql, scan->parameters, scan->bound, "r.", "r.");
	scan_append_order(scan);
}

/* Twice the same: the time alone says which partitions need not be looked at. */
static void scan_append_limit(struct scan *scan, const char *operator, int64_t limit)
{
	const char *time = scan_column(scan, 0)->name;
	const struct tally_cell cell = {.i = limit, .set = 1};
	int parameter = parameters_cell(scan->parameters, TALLY_TIME, &cell);
	/* Not as a number in the text, which would be another statement each time. */
	int nanos = parameters_int(scan->parameters, pg_time_nanos(limit));
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
			   parameters_time(scan->parameters, from), time,
			   parameters_time(scan->parameters, to));
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
	condition_append(&scan->sql, scan->parameters, scan->bound, BOUND_QUERY_FIELDS, "", "r.");
	condition_append_after(&scan->sql, scan->parameters, scan->bound, "s.", "r.");
	strbuf_add(&scan->sql, " order by r.\"%s\"%s", scan_column(scan, 0)->name, direction);
	if (schema_has_nanos(stored))
		strbuf_add(&scan->sql, ", r._nanos%s", direction);
	if (stored->order)
		strbuf_add(&scan->sql, ", r.\"%s\"%s", scan_column(scan, stored->order)->name,
			   direction);
	scan_append_number(scan);
	strbuf_add(&scan->sql, ") r where true");
	condition_append(&scan->sql, scan->parameters, scan->bound, BOUND_QUERY_TAGS, "s.", "");
	scan_append_order(scan);
}

static int scan_row(void *arg, const PGresult *result, int at)
{
	struct scan *scan = arg;
	struct tally_cell *row = NULL;
	uint32_t n = scan->result->table.n_columns;
	/* Of ranges that were asked for together. */
	if (scan->left == 0)
		return 0;
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

static int scan_params(struct scan *scan, struct tally_ctx *ctx, struct pg_params *ret)
{
	int r = parameters_get(ctx, scan->parameters, ret);
	return r == 0 && scan->sql.failed ? tally_fail(ctx, ENOMEM, "no memory") : r;
}

/* Of the whole range, as one statement. */
static int scan_whole(struct scan *scan, struct reader *reader)
{
	struct pg_params params;
	bound_query_range(scan->bound, &scan->range[0], &scan->range[1]);
	if (scan_is_state(scan))
		scan_append_state(scan);
	else
		scan_append_rows(scan);
	int r = scan_params(scan, reader->pg.ctx, &params);
	if (r < 0)
		return r;
	if (scan->left <= SCAN_FEW) {
		const struct pg_statement statement = {scan->sql.data, &params};
		return readers_ask_rows(reader, &statement, scan_row, scan);
	}
	r = readers_begin_now(reader);
	return r == 0 ? scan_one_by_one(scan, &reader->pg, &params) : r;
}

/* ---- Searches ---------------------------------------------------------------------- */

/* Some ranges that are asked for together: the same statement with other values. */
struct scan_ranges {
	struct text_ranges ranges;
	uint32_t blocks; /* that are in them */
	int n;
	struct parameters parameters[SCAN_RANGES];
	struct pg_params params[SCAN_RANGES];
	struct pg_statement statements[SCAN_RANGES + 2];
};

static int scan_add_range(struct scan *scan, struct tally_ctx *ctx, struct scan_ranges *some)
{
	scan->parameters = &some->parameters[some->n];
	parameters_init(scan->parameters);
	strbuf_clear(&scan->sql);
	scan_append_rows(scan);
	return scan_params(scan, ctx, &some->params[some->n++]);
}

/* The last ones together with the end of the transaction. */
static int scan_ask_ranges(struct scan *scan, struct reader *reader, struct scan_ranges *some)
{
	if (scan->left > SCAN_MANY)
		return scan_one_by_one(scan, &reader->pg, &some->params[0]);
	struct pg_statement *statements = some->statements;
	statements[0] = (struct pg_statement){scan->sql.data, NULL};
	int first = reader_plans(reader, statements, 1) == READERS_PLANS_NEW, n = first;
	if (first)
		statements[0] = readers_plan_anew;
	for (int i = 0; i < some->n; i++)
		statements[n++] = (struct pg_statement){scan->sql.data, &some->params[i]};
	if (!text_ranges_are_left(&some->ranges))
		statements[n++] = (struct pg_statement){"commit", NULL};
	return pg_ask_rows(&reader->pg, statements, n, first, scan_row, scan);
}

/* With at most so many blocks. */
static int scan_some_ranges(struct scan *scan, struct reader *reader, struct scan_ranges *some,
			    uint32_t most)
{
	int r = 0, most_ranges = scan->left > SCAN_MANY ? 1 : SCAN_RANGES;
	some->n = 0;
	some->blocks = 0;
	while (r == 0 && some->n < most_ranges && some->blocks < most &&
	       text_ranges_are_left(&some->ranges)) {
		some->blocks += text_ranges_next(&some->ranges, most - some->blocks, scan->range);
		r = scan_add_range(scan, reader->pg.ctx, some);
	}
	if (r == 0)
		r = scan_ask_ranges(scan, reader, some);
	for (int i = 0; i < some->n; i++)
		parameters_done(&some->parameters[i]);
	return r;
}

/* How many blocks the next round has, after one of so many that had these rows. */
static uint32_t scan_next_blocks(const struct scan *scan, uint32_t blocks, uint32_t found)
{
	uint64_t twice = 2 * (uint64_t)blocks;
	uint64_t enough = found ? (uint64_t)blocks * scan->left / found + 1 : twice;
	uint64_t next = enough < twice ? enough : twice;
	return scan->left > SCAN_MANY || next > UINT32_MAX ? UINT32_MAX : (uint32_t)next;
}

/* What the index of a log's text rules out is not read. */
static int scan_ranges(struct scan *scan, struct reader *reader)
{
	auto_free struct scan_ranges *some = malloc(sizeof(*some));
	if (!some)
		return tally_fail(reader->pg.ctx, ENOMEM, "no memory");
	scan->searched = true;
	uint32_t most = scan->left > SCAN_MANY ? UINT32_MAX : 1;
	int r = text_ranges_begin(reader, scan->bound, &some->ranges);
	while (r == 0 && scan->left && text_ranges_are_left(&some->ranges)) {
		uint32_t before = scan->left;
		r = scan_some_ranges(scan, reader, some, most);
		most = scan_next_blocks(scan, some->blocks, before - scan->left);
	}
	text_ranges_done(&some->ranges);
	return r;
}

int scan_run(struct reader *reader, const struct bound_query *bound, struct result *result)
{
	auto_free struct parameters *parameters = malloc(sizeof(*parameters));
	struct scan scan = {.bound = bound,
			    .result = result,
			    .parameters = parameters,
			    .left = bound->query->limit};
	if (!parameters)
		return tally_fail(reader->pg.ctx, ENOMEM, "no memory");
	parameters_init(parameters);
	int r = text_ranges_are_asked(bound) ? scan_ranges(&scan, reader)
					     : scan_whole(&scan, reader);
	if (r == 0)
		r = result_finish(result);
	parameters_done(parameters);
	strbuf_done(&scan.sql);
	return r;
}
