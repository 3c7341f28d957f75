/*
 * The outer statement goes through the series (of a STATE table: its rows) in the order of
 * group_by; for each, an inner statement per piece of the range feeds the aggregator.  The
 * clustering makes each of these one seek and a walk.
 *
 * If only the last values are wanted, the outer statement brings them along, one row of each
 * series, and nothing is added up.  Texts and rows of a STATE table go the long way, one row long.
 */
#include "read/aggregate.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bind.h"
#include "base/cleanup.h"
#include "read/condition.h"
#include "read/packed_source.h"
#include "database.h"
#include "read/row_source.h"
#include "schema/rollup_columns.h"
#include "schema/schema.h"
#include "store/totals.h"

/* Parameters after those of the filters. */
enum { AGGREGATE_SERIES, AGGREGATE_FROM, AGGREGATE_TO };
/* How many rows back a counter's last sample is searched. */
enum { AGGREGATE_BASELINE_ROWS = 16 };

struct aggregate {
	struct reader *reader;
	const struct bound_query *bound;
	const struct rollup_plan *plan;
	sqlite3_stmt *series;
	sqlite3_stmt *rows[N_LEVELS]; /* by level */
	sqlite3_stmt *before;         /* rows before the range; NULL: no rate is selected */
	bool all;                     /* some rows of the range are packed */
	struct packed_source *packed; /* reads them; NULL: SQL does */
	struct tally_cell *keys;      /* n_group_by cells per group, texts owned */
	uint32_t n_groups, n_used;    /* the last group is used if it has a row */
	bool newest;                  /* the statement of series has their newest rows, too */
	/* ---- 48 KB that begin as anything. */
	struct totals totals;
	struct row_source source;
};

/* ---- Statements ------------------------------------------------------------------- */

static bool aggregate_is_state(const struct aggregate *a)
{
	return a->bound->stored->table.kind == TALLY_STATE;
}

/* One that is there from a query like this. */
static bool aggregate_borrow(struct aggregate *a, uint32_t role, sqlite3_stmt **ret)
{
	*ret = reader_borrow(a->reader, role);
	if (*ret)
		condition_bind(*ret, a->bound);
	return *ret != NULL;
}

static int aggregate_prepare(struct aggregate *a, uint32_t role, sqlite3_str *sql,
			     sqlite3_stmt **ret)
{
	int r = reader_prepare(a->reader, role, sql, ret);
	if (r == 0)
		condition_bind(*ret, a->bound);
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

/* One statement for all series: beginning one for each costs more than finding its row.  With a
 * column of order there may be several rows of the newest time, the last of them last. */
static void aggregate_append_newest(const struct aggregate *a, sqlite3_str *sql)
{
	const char *table = a->bound->stored->table.name, *suffix = packed_source_suffix(a->all);
	const char *time = a->bound->stored->table.columns[0].name;
	sqlite3_str_appendf(sql,
			    " CROSS JOIN \"%w%s\" r ON r._series = s._series AND r.\"%w\" = "
			    "(SELECT max(m.\"%w\") FROM \"%w%s\" m WHERE m._series = s._series "
			    "AND m.\"%w\" >= ?%d AND m.\"%w\" < ?%d",
			    table, suffix, time, time, table, suffix, time,
			    CONDITION_FREE(a->bound) + AGGREGATE_FROM, time,
			    CONDITION_FREE(a->bound) + AGGREGATE_TO);
	condition_append(sql, a->bound, BOUND_QUERY_FIELDS, "", "m.");
	sqlite3_str_appendall(sql, ")");
	condition_append(sql, a->bound, BOUND_QUERY_FIELDS, "", "r.");
}

static int aggregate_prepare_series(struct aggregate *a)
{
	const struct bound_query *bound = a->bound;
	const struct tally_table *table = &bound->stored->table;
	bool state = aggregate_is_state(a);
	uint32_t n_groups = bound->query->n_group_by, role = STATEMENT_SERIES;
	if (a->newest)
		role |= STATEMENT_NEWEST | (a->all ? STATEMENT_ALL : 0);
	if (aggregate_borrow(a, role, &a->series))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(a->reader->db);
	sqlite3_str_appendf(sql, "SELECT s.%s", state ? "rowid" : "_series");
	for (uint32_t i = 0; i < n_groups; i++)
		sqlite3_str_appendf(sql, ", s.\"%w\"", table->columns[bound->group[i]].name);
	if (a->newest) {
		sqlite3_str_appendall(sql, ", ");
		aggregate_append_fields(a, sql);
	}
	sqlite3_str_appendf(sql, " FROM \"%w%s\" s", table->name, state ? "" : "_series");
	if (a->newest)
		aggregate_append_newest(a, sql);
	sqlite3_str_appendall(sql, " WHERE 1");
	condition_append(sql, bound, BOUND_QUERY_TAGS, "s.", "");
	for (uint32_t i = 0; i < n_groups; i++)
		sqlite3_str_appendf(sql, "%s" SCHEMA_KEY, i ? ", " : " ORDER BY ", "s.",
				    table->columns[bound->group[i]].name);
	return aggregate_prepare(a, role, sql, &a->series);
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

/* Filters on fields are SQL's, and a tag has no column in a row. */
static bool aggregate_reads_packed(const struct aggregate *a)
{
	const struct tally_table *table = &a->bound->stored->table;
	if (!a->all)
		return false;
	for (uint32_t i = 0; i < a->bound->query->n_filters; i++)
		if (table->columns[a->bound->filter[i]].role != TALLY_TAG)
			return false;
	for (uint32_t f = 0; f < a->totals.aggregator.n_fields; f++)
		if (table->columns[a->totals.columns[f]].role == TALLY_TAG)
			return false;
	return true;
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

static int aggregate_prepare_pieces(struct aggregate *a)
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

static void aggregate_free_key(const struct aggregate *a, uint32_t group)
{
	struct tally_cell *key = aggregate_key(a, group);
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++)
		if (aggregate_is_text(aggregate_group_type(a, i)) && key[i].set)
			free((void *)(uintptr_t)key[i].text);
}

static int aggregate_copy_key(struct aggregate *a, struct tally_cell *key)
{
	for (uint32_t i = 0; i < a->bound->query->n_group_by; i++) {
		uint16_t type = aggregate_group_type(a, i);
		key[i] = bind_read(a->series, 1 + (int)i, type);
		if (!key[i].set || !aggregate_is_text(type))
			continue;
		char *copy = malloc(key[i].len + 1);
		key[i].set = copy != NULL;
		if (!copy)
			return tally_fail(a->reader->ctx, ENOMEM, "no memory");
		memcpy(copy, key[i].text, key[i].len);
		key[i].text = copy;
	}
	return 0;
}

/* The group of the current series; a group that got no bucket gives its place to the next.  Series
 * come sorted by group, so only the last group has to be compared. */
static int aggregate_next_group(struct aggregate *a)
{
	if (aggregate_same_group(a))
		return 0;
	uint32_t n_used = a->totals.aggregator.n_buckets + a->totals.n_rows;
	if (a->n_groups > 0 && n_used == a->n_used)
		aggregate_free_key(a, --a->n_groups);
	a->n_used = n_used;
	size_t size = (a->n_groups + 1) * a->bound->query->n_group_by * sizeof(*a->keys);
	/* One more byte, since without group_by a group has no cells, and realloc() of nothing may
	 * return NULL. */
	struct tally_cell *keys = realloc(a->keys, size + 1);
	if (!keys)
		return tally_fail(a->reader->ctx, ENOMEM, "no memory");
	a->keys = keys;
	/* Whatever fails while it is filled, aggregate_free_key() then finds only texts of ours. */
	memset(aggregate_key(a, a->n_groups), 0, a->bound->query->n_group_by * sizeof(*keys));
	a->n_groups++;
	return aggregate_copy_key(a, aggregate_key(a, a->n_groups - 1));
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

/* The current row of the statement of series. */
static int aggregate_put_newest(struct aggregate *a)
{
	const struct tally_query *query = a->bound->query;
	int first = 1 + (int)query->n_group_by;
	int64_t time = sqlite3_column_int64(a->series, first++);
	struct tally_cell *cells = NULL;
	int r = totals_newest(&a->totals, a->n_groups - 1, time, &cells);
	for (uint32_t i = 0; r == 0 && cells && i < query->n_select; i++) {
		uint32_t f = a->totals.field_of[i];
		cells[i] = bound_query_is_newest(a->bound, i)
				   ? (struct tally_cell){.i = time, .set = 1}
				   : bind_read(a->series, first + (int)f, a->totals.fields[f].type);
	}
	return r;
}

static int aggregate_read_newest(struct aggregate *a)
{
	int r = 0;
	aggregate_bind_range(a, a->series, &a->plan->pieces[0]);
	while (r == 0 && (r = database_step(a->reader->ctx, a->series)) > 0) {
		r = aggregate_next_group(a);
		if (r == 0)
			r = aggregate_put_newest(a);
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
	a->newest = bound->only_last && bound->query->bucket == 0 && a->plan->n_pieces == 1 &&
		    !aggregate_is_state(a) && !a->totals.texts;
	int r = aggregate_find_relation(a);
	if (r == 0)
		r = aggregate_prepare_series(a);
	if (r < 0)
		return r;
	return a->newest ? aggregate_read_newest(a) : aggregate_read_pieces(a);
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
	for (uint32_t i = 0; i < a->n_groups; i++)
		aggregate_free_key(a, i);
	free(a->keys);
	free(a->packed);
	totals_done(&a->totals);
	return r;
}
