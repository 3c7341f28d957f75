/*
 * A SERIES or LOG is read by the numbers of its series, a STATE table by its own conditions: each
 * of its rows is a series of its own.  aggregate.c calls this on the thread that asks; without
 * memory sql->failed is set.
 *
 * Sums are not made on the server: avg() of bigint goes through numeric there, and rows come as
 * binary, which was measured to take a quarter of what json_agg() takes.
 */
#include "read/aggregate_sql.h"

#include "base/clock.h"
#include "read/condition.h"
#include "pg/pg_value.h"

static const struct tally_table *aggregate_table(const struct aggregate_sql *a)
{
	return &a->bound->stored->table;
}

static bool aggregate_is_state(const struct aggregate_sql *a)
{
	return aggregate_table(a)->kind == TALLY_STATE;
}

void aggregate_sql_init(struct aggregate_sql *a, const struct bound_query *bound)
{
	a->bound = bound;
	a->totals = NULL;
	a->ids = NULL;
	a->n_ids = 0;
	a->in_order = false;
	a->sql = (struct strbuf){0};
	parameters_init(&a->parameters);
}

void aggregate_sql_done(struct aggregate_sql *a)
{
	strbuf_done(&a->sql);
	parameters_done(&a->parameters);
}

/* Of a piece that is read whole, in memory. */
enum { AGGREGATE_MAX_BYTES = 8 << 20, AGGREGATE_NUMBER_BYTES = 32, AGGREGATE_TEXT_BYTES = 512 };

uint32_t aggregate_sql_most(const struct aggregate_sql *a)
{
	uint32_t bytes = 4 * AGGREGATE_NUMBER_BYTES;
	for (uint32_t f = 0; f < a->totals->aggregator.n_fields; f++) {
		const struct aggregator_field *field = &a->totals->fields[f];
		uint32_t parts = (uint32_t)__builtin_popcount(field->parts);
		bytes += pg_value_is_text(field->type) ? AGGREGATE_TEXT_BYTES
						       : (parts + 1) * AGGREGATE_NUMBER_BYTES;
	}
	return AGGREGATE_MAX_BYTES / bytes;
}

static void aggregate_append_groups(struct aggregate_sql *a, const char *before, const char *alias)
{
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++)
		strbuf_add(&a->sql, "%s%s\"%s\"", i ? ", " : before, alias,
			   aggregate_table(a)->columns[a->bound->group[i]].name);
}

/* Each row of a STATE table is a series of its own, by its number in one and the same order. */
static void aggregate_append_number(struct aggregate_sql *a)
{
	strbuf_add(&a->sql, "select (row_number() over (order by r._key))::int");
}

void aggregate_sql_list(struct aggregate_sql *a)
{
	const char *name = aggregate_table(a)->name;
	if (aggregate_is_state(a)) {
		aggregate_append_number(a);
		aggregate_append_groups(a, ", ", "r.");
		strbuf_add(&a->sql, " from tally.\"%s_rows\" r where true", name);
		condition_append(&a->sql, &a->parameters, a->bound,
				 BOUND_QUERY_TAGS | BOUND_QUERY_FIELDS, "r.", "r.");
		aggregate_append_groups(a, " order by ", "r.");
		return;
	}
	strbuf_add(&a->sql, "select s._series");
	aggregate_append_groups(a, ", ", "s.");
	strbuf_add(&a->sql, " from tally.\"%s_series\" s where true", name);
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_TAGS, "s.", "");
	aggregate_append_groups(a, " order by ", "s.");
}

/* ---- Pieces ------------------------------------------------------------------- */

/* Which series are read: by their numbers, or by what the filters say. */
static void aggregate_append_series(struct aggregate_sql *a, const char *column)
{
	if (a->ids) {
		strbuf_add(&a->sql, "%s = any($%d)", column,
			   parameters_ints(&a->parameters, a->ids, a->n_ids));
		return;
	}
	strbuf_add(&a->sql, "%s = any(array(select s._series from tally.\"%s_series\" s where true",
		   column, aggregate_table(a)->name);
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_TAGS, "s.", "");
	strbuf_add(&a->sql, "))");
}

static void aggregate_append_fields(struct aggregate_sql *a)
{
	for (uint32_t f = 0; f < a->totals->aggregator.n_fields; f++) {
		const struct tally_column *column =
			&aggregate_table(a)->columns[a->totals->columns[f]];
		bool tag = column->role == TALLY_TAG && !aggregate_is_state(a);
		strbuf_add(&a->sql, ", %s.\"%s\"", tag ? "s" : "r", column->name);
	}
}

static void aggregate_append_range(struct aggregate_sql *a, const char *time, int64_t from,
				   int64_t to)
{
	strbuf_add(&a->sql, " and r.\"%s\" >= $%d and r.\"%s\" < $%d", time,
		   parameters_time(&a->parameters, from), time,
		   parameters_time(&a->parameters, to));
}

static void aggregate_append_order(struct aggregate_sql *a, const char *time)
{
	if (a->in_order)
		strbuf_add(&a->sql, " order by r._series, r.\"%s\"", time);
}

/* How many rows back a counter's last sample is looked for. */
enum { AGGREGATE_BASELINE_ROWS = 16 };

/* A series' rows in a range. */
static void aggregate_append_in(struct aggregate_sql *a, int64_t from, int64_t to)
{
	strbuf_add(&a->sql, " from tally.\"%s_rows\" r where r._series = s._series",
		   aggregate_table(a)->name);
	aggregate_append_range(a, aggregate_table(a)->columns[0].name, from, to);
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_FIELDS, "", "r.");
}

/* At most so many rows of each series.  LATERAL with LIMIT is one descent of the index per series:
 * 1.3 ms for the newest rows of 100 containers, where DISTINCT ON over 6 M rows took 858. */
static void aggregate_append_last(struct aggregate_sql *a, int64_t from, int64_t to, int limit)
{
	strbuf_add(&a->sql, " from tally.\"%s_series\" s cross join lateral (select r.*",
		   aggregate_table(a)->name);
	aggregate_append_in(a, from, to);
	strbuf_add(&a->sql, " order by r.\"%s\" desc limit %d) r where ",
		   aggregate_table(a)->columns[0].name, limit);
}

/* Of each series, the newest first. */
static void aggregate_append_newest(struct aggregate_sql *a, int64_t from, int64_t to, int limit)
{
	const char *time = aggregate_table(a)->columns[0].name;
	strbuf_add(&a->sql, "select s._series, r.\"%s\"", time);
	aggregate_append_fields(a);
	aggregate_append_last(a, from, to, limit);
	aggregate_append_series(a, "s._series");
	strbuf_add(&a->sql, " order by s._series, r.\"%s\" desc", time);
}

static void aggregate_append_state(struct aggregate_sql *a)
{
	aggregate_append_number(a);
	strbuf_add(&a->sql, ", r.\"%s\"", aggregate_table(a)->columns[0].name);
	aggregate_append_fields(a);
	strbuf_add(&a->sql, " from tally.\"%s_rows\" r where true", aggregate_table(a)->name);
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_TAGS | BOUND_QUERY_FIELDS,
			 "r.", "r.");
	strbuf_add(&a->sql, " order by 1");
}

static bool aggregate_has_tags(const struct aggregate_sql *a)
{
	uint32_t f = 0;
	while (f < a->totals->aggregator.n_fields &&
	       aggregate_table(a)->columns[a->totals->columns[f]].role != TALLY_TAG)
		f++;
	return f < a->totals->aggregator.n_fields;
}

static void aggregate_append_rows(struct aggregate_sql *a, const struct rollup_plan_segment *piece)
{
	const char *name = aggregate_table(a)->name, *time = aggregate_table(a)->columns[0].name;
	strbuf_add(&a->sql, "select r._series, r.\"%s\"", time);
	aggregate_append_fields(a);
	strbuf_add(&a->sql, " from tally.\"%s_rows\" r", name);
	if (aggregate_has_tags(a))
		strbuf_add(&a->sql, " join tally.\"%s_series\" s on s._series = r._series", name);
	strbuf_add(&a->sql, " where ");
	aggregate_append_series(a, "r._series");
	aggregate_append_range(a, time, piece->from, piece->to);
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_FIELDS, "", "r.");
	aggregate_append_order(a, time);
}

static void aggregate_append_rolled(struct aggregate_sql *a,
				    const struct rollup_plan_segment *piece)
{
	strbuf_add(&a->sql, "select r._series, r.time");
	for (uint32_t f = 0; f < a->totals->aggregator.n_fields; f++) {
		const struct tally_column *column =
			&aggregate_table(a)->columns[a->totals->columns[f]];
		for (uint32_t part = 0; part < N_PARTS; part++)
			if (a->totals->fields[f].parts >> part & 1)
				strbuf_add(&a->sql, ", r.\"%s_%s\"", column->name,
					   schema_parts[part]);
	}
	if (a->totals->newest)
		strbuf_add(&a->sql, ", r.newest");
	strbuf_add(&a->sql, " from tally.\"%s%s_rows\" r where ", aggregate_table(a)->name,
		   schema_levels[piece->level].suffix);
	aggregate_append_series(a, "r._series");
	aggregate_append_range(a, "time", piece->from, piece->to);
	aggregate_append_order(a, "time");
}

void aggregate_sql_piece(struct aggregate_sql *a, const struct rollup_plan_segment *piece)
{
	const struct bound_query *bound = a->bound;
	if (aggregate_is_state(a))
		aggregate_append_state(a);
	else if (piece->level != LEVEL_ROWS)
		aggregate_append_rolled(a, piece);
	else if (bound->only_last && bound->query->bucket == 0)
		aggregate_append_newest(a, piece->from, piece->to, 1);
	else
		aggregate_append_rows(a, piece);
}

void aggregate_sql_before(struct aggregate_sql *a, const struct rollup_plan_segment *piece)
{
	aggregate_append_newest(a, INT64_MIN, piece->from, AGGREGATE_BASELINE_ROWS);
}

/* ---- The newest ---------------------------------------------------------------- */

#define AGGREGATE_RECENT (5 * CLOCK_MINUTE)
enum { AGGREGATE_SEVERAL = 5 }; /* series, from which on it pays */

static bool aggregate_is_of_several(const struct aggregate_sql *a)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < a->bound->query->n_filters; i++)
		n += a->bound->query->filters[i].match == TALLY_EQUALS &&
		     aggregate_table(a)->columns[a->bound->filter[i]].role == TALLY_TAG;
	return n == 0 || n >= AGGREGATE_SEVERAL;
}

/* The same as the last one of the range, sooner: a page of the index is read as far as the range
 * goes, and for each series all partitions that it may be in are made ready.  So the recent ones
 * first; only where there is none are others looked at. */
static void aggregate_append_recent(struct aggregate_sql *a, int64_t from, int64_t recent,
				    int64_t to)
{
	const char *time = aggregate_table(a)->columns[0].name;
	strbuf_add(&a->sql,
		   " from tally.\"%s_series\" s cross join lateral (select * from ((select r.*",
		   aggregate_table(a)->name);
	aggregate_append_in(a, recent, to);
	strbuf_add(&a->sql, " order by r.\"%s\" desc limit 1) union all (select r.*", time);
	aggregate_append_in(a, from, recent);
	strbuf_add(&a->sql, " and not exists (select");
	aggregate_append_in(a, recent, to);
	strbuf_add(&a->sql, ") order by r.\"%s\" desc limit 1)) r limit 1) r where ", time);
}

void aggregate_sql_newest(struct aggregate_sql *a, uint32_t limit, int64_t now)
{
	const struct tally_query *query = a->bound->query;
	int64_t recent = (query->to < now ? query->to : now) - AGGREGATE_RECENT;
	strbuf_add(&a->sql, "select r.\"%s\"", aggregate_table(a)->columns[0].name);
	aggregate_append_groups(a, ", ", "s.");
	aggregate_append_fields(a);
	if (recent > query->from && aggregate_is_of_several(a))
		aggregate_append_recent(a, query->from, recent, query->to);
	else
		aggregate_append_last(a, query->from, query->to, 1);
	strbuf_add(&a->sql, "true");
	condition_append(&a->sql, &a->parameters, a->bound, BOUND_QUERY_TAGS, "s.", "");
	aggregate_append_groups(a, " order by ", "s.");
	strbuf_add(&a->sql, "%ss._series limit %u", query->n_group_by ? ", " : " order by ", limit);
}
