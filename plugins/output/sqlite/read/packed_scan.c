/*
 * One small statement says on which side of the row that the page goes on after a row of that very
 * time would be: the rest of the key is tags.  Everything else is a walk over rows and chunks
 * (packed/packed_rows.h) in the order of the page.
 *
 * Called by read/scan.c on a query's thread.  What can fail is memory, a chunk that is damaged, and
 * the deadline.
 */
#include "read/packed_scan.h"

#include <errno.h>

#include "bind.h"
#include "database.h"
#include "read/packed_source.h"
#include "read/series_tags.h"
#include "schema/schema.h"

/* How many rows until somebody looks at the clock. */
enum { PACKED_SCAN_LOOK = 1024 };

struct packed_scan {
	struct reader *reader;
	const struct bound_query *bound;
	struct result *result;
	struct packed_source source;
	struct series_tags *tags;
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

/* ---- Where it goes on ------------------------------------------------------------- */

/* Whether the tags come after those that the page goes on after, compared as all keys are. */
static int packed_scan_make_after(struct packed_scan *scan, sqlite3_stmt **ret)
{
	const struct stored_table *stored = scan->bound->stored;
	sqlite3_str *sql = sqlite3_str_new(scan->reader->db);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%s" SCHEMA_KEY, i ? ", " : "SELECT (", "",
				    stored->table.columns[stored->tags[i]].name);
	sqlite3_str_appendf(sql, ") %s (", scan->bound->query->newest_first ? "<" : ">");
	for (uint32_t i = 0; i < stored->n_tags; i++)
		sqlite3_str_appendf(sql, "%sifnull(?%u, x'')", i ? ", " : "", i + 2);
	sqlite3_str_appendf(sql, ") FROM \"%w_series\" WHERE _series = ?1", stored->table.name);
	return reader_prepare(scan->reader, STATEMENT_AFTER, sql, ret);
}

static int packed_scan_is_after(struct packed_scan *scan, bool *ret)
{
	const struct stored_table *stored = scan->bound->stored;
	*ret = false;
	if (stored->n_tags == 0)
		return 0;
	sqlite3_stmt *after = reader_borrow(scan->reader, STATEMENT_AFTER);
	int r = after ? 0 : packed_scan_make_after(scan, &after);
	if (r < 0)
		return r;
	sqlite3_bind_int64(after, 1, scan->series);
	for (uint32_t i = 0; i < stored->n_tags; i++)
		bind_cell(after, (int)i + 2, stored->table.columns[stored->tags[i]].type,
			  &scan->bound->query->after[i + 1]);
	r = database_step(scan->reader->ctx, after);
	if (r > 0)
		*ret = sqlite3_column_int(after, 0);
	return r < 0 ? r : 0;
}

/* A row of that time is the one that the page goes on after, or came before it, or comes after. */
static int packed_scan_go_on(struct packed_scan *scan)
{
	const struct tally_query *query = scan->bound->query;
	bool is_after;
	if (!query->after)
		return 0;
	int r = packed_scan_is_after(scan, &is_after);
	if (r < 0 || is_after)
		return r;
	int64_t time = query->after[0].i;
	if (query->newest_first && time < scan->to)
		scan->to = time;
	if (!query->newest_first && time >= scan->from)
		scan->from = time < INT64_MAX ? time + 1 : time;
	return 0;
}

/* ---- Rows ------------------------------------------------------------------------ */

static int packed_scan_row(struct packed_scan *scan)
{
	struct tally_cell *row = NULL;
	int r = result_row(scan->result, &row);
	if (r != 0)
		return r;
	tally_put_int(row, 0, packed_source_time(&scan->source));
	r = series_tags_put(scan->tags, scan->result, row);
	uint32_t n_fields = 0;
	for (uint32_t i = 0; r == 0 && i < scan->bound->query->n_select; i++) {
		struct tally_cell cell;
		if (series_tags_has(scan->bound, i))
			continue;
		r = packed_source_value(&scan->source, n_fields++,
					scan->result->columns[1 + i].type, &cell);
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
		if (!series_tags_has(bound, i))
			scan->fields[scan->n_fields++] = bound->select[i];
	scan->source.rows.newest_first = bound->query->newest_first;
	return packed_source_prepare(&scan->source, scan->reader, &bound->stored->table,
				     scan->fields, scan->n_fields);
}

int packed_scan_run(struct reader *reader, const struct bound_query *bound, int64_t series,
		    struct series_tags *tags, struct result *result)
{
	struct packed_scan scan = {.reader = reader,
				   .bound = bound,
				   .result = result,
				   .tags = tags,
				   .series = series,
				   .left = bound->query->limit};
	bound_query_range(bound, &scan.from, &scan.to);
	int r = packed_scan_go_on(&scan);
	if (r == 0)
		r = packed_scan_prepare(&scan);
	return r == 0 && scan.from < scan.to ? packed_scan_rows(&scan) : r;
}
