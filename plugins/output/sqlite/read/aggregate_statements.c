/*
 * The texts of an aggregate query: over the series, in the order of group_by, and over the rows of
 * one of them per piece of the range.  What a text depends on has to be in the query's shape or in
 * the statement's role (read/statements.h).  On a query's thread; what can fail is memory.
 */
#include "read/aggregate_statements.h"

#include <errno.h>
#include <stdlib.h>

#include "database.h"
#include "read/condition.h"
#include "schema/rollup_columns.h"
#include "schema/schema.h"

/* How many rows back a counter's last sample is searched. */
enum { AGGREGATE_BASELINE_ROWS = 16 };

static void aggregate_bind_filters(const struct aggregate *a, uint32_t role,
				   sqlite3_stmt *statement)
{
	condition_bind(statement, a->bound,
		       role == STATEMENT_SERIES ? BOUND_QUERY_TAGS : BOUND_QUERY_FIELDS);
}

/* One that is there from a query like this. */
static bool aggregate_borrow(struct aggregate *a, uint32_t role, sqlite3_stmt **ret)
{
	*ret = reader_borrow(a->reader, role);
	if (*ret)
		aggregate_bind_filters(a, role, *ret);
	return *ret != NULL;
}

static int aggregate_prepare(struct aggregate *a, uint32_t role, sqlite3_str *sql,
			     sqlite3_stmt **ret)
{
	int r = reader_prepare(a->reader, role, sql, ret);
	if (r == 0)
		aggregate_bind_filters(a, role, *ret);
	return r;
}

/* The time and the fields of a row. */
static void aggregate_append_fields(const struct aggregate *a, sqlite3_str *sql)
{
	const struct tally_table *table = &a->bound->stored->table;
	sqlite3_str_appendf(sql, "r.\"%w\"", table->columns[0].name);
	for (uint32_t f = 0; f < a->totals.aggregator.n_fields; f++) {
		const struct tally_column *column = &table->columns[a->totals.columns[f]];
		/* The tag columns of a SERIES are in its dictionary, next to which the row stands.
		 */
		bool tag = column->role == TALLY_TAG && !aggregate_is_state(a);
		sqlite3_str_appendf(sql, ", %s.\"%w\"", tag ? "s" : "r", column->name);
	}
}

/* Series that are found by one tag come out of its index, and need not be sorted by it; else SQLite
 * is kept from it by a +, so that they come sorted by the index of all tags. */
static const char *aggregate_series_alias(const struct aggregate *a)
{
	for (uint32_t i = 0; i < a->bound->query->n_filters; i++)
		if (bound_query_alternatives(a->bound, a->bound->filter[i]) > 1)
			return "+s.";
	return "s.";
}

static void aggregate_append_order(const struct aggregate *a, sqlite3_str *sql)
{
	const struct bound_query *bound = a->bound;
	const char *before = " ORDER BY ";
	for (uint32_t i = 0; i < bound->query->n_group_by; i++) {
		if (bound_query_alternatives(bound, bound->group[i]) == 1)
			continue;
		sqlite3_str_appendf(sql, "%s" SCHEMA_KEY, before, "s.",
				    bound->stored->table.columns[bound->group[i]].name);
		before = ", ";
	}
}

int aggregate_prepare_series(struct aggregate *a)
{
	const struct bound_query *bound = a->bound;
	const struct tally_table *table = &bound->stored->table;
	bool state = aggregate_is_state(a);
	if (aggregate_borrow(a, STATEMENT_SERIES, &a->series))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	sqlite3_str_appendf(sql, "SELECT s.%s", state ? "rowid" : "_series");
	for (uint32_t i = 0; i < bound->query->n_group_by; i++)
		sqlite3_str_appendf(sql, ", s.\"%w\"", table->columns[bound->group[i]].name);
	sqlite3_str_appendf(sql, " FROM \"%w%s\" s WHERE 1", table->name, state ? "" : "_series");
	condition_append(sql, bound, BOUND_QUERY_TAGS, aggregate_series_alias(a), "");
	aggregate_append_order(a, sql);
	return aggregate_prepare(a, STATEMENT_SERIES, sql, &a->series);
}

/* With a column of order there may be several rows of the newest time: the last of them. */
int aggregate_prepare_newest(struct aggregate *a)
{
	const struct stored_table *stored = a->bound->stored;
	const char *time = stored->table.columns[0].name;
	int first = CONDITION_FREE(a->bound);
	uint32_t role = STATEMENT_NEWEST_ROW | (a->all ? STATEMENT_ALL : 0);
	if (aggregate_borrow(a, role, &a->rows[LEVEL_ROWS]))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	sqlite3_str_appendall(sql, "SELECT ");
	aggregate_append_fields(a, sql);
	sqlite3_str_appendf(sql,
			    " FROM \"%w%s\" r WHERE r._series = ?%d AND r.\"%w\" >= ?%d AND "
			    "r.\"%w\" < ?%d",
			    stored->table.name, packed_source_suffix(a->all),
			    first + AGGREGATE_SERIES, time, first + AGGREGATE_FROM, time,
			    first + AGGREGATE_TO);
	condition_append(sql, a->bound, BOUND_QUERY_FIELDS, "", "r.");
	sqlite3_str_appendf(sql, " ORDER BY r.\"%w\" DESC", time);
	if (stored->order)
		sqlite3_str_appendf(sql, ", r.\"%w\" DESC",
				    stored->table.columns[stored->order].name);
	sqlite3_str_appendall(sql, " LIMIT 1");
	return aggregate_prepare(a, role, sql, &a->rows[LEVEL_ROWS]);
}

static void aggregate_append_rows(const struct aggregate *a, sqlite3_str *sql, bool all)
{
	const struct bound_query *bound = a->bound;
	const struct tally_table *table = &bound->stored->table;
	int series = CONDITION_FREE(bound) + AGGREGATE_SERIES;
	sqlite3_str_appendall(sql, "SELECT ");
	aggregate_append_fields(a, sql);
	if (aggregate_is_state(a))
		sqlite3_str_appendf(sql, " FROM \"%w\" r WHERE r.rowid = ?%d", table->name, series);
	else
		/* CROSS keeps the order of the two: the planner must not walk over the rows first
		 * (SQLite, The SQLite Query Optimizer Overview, "Manual Control Of Query Plans
		 * Using CROSS JOIN"). */
		sqlite3_str_appendf(sql,
				    " FROM \"%w_series\" s CROSS JOIN \"%w%s\" r ON r._series = "
				    "s._series WHERE s._series = ?%d",
				    table->name, table->name, packed_source_suffix(all), series);
	condition_append(sql, bound, BOUND_QUERY_FIELDS, "", "r.");
}

bool aggregate_reads_tags(const struct aggregate *a)
{
	const struct tally_table *table = &a->bound->stored->table;
	for (uint32_t f = 0; f < a->totals.aggregator.n_fields; f++)
		if (table->columns[a->totals.columns[f]].role == TALLY_TAG)
			return true;
	return false;
}

/* Filters on fields are SQL's, and a tag has no column in a row. */
static bool aggregate_reads_packed(const struct aggregate *a)
{
	const struct tally_table *table = &a->bound->stored->table;
	if (!a->all)
		return false;
	for (uint32_t i = 0; i < a->bound->query->n_filters; i++)
		if (table->columns[a->bound->filter[i]].role != TALLY_TAG)
			return false;
	return !aggregate_reads_tags(a);
}

static int aggregate_prepare_packed(struct aggregate *a)
{
	a->packed = calloc(1, sizeof(*a->packed));
	if (!a->packed)
		return tally_fail(a->reader->ctx, ENOMEM, "no memory");
	return packed_source_prepare(a->packed, a->reader, &a->bound->stored->table,
				     a->totals.columns, a->totals.aggregator.n_fields);
}

static int aggregate_prepare_rows(struct aggregate *a)
{
	const struct bound_query *bound = a->bound;
	const char *time = bound->stored->table.columns[0].name;
	bool newest = bound->only_last && bound->query->bucket == 0;
	if (aggregate_reads_packed(a) && !newest)
		return aggregate_prepare_packed(a);
	uint32_t role = (STATEMENT_LEVEL + LEVEL_ROWS) | (a->all ? STATEMENT_ALL : 0);
	if (aggregate_borrow(a, role, &a->rows[LEVEL_ROWS]))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	aggregate_append_rows(a, sql, a->all);
	/* A STATE row is the present, however long ago it was written, so no range applies. */
	if (!aggregate_is_state(a))
		sqlite3_str_appendf(
			sql, " AND r.\"%w\" >= ?%d AND r.\"%w\" < ?%d ORDER BY r.\"%w\"%s", time,
			CONDITION_FREE(bound) + AGGREGATE_FROM, time,
			CONDITION_FREE(bound) + AGGREGATE_TO, time, newest ? " DESC LIMIT 1" : "");
	return aggregate_prepare(a, role, sql, &a->rows[LEVEL_ROWS]);
}

/* Newest first, a few rows: the last sample of a counter may be NULL in some of them. */
static int aggregate_prepare_before(struct aggregate *a)
{
	const char *time = a->bound->stored->table.columns[0].name;
	bool all = false;
	/* It may be packed, wherever the range is. */
	int r = packed_source_find(a->reader, INT64_MIN, &all);
	uint32_t role = STATEMENT_BEFORE | (all ? STATEMENT_ALL : 0);
	if (r < 0 || aggregate_borrow(a, role, &a->before))
		return r;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	aggregate_append_rows(a, sql, all);
	sqlite3_str_appendf(sql, " AND r.\"%w\" < ?%d ORDER BY r.\"%w\" DESC LIMIT %d", time,
			    CONDITION_FREE(a->bound) + AGGREGATE_FROM, time,
			    AGGREGATE_BASELINE_ROWS);
	return aggregate_prepare(a, role, sql, &a->before);
}

/* Only the parts that the aggregates need: a column that is not selected need not be decoded. */
static int aggregate_prepare_level(struct aggregate *a, enum schema_level level)
{
	const struct tally_table *table = &a->bound->stored->table;
	int free_parameter = CONDITION_FREE(a->bound);
	uint32_t role = STATEMENT_LEVEL + level;
	if (aggregate_borrow(a, role, &a->rows[level]))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	sqlite3_str_appendf(sql, "SELECT time, newest, rows");
	for (uint32_t f = 0; f < a->totals.aggregator.n_fields; f++) {
		const struct tally_column *column = &table->columns[a->totals.columns[f]];
		rollup_columns_append_columns(sql, column,
					      rollup_columns_needed(&a->totals.fields[f]));
	}
	sqlite3_str_appendf(sql,
			    " FROM \"%w%s_rows\" WHERE _series = ?%d AND time >= ?%d AND time < "
			    "?%d ORDER BY time",
			    table->name, schema_levels[level].suffix,
			    free_parameter + AGGREGATE_SERIES, free_parameter + AGGREGATE_FROM,
			    free_parameter + AGGREGATE_TO);
	return aggregate_prepare(a, role, sql, &a->rows[level]);
}

int aggregate_prepare_pieces(struct aggregate *a)
{
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < a->plan->n_pieces; i++) {
		enum schema_level level = a->plan->pieces[i].level;
		/* A level may stand at both ends of a coarser one: one statement does for both. */
		if (a->rows[level] || (level == LEVEL_ROWS && a->packed))
			continue;
		r = level == LEVEL_ROWS ? aggregate_prepare_rows(a)
					: aggregate_prepare_level(a, level);
	}
	if (r == 0 && a->totals.rates)
		r = aggregate_prepare_before(a);
	return r;
}
