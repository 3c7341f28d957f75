/*
 * One small statement has the tags of the series, which are the same in all its rows, and says on
 * which side of the row that the page goes on after a row of that very time would be: the rest of
 * the key is tags.  Everything else is a walk over rows and chunks (packed/packed_rows.h) in the
 * order of the page.
 *
 * Called by read/scan.c on a query's thread.  What can fail is memory, a chunk that is damaged, and
 * the deadline.
 */
#include "read/packed_scan.h"

#include <errno.h>

#include "bind.h"
#include "database.h"
#include "read/condition.h"
#include "read/packed_source.h"
#include "schema/schema.h"

/* How many rows until somebody looks at the clock. */
enum { PACKED_SCAN_LOOK = 1024 };

struct packed_scan {
	struct reader *reader;
	const struct bound_query *bound;
	struct result *result;
	struct packed_source source;
	sqlite3_stmt *tags; /* at its row, so that texts stay where they are */
	int64_t from, to, series;
	uint32_t left;
	uint16_t fields[CATALOG_MAX_COLUMNS]; /* that are selected and no tags */
	uint32_t n_fields;
};

bool packed_scan_can(const struct bound_query *bound)
{
	const struct tally_query *query = bound->query;
	bool after = query->after && query->n_after;
	return !bound->filters_fields && (!after || query->after[0].set);
}

static bool packed_scan_is_tag(const struct packed_scan *scan, uint32_t i)
{
	return scan->bound->stored->table.columns[scan->bound->select[i]].role == TALLY_TAG;
}

/* ---- Tags ------------------------------------------------------------------------ */

/* Whether the tags come after those that the page goes on after, compared as all keys are. */
static void packed_scan_append_after(const struct packed_scan *scan, sqlite3_str *sql)
{
	const struct stored_table *stored = scan->bound->stored;
	sqlite3_str_appendall(sql, ", (");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%s" SCHEMA_KEY, i ? ", " : "", "s.",
				    stored->table.columns[stored->tags[i]].name);
	sqlite3_str_appendf(sql, ") %s (", scan->bound->query->newest_first ? "<" : ">");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%sifnull(?%u, x'')", i ? ", " : "", i + 2);
	sqlite3_str_appendall(sql, ")");
}

static int packed_scan_make_tags(struct packed_scan *scan)
{
	const struct tally_table *table = &scan->bound->stored->table;
	sqlite3_str *sql = sqlite3_str_new(scan->reader->db);
	sqlite3_str_appendall(sql, "SELECT s._series");
	for (uint32_t i = 0; i < scan->bound->query->n_select; i++)
		if (packed_scan_is_tag(scan, i))
			sqlite3_str_appendf(sql, ", s.\"%w\"",
					    table->columns[scan->bound->select[i]].name);
	if (scan->bound->query->after && scan->bound->stored->n_tags)
		packed_scan_append_after(scan, sql);
	sqlite3_str_appendf(sql, " FROM \"%w_series\" s WHERE s._series = ?1", table->name);
	return reader_prepare(scan->reader, STATEMENT_TAGS, sql, &scan->tags);
}

/* A row of that time is the one that the page goes on after, or came before it. */
static void packed_scan_go_on(struct packed_scan *scan)
{
	const struct tally_query *query = scan->bound->query;
	int64_t time = query->after[0].i;
	int last = sqlite3_column_count(scan->tags) - 1;
	if (scan->bound->stored->n_tags && sqlite3_column_int(scan->tags, last))
		return;
	if (query->newest_first && time < scan->to)
		scan->to = time;
	if (!query->newest_first && time >= scan->from)
		scan->from = time < INT64_MAX ? time + 1 : time;
}

/* 1: there is the series. */
static int packed_scan_find_tags(struct packed_scan *scan)
{
	const struct stored_table *stored = scan->bound->stored;
	const struct tally_query *query = scan->bound->query;
	scan->tags = reader_borrow(scan->reader, STATEMENT_TAGS);
	int r = scan->tags ? 0 : packed_scan_make_tags(scan);
	if (r < 0)
		return r;
	sqlite3_bind_int64(scan->tags, 1, scan->series);
	for (uint32_t i = 0; query->after && i < stored->n_tags; i++)
		bind_cell(scan->tags, (int)i + 2, stored->table.columns[stored->tags[i]].type,
			  &query->after[i + 1]);
	r = database_step(scan->reader->ctx, scan->tags);
	if (r > 0 && query->after)
		packed_scan_go_on(scan);
	return r;
}

/* ---- Rows ------------------------------------------------------------------------ */

static int packed_scan_row(struct packed_scan *scan)
{
	struct tally_cell *row = NULL;
	int r = result_row(scan->result, &row);
	if (r != 0)
		return r;
	tally_put_int(row, 0, packed_source_time(&scan->source));
	uint32_t n_tags = 0, n_fields = 0;
	for (uint32_t i = 0; r == 0 && i < scan->bound->query->n_select; i++) {
		uint16_t type = scan->result->columns[1 + i].type;
		struct tally_cell cell;
		if (packed_scan_is_tag(scan, i))
			cell = bind_read(scan->tags, (int)++n_tags, type);
		else
			r = packed_source_value(&scan->source, n_fields++, type, &cell);
		if (r == 0)
			r = result_put(scan->result, row, 1 + i, &cell);
	}
	return r;
}

static int packed_scan_rows(struct packed_scan *scan)
{
	int r = packed_source_begin(&scan->source, scan->series, scan->from, scan->to);
	while (r > 0) {
		r = packed_scan_row(scan);
		if (r == 0 && --scan->left % PACKED_SCAN_LOOK == 0 && reader_is_over(scan->reader))
			r = -EINTR;
		if (r != 0)
			break;
		r = scan->left ? packed_source_next(&scan->source) : 0;
	}
	packed_source_end(&scan->source);
	return r;
}

static int packed_scan_prepare(struct packed_scan *scan)
{
	const struct bound_query *bound = scan->bound;
	for (uint32_t i = 0; i < bound->query->n_select; i++)
		if (!packed_scan_is_tag(scan, i))
			scan->fields[scan->n_fields++] = bound->select[i];
	scan->source.rows.newest_first = bound->query->newest_first;
	return packed_source_prepare(&scan->source, scan->reader, &bound->stored->table,
				     scan->fields, scan->n_fields);
}

int packed_scan_run(struct reader *reader, const struct bound_query *bound, int64_t series,
		    struct result *result)
{
	struct packed_scan scan = {.reader = reader,
				   .bound = bound,
				   .result = result,
				   .series = series,
				   .left = bound->query->limit};
	bound_query_range(bound, &scan.from, &scan.to);
	int r = packed_scan_find_tags(&scan);
	if (r <= 0)
		return r;
	r = packed_scan_prepare(&scan);
	return r == 0 && scan.from < scan.to ? packed_scan_rows(&scan) : r;
}
