/*
 * A STATE table is one statement.  SERIES and LOG lie clustered by series: where the filters leave
 * one series, as those on a container do, its rows are read in the order in which they lie, until
 * the page is full.  Over several the answer is in the order of time; sorting everything in the
 * range for the sake of one page would cost a read of everything.  So the range is gone through in
 * windows, from the first row that is there, each sorted on its own and four times as long as the
 * one before, until the page is full.
 */
#include "read/scan.h"

#include <errno.h>

#include "base/clock.h"
#include "bind.h"
#include "read/condition.h"
#include "packed/packed_file.h"
#include "read/packed_scan.h"
#include "read/packed_source.h"
#include "read/series_tags.h"
#include "read/text_ranges.h"
#include "database.h"
#include "schema/schema.h"

#define SCAN_FIRST_WINDOW CLOCK_SECOND
#define SCAN_FIRST_PACKED CLOCK_MINUTE

/* Parameters after those of the filters.  Those of SCAN_AFTER are as many as the key has columns,
 * and behind them are as many for what a single series has there. */
enum { SCAN_FROM, SCAN_TO, SCAN_LIMIT, SCAN_SERIES, SCAN_AFTER };

struct scan {
	struct reader *reader;
	const struct bound_query *bound;
	struct result *result;
	sqlite3_stmt *page; /* one window or series, or all of a STATE table */
	sqlite3_stmt *edge; /* the first row of the range */
	uint32_t left;      /* rows that may still come */
	bool newest_first;
	bool packed;              /* some rows of the range are */
	bool single;              /* all rows are of one series: */
	int64_t series;           /* this one */
	struct series_tags *tags; /* which each of them has */
	uint16_t *columns;        /* of the answer, that the page has */
	uint32_t n_columns;
	int64_t width; /* of the next window */
};

static const char *scan_alias(const struct bound_query *bound, uint16_t column)
{
	if (bound->stored->table.kind == TALLY_STATE)
		return "";
	return bound->stored->table.columns[column].role == TALLY_TAG ? "s." : "r.";
}

/* Of what a single series has in its key there. */
static int scan_key_parameter(const struct scan *scan, uint32_t i)
{
	return CONDITION_FREE(scan->bound) + SCAN_AFTER + (int)(scan->bound->stored->n_key + i);
}

static void scan_append_key(const struct scan *scan, sqlite3_str *sql, uint32_t i)
{
	const struct bound_query *bound = scan->bound;
	uint16_t column = bound->stored->key[i];
	const struct tally_column *c = &bound->stored->table.columns[column];
	if (c->role == TALLY_TAG && scan->single)
		sqlite3_str_appendf(sql, "ifnull(?%d, x'')", scan_key_parameter(scan, i));
	else
		sqlite3_str_appendf(sql, c->role == TALLY_TAG ? SCHEMA_KEY : "%s\"%w\"",
				    scan_alias(bound, column), c->name);
}

/* As row values, which are compared from left to right like the order itself (SQLite, Row Values);
 * ifnull() on both sides, since a comparison with NULL would be neither true nor false. */
static void scan_append_after(const struct scan *scan, sqlite3_str *sql)
{
	const struct bound_query *bound = scan->bound;
	int free_parameter = CONDITION_FREE(bound) + SCAN_AFTER;
	sqlite3_str_appendf(sql, " AND (");
	for (uint32_t i = 0; i < bound->stored->n_key; i++) {
		sqlite3_str_appendall(sql, i ? ", " : "");
		scan_append_key(scan, sql, i);
	}
	sqlite3_str_appendf(sql, ") %s (", scan->newest_first ? "<" : ">");
	for (uint32_t i = 0; i < bound->stored->n_key; i++)
		sqlite3_str_appendf(sql, "%sifnull(?%d, x'')", i ? ", " : "",
				    free_parameter + (int)i);
	sqlite3_str_appendf(sql, ")");
}

/* Of the rows of a SERIES or LOG. */
static void scan_append_range(const struct scan *scan, sqlite3_str *sql)
{
	const char *time = scan->bound->stored->table.columns[0].name;
	int free_parameter = CONDITION_FREE(scan->bound);
	sqlite3_str_appendf(sql, " AND r.\"%w\" >= ?%d AND r.\"%w\" < ?%d", time,
			    free_parameter + SCAN_FROM, time, free_parameter + SCAN_TO);
}

/* CROSS keeps SQLite from walking over the rows first: filters on tags choose the series. */
static void scan_append_from(const struct scan *scan, sqlite3_str *sql)
{
	const struct tally_table *table = &scan->bound->stored->table;
	const char *suffix = packed_source_suffix(scan->packed);
	if (table->kind == TALLY_STATE)
		sqlite3_str_appendf(sql, " FROM \"%w\" WHERE 1", table->name);
	else if (scan->single)
		sqlite3_str_appendf(sql, " FROM \"%w%s\" r WHERE r._series = ?%d", table->name,
				    suffix, CONDITION_FREE(scan->bound) + SCAN_SERIES);
	else
		sqlite3_str_appendf(sql,
				    " FROM \"%w_series\" s CROSS JOIN \"%w%s\" r ON r._series = "
				    "s._series WHERE 1",
				    table->name, table->name, suffix);
	if (table->kind != TALLY_STATE)
		scan_append_range(scan, sql);
}

/* Whether all rows of the answer have the same there. */
static bool scan_is_constant(const struct scan *scan, uint16_t column)
{
	return scan->bound->stored->table.columns[column].role == TALLY_TAG &&
	       (scan->single || bound_query_alternatives(scan->bound, column) == 1);
}

/* By the whole key and not by time alone: only then `after` names one place in the order. */
static void scan_append_order(const struct scan *scan, sqlite3_str *sql)
{
	const struct stored_table *stored = scan->bound->stored;
	const char *before = " ORDER BY ";
	for (uint32_t i = 0; i < stored->n_key; i++) {
		/* SQLite would sort for these where an index has begun with them. */
		if (scan_is_constant(scan, stored->key[i]))
			continue;
		sqlite3_str_appendall(sql, before);
		before = ", ";
		scan_append_key(scan, sql, i);
		sqlite3_str_appendall(sql, scan->newest_first ? " DESC" : "");
	}
}

/* Whose filters are the page's: those on tags have found a single series already. */
static unsigned scan_sides(const struct scan *scan)
{
	return (scan->single ? 0 : BOUND_QUERY_TAGS) | BOUND_QUERY_FIELDS;
}

/* What the page has of the answer: its tags are known already where there is a single series. */
static void scan_choose_columns(struct scan *scan)
{
	scan->columns[scan->n_columns++] = 0;
	for (uint32_t i = 0; i < scan->bound->query->n_select; i++)
		if (!scan->single || !series_tags_has(scan->bound, i))
			scan->columns[scan->n_columns++] = (uint16_t)(1 + i);
}

static void scan_append_columns(const struct scan *scan, sqlite3_str *sql)
{
	const struct bound_query *bound = scan->bound;
	for (uint32_t i = 0; i < scan->n_columns; i++) {
		uint16_t column = scan->columns[i] ? bound->select[scan->columns[i] - 1] : 0;
		sqlite3_str_appendf(sql, "%s%s\"%w\"", i ? ", " : "SELECT ",
				    scan_alias(bound, column),
				    bound->stored->table.columns[column].name);
	}
}

static int scan_make_page(struct scan *scan, uint32_t role)
{
	const struct bound_query *bound = scan->bound;
	const struct tally_query *query = bound->query;
	bool state = bound->stored->table.kind == TALLY_STATE;
	sqlite3_str *sql = sqlite3_str_new(scan->reader->db);
	scan_append_columns(scan, sql);
	scan_append_from(scan, sql);
	condition_append(sql, bound, scan_sides(scan), state ? "" : "s.", state ? "" : "r.");
	if (query->after && query->n_after)
		scan_append_after(scan, sql);
	scan_append_order(scan, sql);
	sqlite3_str_appendf(sql, " LIMIT ?%d", CONDITION_FREE(bound) + SCAN_LIMIT);
	return reader_prepare(scan->reader, role, sql, &scan->page);
}

/* Of statements that read rows. */
static uint32_t scan_role(const struct scan *scan, uint32_t role)
{
	return role | (scan->packed ? STATEMENT_ALL : 0) | (scan->single ? STATEMENT_SINGLE : 0);
}

static void scan_bind_after(const struct scan *scan)
{
	const struct stored_table *stored = scan->bound->stored;
	for (uint32_t i = 0, tag = 0; i < scan->bound->query->n_after; i++) {
		const struct tally_column *column = &stored->table.columns[stored->key[i]];
		bind_cell(scan->page, CONDITION_FREE(scan->bound) + SCAN_AFTER + (int)i,
			  column->type, &scan->bound->query->after[i]);
		if (column->role == TALLY_TAG && scan->single)
			sqlite3_bind_value(scan->page, scan_key_parameter(scan, i),
					   sqlite3_column_value(scan->tags->row, (int)++tag));
	}
}

static int scan_prepare_page(struct scan *scan)
{
	const struct bound_query *bound = scan->bound;
	uint32_t role = scan_role(scan, STATEMENT_PAGE);
	scan_choose_columns(scan);
	scan->page = reader_borrow(scan->reader, role);
	int r = scan->page ? 0 : scan_make_page(scan, role);
	if (r < 0)
		return r;
	condition_bind(scan->page, bound, scan_sides(scan));
	if (scan->single)
		sqlite3_bind_int64(scan->page, CONDITION_FREE(bound) + SCAN_SERIES, scan->series);
	scan_bind_after(scan);
	return 0;
}

static int scan_make_find(struct scan *scan, sqlite3_stmt **ret)
{
	sqlite3_str *sql = sqlite3_str_new(scan->reader->db);
	sqlite3_str_appendf(sql, "SELECT _series FROM \"%w_series\" s WHERE 1",
			    scan->bound->stored->table.name);
	condition_append(sql, scan->bound, BOUND_QUERY_TAGS, "s.", "");
	sqlite3_str_appendall(sql, " LIMIT 2");
	return reader_prepare(scan->reader, STATEMENT_FIND_SERIES, sql, ret);
}

/* 1: it goes on; 0: there is no series, and so no rows. */
static int scan_find_series(struct scan *scan)
{
	sqlite3_stmt *series = reader_borrow(scan->reader, STATEMENT_FIND_SERIES);
	int r = series ? 0 : scan_make_find(scan, &series);
	if (r < 0)
		return r;
	condition_bind(series, scan->bound, BOUND_QUERY_TAGS);
	r = database_step(scan->reader->ctx, series);
	if (r <= 0)
		return r;
	scan->series = sqlite3_column_int64(series, 0);
	r = database_step(scan->reader->ctx, series);
	scan->single = r == 0;
	return scan->single ? series_tags_find(scan->tags, scan->reader, scan->bound, scan->series)
			    : r;
}

/* The outer max() or min() sees one value per series, each of which is one seek. */
static int scan_make_edge(struct scan *scan, uint32_t role)
{
	const struct bound_query *bound = scan->bound;
	const char *table = bound->stored->table.name;
	const char *time = bound->stored->table.columns[0].name;
	sqlite3_str *sql = sqlite3_str_new(scan->reader->db);
	sqlite3_str_appendf(
		sql,
		"SELECT %s((SELECT r.\"%w\" FROM \"%w%s\" r WHERE r._series = "
		"s._series AND r.\"%w\" >= ?%d AND r.\"%w\" < ?%d ORDER BY r.\"%w\"%s "
		"LIMIT 1)) FROM \"%w_series\" s WHERE 1",
		scan->newest_first ? "max" : "min", time, table, packed_source_suffix(scan->packed),
		time, CONDITION_FREE(bound) + SCAN_FROM, time, CONDITION_FREE(bound) + SCAN_TO,
		time, scan->newest_first ? " DESC" : "", table);
	condition_append(sql, bound, BOUND_QUERY_TAGS, "s.", "");
	return reader_prepare(scan->reader, role, sql, &scan->edge);
}

static int scan_prepare_edge(struct scan *scan)
{
	uint32_t role = scan_role(scan, STATEMENT_EDGE);
	scan->edge = reader_borrow(scan->reader, role);
	int r = scan->edge ? 0 : scan_make_edge(scan, role);
	if (r == 0)
		condition_bind(scan->edge, scan->bound, BOUND_QUERY_TAGS);
	return r;
}

static void scan_bind_range(const struct scan *scan, sqlite3_stmt *statement, int64_t from,
			    int64_t to)
{
	sqlite3_bind_int64(statement, CONDITION_FREE(scan->bound) + SCAN_FROM, from);
	sqlite3_bind_int64(statement, CONDITION_FREE(scan->bound) + SCAN_TO, to);
}

/* What the page statement is at. */
static int scan_row(struct scan *scan)
{
	struct tally_cell *row = NULL;
	int r = result_row(scan->result, &row);
	if (r == 0 && scan->single)
		r = series_tags_put(scan->tags, scan->result, row);
	for (uint32_t i = 0; r == 0 && i < scan->n_columns; i++) {
		uint16_t c = scan->columns[i];
		struct tally_cell cell =
			bind_read(scan->page, (int)i, scan->result->columns[c].type);
		r = result_put(scan->result, row, c, &cell);
	}
	return r;
}

/* What the page statement is bound to, counted off from what is left. */
static int scan_page(struct scan *scan)
{
	sqlite3_bind_int64(scan->page, CONDITION_FREE(scan->bound) + SCAN_LIMIT, scan->left);
	int r;
	while ((r = database_step(scan->reader->ctx, scan->page)) > 0) {
		scan->left--;
		r = scan_row(scan);
		if (r != 0) {
			sqlite3_reset(scan->page);
			return r;
		}
	}
	return r;
}

/* 1: found; 0: nothing is left in the range. */
static int scan_find_edge(struct scan *scan, int64_t from, int64_t to, int64_t *ret)
{
	scan_bind_range(scan, scan->edge, from, to);
	int r = database_step(scan->reader->ctx, scan->edge);
	if (r <= 0)
		return r;
	r = sqlite3_column_type(scan->edge, 0) != SQLITE_NULL;
	if (r)
		*ret = sqlite3_column_int64(scan->edge, 0);
	sqlite3_reset(scan->edge);
	return r;
}

/* Cuts the next window off the range, beginning at the edge. */
static void scan_window(const struct scan *scan, int64_t width, int64_t edge, int64_t range[2],
			int64_t window[2])
{
	if (scan->newest_first) {
		window[1] = edge + 1;
		/* As unsigned, since the widest range there is would overflow. */
		bool last = (uint64_t)window[1] - (uint64_t)range[0] <= (uint64_t)width;
		window[0] = last ? range[0] : window[1] - width;
		range[1] = window[0];
	} else {
		window[0] = edge;
		bool last = (uint64_t)range[1] - (uint64_t)edge <= (uint64_t)width;
		window[1] = last ? range[1] : edge + width;
		range[0] = window[1];
	}
}

static int scan_stretch(struct scan *scan, const int64_t range[2])
{
	scan_bind_range(scan, scan->page, range[0], range[1]);
	return scan_page(scan);
}

static int scan_windows(struct scan *scan, int64_t range[2])
{
	int64_t window[2];
	/* The index finds the next row at once: after an empty window, however long the gap is. */
	bool find = true;
	while (scan->left && range[0] < range[1]) {
		int64_t edge = scan->newest_first ? range[1] - 1 : range[0];
		int r = find ? scan_find_edge(scan, range[0], range[1], &edge) : 1;
		if (r <= 0)
			return r;
		uint32_t before = scan->left;
		scan_window(scan, scan->width, edge, range, window);
		r = scan_stretch(scan, window);
		if (r != 0)
			return r;
		find = scan->left == before;
		if (scan->width < INT64_MAX / 4)
			scan->width *= 4;
	}
	return 0;
}

/* What the index of a log's text rules out is not read. */
static int scan_ranges(struct scan *scan)
{
	struct text_ranges ranges;
	int64_t range[2];
	bound_query_range(scan->bound, &range[0], &range[1]);
	int r = text_ranges_begin(scan->reader, scan->bound, range[0], range[1], &ranges);
	while (r == 0 && scan->left && (r = text_ranges_next(&ranges, range)) > 0)
		r = scan->single ? scan_stretch(scan, range) : scan_windows(scan, range);
	return r;
}

static int scan_rows(struct scan *scan)
{
	bool state = scan->bound->stored->table.kind == TALLY_STATE;
	int r = scan_prepare_page(scan);
	if (r == 0 && !state && !scan->single)
		r = scan_prepare_edge(scan);
	if (r < 0)
		return r;
	return state ? scan_page(scan) : scan_ranges(scan);
}

/* Of a SERIES or LOG. */
static int scan_clustered(struct scan *scan)
{
	int64_t range[2];
	bound_query_range(scan->bound, &range[0], &range[1]);
	int r = scan_find_series(scan);
	if (r <= 0)
		return r;
	r = packed_can(scan->bound->stored)
		    ? packed_source_find(scan->reader, range[0], &scan->packed)
		    : 0;
	if (r < 0)
		return r;
	/* Unpacking an hour for a second of it would be done again for the next. */
	scan->width = scan->packed ? SCAN_FIRST_PACKED : SCAN_FIRST_WINDOW;
	return scan->packed && scan->single && packed_scan_can(scan->bound)
		       ? packed_scan_run(scan->reader, scan->bound, scan->series, scan->tags,
					 scan->result)
		       : scan_rows(scan);
}

int scan_run(struct reader *reader, const struct bound_query *bound, struct result *result)
{
	struct series_tags tags;
	uint16_t columns[1 + CATALOG_MAX_COLUMNS];
	struct scan scan = {.reader = reader,
			    .bound = bound,
			    .result = result,
			    .left = bound->query->limit,
			    .newest_first = bound->query->newest_first,
			    .tags = &tags,
			    .columns = columns};
	bool state = bound->stored->table.kind == TALLY_STATE;
	int r = state ? scan_rows(&scan) : scan_clustered(&scan);
	return r == 0 ? result_finish(result) : r;
}
