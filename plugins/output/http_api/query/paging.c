/*
 * Pages by the key of the last row ("keyset paging"), for every list, on a worker's thread.
 *
 *	paging_read()     which columns are the key; where the cursor says to go on
 *	paging_ask()      limit + 1 rows behind that key
 *	paging_finish()   the key of the last row shown, if there was one more
 *
 * Not by offset: the store would read and throw away all rows before it, and rows that arrive
 * meanwhile would shift the pages.  The cursor carries the range of the first page, because
 * from=now-1h moves on between two pages.  Its range is checked like one from the URL: a cursor is
 * foreign text.
 */
#include "query/paging.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/cursor.h"
#include "query/catalog_cache.h"
#include "query/fields.h"
#include "message/row_writer.h"

enum {
	PAGING_MAX_CELLS = PAGING_MAX_KEY + 3, /* the range, the key, and what is sorted by */
	PAGING_MOST_SORTED = 1000000,          /* more do not fit into a result set in any case */
	PAGING_MAX_LINK = 4 << 10,             /* what leaves room for other headers */
};

void paging_done(struct paging *paging)
{
	free(paging->memory);
	paging->memory = NULL;
}

/* What a cursor holds: the range, if there is one, then the key, then the sorted cell.  Returns how
 * many cells. */
static uint32_t paging_types(const struct paging *paging, uint16_t types[PAGING_MAX_CELLS])
{
	uint32_t n = 0;
	if (paging->timed) {
		types[n++] = TALLY_TIME;
		types[n++] = TALLY_TIME;
	}
	for (uint32_t i = 0; i < paging->n_key; i++)
		types[n++] = paging->key[i]->type;
	if (paging->sort)
		types[n++] = paging->sort->type;
	return n;
}

/* No cursor makes a range longer than anybody may ask for. */
static bool paging_take_range(const struct context *context, const struct tally_cell range[2],
			      struct paging *paging)
{
	int64_t days = context->config->max_query_range_days;
	paging->from = range[0].i;
	paging->to = range[1].i;
	return range[0].set && range[1].set && paging->from >= 0 && paging->from < paging->to &&
	       paging->to - paging->from <= days * CLOCK_DAY;
}

int paging_refuse_cursor(struct context *context)
{
	return response_problem(context->builder, 400, "cursor",
				"not a cursor of this list: take it from next_cursor");
}

/* The types are those of the table now: a cursor of another list, or of the table before it got
 * another tag, does not fit them and is refused. */
static int paging_read_cursor(struct context *context, const char *cursor, struct paging *ret)
{
	struct tally_cell cells[PAGING_MAX_CELLS];
	uint16_t types[PAGING_MAX_CELLS];
	uint32_t n = paging_types(ret, types), range = ret->timed ? 2 : 0;
	int r = cursor_read(cursor, types, n, cells, &ret->memory);
	if (r == -ENOMEM)
		return response_unavailable(context->builder, "out of memory");
	if (r < 0 || (ret->timed && !paging_take_range(context, cells, ret)))
		return paging_refuse_cursor(context);
	memcpy(ret->after, cells + range, (n - range) * sizeof(*cells));
	return 0;
}

/* sort=COLUMN, or -COLUMN from the largest on. */
static int paging_read_sort(struct context *context, const struct tally_table *table,
			    struct paging *ret)
{
	const char *name = target_param(context->target, "sort");
	if (!name)
		return 0;
	ret->sort_down = *name == '-';
	name += ret->sort_down;
	ret->sort = table_column(table, name);
	if (!ret->sort)
		return fields_unknown(context, "sort", table, name);
	if (ret->sort->type == TALLY_JSON)
		return response_problem(context->builder, 400, "sort",
					"%s is JSON, which has no order", name);
	/* Rows that have a time of their own come in its order without being sorted. */
	if (ret->timed && ret->sort == &table->columns[0]) {
		ret->newest_first = ret->sort_down;
		ret->sort = NULL;
	}
	ret->whole = ret->whole || ret->sort;
	return 0;
}

static int paging_open(struct context *context, const struct tally_table *table, struct paging *ret)
{
	const char *cursor = target_param(context->target, "cursor");
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (!table_is_key(table, i))
			continue;
		if (ret->n_key == PAGING_MAX_KEY)
			return response_problem(context->builder, 400, NULL, "%s has too many tags",
						table->name);
		ret->key[ret->n_key++] = &table->columns[i];
	}
	int r = paging_read_sort(context, table, ret);
	return r == 0 && cursor ? paging_read_cursor(context, cursor, ret) : r;
}

int paging_read(struct context *context, const struct tally_table *table,
		const struct window *window, struct paging *ret)
{
	*ret = (struct paging){.limit = (uint32_t)context->args->limit,
			       .timed = table->kind != TALLY_STATE,
			       .newest_first = context->args->order == ORDER_DESC,
			       .from = window->from,
			       .to = window->to};
	return paging_open(context, table, ret);
}

int paging_read_whole(struct context *context, const struct tally_table *table,
		      const struct tally_column *by, bool down, struct paging *ret)
{
	int64_t limit = context->args->limit;
	*ret = (struct paging){.limit = limit ? (uint32_t)limit : INT32_MAX,
			       .sort = by,
			       .sort_down = down,
			       .whole = true};
	return paging_open(context, table, ret);
}

void paging_ask(const struct paging *paging, struct query *query)
{
	query->spec.limit = paging->whole ? PAGING_MOST_SORTED : paging->limit + 1;
	query->spec.newest_first = paging->newest_first;
	if (paging->timed) {
		query->spec.from = paging->from;
		query->spec.to = paging->to;
	}
	if (!paging->memory || paging->whole)
		return;
	query->spec.after = paging->after;
	query->spec.n_after = paging->n_key;
}

uint32_t paging_rows(const struct paging *paging, const struct result_set *rows)
{
	return rows->n_rows < paging->limit ? rows->n_rows : paging->limit;
}

uint32_t paging_place(const struct tally_column *column, const struct tally_column *const *columns,
		      uint32_t n_columns)
{
	uint32_t k = 0;
	while (k < n_columns && columns[k] != column)
		k++;
	return k < n_columns ? 1 + k : 0;
}

/* The range comes first, so that a reader knows its place whatever the key is.  A key column that
 * the rows do not have stays NULL; lists select all columns, so there is none. */
static char *paging_cursor(const struct paging *paging, const struct tally_cell *row,
			   const struct tally_column *const *columns, uint32_t n_columns)
{
	uint16_t types[PAGING_MAX_CELLS];
	struct tally_cell cells[PAGING_MAX_CELLS] = {{.set = 0}};
	uint32_t n = paging_types(paging, types), range = paging->timed ? 2 : 0;
	if (paging->timed) {
		cells[0] = (struct tally_cell){.i = paging->from, .set = 1};
		cells[1] = (struct tally_cell){.i = paging->to, .set = 1};
		cells[2] = row[0];
	}
	for (uint32_t i = 0; i < paging->n_key; i++)
		for (uint32_t k = 0; k < n_columns; k++)
			if (columns[k] == paging->key[i])
				cells[range + i] = row[1 + k];
	if (paging->sort)
		cells[n - 1] = row[paging_place(paging->sort, columns, n_columns)];
	return cursor_write(types, cells, n);
}

/* What may not stand in a Link header as it is, although it may come in a URI. */
static bool is_escaped(unsigned char c)
{
	return c <= ' ' || c >= 0x7f || c == '<' || c == '>' || c == '"' || c == '\\';
}

static void write_escaped(struct json_writer *text, const char *raw, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	const char *end = raw + len, *rest = raw; /* not written yet */
	for (const char *at = raw; at < end; at++) {
		unsigned char c = (unsigned char)*at;
		const char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (!is_escaped(c))
			continue;
		json_write_raw(text, rest, (size_t)(at - rest));
		json_write_raw(text, escaped, 3);
		rest = at + 1;
	}
	json_write_raw(text, rest, (size_t)(end - rest));
}

/* RFC 8288.  Relative, so that it holds behind a proxy that serves this under another name.
 * Bounded: a client or a proxy refuses headers of more than some KiB, and with them the whole
 * answer. The request's own target with another cursor.  NULL: it is too long, or there is no
 * memory. */
static char *paging_link(const char *raw, const char *cursor)
{
	struct json_writer text;
	json_writer_init(&text, PAGING_MAX_LINK);
	size_t path = strcspn(raw, "?");
	json_write_raw(&text, "<", 1);
	write_escaped(&text, raw, path);
	json_write_raw(&text, "?", 1);
	for (const char *at = raw + path; *at;) {
		size_t len = strcspn(++at, "&");
		if (len && strncmp(at, "cursor=", 7) != 0) {
			write_escaped(&text, at, len);
			json_write_raw(&text, "&", 1);
		}
		at += len;
	}
	json_write_raw(&text, "cursor=", 7);
	json_write_raw(&text, cursor, strlen(cursor));
	json_write_raw(&text, ">; rel=\"next\"", sizeof(">; rel=\"next\""));
	if (text.error)
		json_writer_done(&text);
	return text.data;
}

/* Of a search that stopped: a place between rows.  NULL comes after all values of a column, so a
 * key of nothing but a time lies behind all rows of that time, or newest first, before them. */
static char *paging_cursor_reached(const struct paging *paging)
{
	uint16_t types[PAGING_MAX_CELLS];
	struct tally_cell cells[PAGING_MAX_CELLS] = {{.set = 0}};
	uint32_t n = paging_types(paging, types);
	cells[0] = (struct tally_cell){.i = paging->from, .set = 1};
	cells[1] = (struct tally_cell){.i = paging->to, .set = 1};
	cells[2] = (struct tally_cell){.i = paging->reached - 1, .set = 1};
	return cursor_write(types, cells, n);
}

/* NULL: this is the last page. */
static char *paging_next(const struct paging *paging, const struct result_set *rows,
			 const struct tally_column *const *columns)
{
	if (rows->n_rows <= paging->limit)
		return paging->stopped ? paging_cursor_reached(paging) : NULL;
	return paging_cursor(paging, result_set_row(rows, paging->limit - 1), columns,
			     rows->n_columns - 1);
}

int paging_link_next(const struct paging *paging, struct context *context,
		     const struct result_set *rows, const struct tally_column *const *columns)
{
	auto_free char *cursor = paging_next(paging, rows, columns);
	char *link = cursor ? paging_link(context->raw, cursor) : NULL;
	if (cursor && !link)
		return response_problem(context->builder, 414, NULL,
					"the URI is too long for a link to the next page; "
					"format=json has next_cursor");
	context->builder->link = link;
	return 0;
}

void paging_finish_with(struct context *context, const char *cursor)
{
	list_end(&context->builder->body, cursor);
	if (cursor)
		context->builder->link = paging_link(context->raw, cursor);
}

void paging_finish(const struct paging *paging, struct context *context,
		   const struct result_set *rows, const struct tally_column *const *columns)
{
	auto_free char *cursor = paging_next(paging, rows, columns);
	paging_finish_with(context, cursor);
}
