#include "page.h"

#include "base/cleanup.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "window.h"

enum {
	PAGE_MAX_CELLS = PAGE_MAX_KEY + 2, /* the key, and the range before it */
	PAGE_MAX_LINK = 4 << 10,           /* what leaves room for other headers */
};

void page_done(struct page *page)
{
	free(page->memory);
	page->memory = NULL;
}

int page_read_limit(struct call *call, uint32_t fallback, uint32_t *ret)
{
	int64_t max = call->config->max_results_per_query;
	const char *text = target_param(call->target, "limit");
	char *end;
	if (!text) {
		*ret = fallback < max ? fallback : (uint32_t)max;
		return 0;
	}
	long limit = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || limit < 1 || limit > max)
		return reply_problem(call->reply, 400, "limit",
				     "\"%s\" is not a number from 1 to %" PRId64, text, max);
	*ret = (uint32_t)limit;
	return 0;
}

bool page_is_key(const struct tally_table *table, uint32_t column)
{
	uint16_t role = table->columns[column].role;
	if (column == 0)
		return table->kind != TALLY_STATE;
	return role == TALLY_TAG || (role == TALLY_ORDER && table->kind == TALLY_LOG);
}

/* What a cursor holds: the range, if there is one, then the key.  Returns how many cells. */
static uint32_t page_types(const struct page *page, uint16_t types[PAGE_MAX_CELLS])
{
	uint32_t n = 0;
	if (page->timed) {
		types[n++] = TALLY_TIME;
		types[n++] = TALLY_TIME;
	}
	for (uint32_t i = 0; i < page->n_key; i++)
		types[n++] = page->key[i]->type;
	return n;
}

static int page_read_key(struct call *call, const struct tally_table *table, struct page *ret)
{
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (!page_is_key(table, i))
			continue;
		if (ret->n_key == PAGE_MAX_KEY)
			return reply_problem(call->reply, 400, NULL, "%s has too many tags",
					     table->name);
		ret->key[ret->n_key++] = &table->columns[i];
	}
	return 0;
}

/* No cursor makes a range longer than anybody may ask for. */
static bool page_take_range(const struct call *call, const struct tally_cell range[2],
			    struct page *page)
{
	int64_t days = call->config->max_query_range_days;
	page->from = range[0].i;
	page->to = range[1].i;
	return range[0].set && range[1].set && page->from >= 0 && page->from < page->to &&
	       page->to - page->from <= days * HTTP_DAY;
}

static int page_read_cursor(struct call *call, const char *cursor, struct page *ret)
{
	struct tally_cell cells[PAGE_MAX_CELLS];
	uint16_t types[PAGE_MAX_CELLS];
	uint32_t n = page_types(ret, types), range = ret->timed ? 2 : 0;
	int r = cursor_read(cursor, types, n, cells, &ret->memory);
	if (r == -ENOMEM)
		return reply_unavailable(call->reply, "out of memory");
	if (r < 0 || (ret->timed && !page_take_range(call, cells, ret)))
		return reply_problem(call->reply, 400, "cursor",
				     "not a cursor of this list: take it from next_cursor");
	memcpy(ret->after, cells + range, ret->n_key * sizeof(*cells));
	return 0;
}

int page_read_back(struct call *call, const struct tally_table *table, int64_t back,
		   struct page *ret)
{
	const char *cursor = target_param(call->target, "cursor");
	struct window window = {.from = 0};
	*ret = (struct page){.timed = table->kind != TALLY_STATE};
	int r = page_read_key(call, table, ret);
	if (r == 0)
		r = page_read_limit(call, PAGE_DEFAULT_LIMIT, &ret->limit);
	if (r == 0 && ret->timed)
		r = window_read_back(call, back, &window);
	if (r < 0)
		return r;
	ret->from = window.from;
	ret->to = window.to;
	return cursor ? page_read_cursor(call, cursor, ret) : 0;
}

int page_read(struct call *call, const struct tally_table *table, struct page *ret)
{
	return page_read_back(call, table, 3600 * HTTP_SECOND, ret);
}

void page_ask(const struct page *page, struct ask *ask)
{
	ask->query.limit = page->limit + 1;
	if (page->timed) {
		ask->query.from = page->from;
		ask->query.to = page->to;
	}
	if (!page->memory)
		return;
	ask->query.after = page->after;
	ask->query.n_after = page->n_key;
}

uint32_t page_rows(const struct page *page, const struct rowset *rows)
{
	return rows->n_rows < page->limit ? rows->n_rows : page->limit;
}

static char *page_cursor(const struct page *page, const struct tally_cell *row,
			 const struct tally_column *const *columns, uint32_t n_columns)
{
	uint16_t types[PAGE_MAX_CELLS];
	struct tally_cell cells[PAGE_MAX_CELLS] = {{.set = 0}};
	uint32_t n = page_types(page, types), range = n - page->n_key;
	if (page->timed) {
		cells[0] = (struct tally_cell){.i = page->from, .set = 1};
		cells[1] = (struct tally_cell){.i = page->to, .set = 1};
		cells[2] = row[0];
	}
	for (uint32_t i = 0; i < page->n_key; i++)
		for (uint32_t k = 0; k < n_columns; k++)
			if (columns[k] == page->key[i])
				cells[range + i] = row[1 + k];
	return cursor_write(types, cells, n);
}

/* What may not stand in a Link header as it is, although it may come in a URI. */
static void write_escaped(struct json_writer *text, const char *raw, size_t len)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)raw[i];
		char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
		if (c <= ' ' || c >= 0x7f || strchr("<>\"\\", c))
			json_write_raw(text, escaped, 3);
		else
			json_write_raw(text, raw + i, 1);
	}
}

/* The request's own target with another cursor.  NULL: it is too long, or there is no memory. */
static char *page_link(const char *raw, const char *cursor)
{
	struct json_writer text;
	json_writer_init(&text, PAGE_MAX_LINK);
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

/* NULL: this is the last page. */
static char *page_next(const struct page *page, const struct rowset *rows,
		       const struct tally_column *const *columns)
{
	if (rows->n_rows <= page->limit)
		return NULL;
	return page_cursor(page, rowset_row(rows, page->limit - 1), columns, rows->n_columns - 1);
}

int page_link_next(const struct page *page, struct call *call, const struct rowset *rows,
		   const struct tally_column *const *columns)
{
	auto_free char *cursor = page_next(page, rows, columns);
	char *link = cursor ? page_link(call->raw, cursor) : NULL;
	if (cursor && !link)
		return reply_problem(call->reply, 414, NULL,
				     "the URI is too long for a link to the next page; "
				     "format=json has next_cursor");
	call->reply->link = link;
	return 0;
}

void page_finish_with(struct call *call, const char *cursor)
{
	struct json_writer *json = &call->reply->body;
	json_write_key(json, "next_cursor");
	json_write_string(json, cursor);
	if (cursor)
		call->reply->link = page_link(call->raw, cursor);
}

void page_finish(const struct page *page, struct call *call, const struct rowset *rows,
		 const struct tally_column *const *columns)
{
	auto_free char *cursor = page_next(page, rows, columns);
	page_finish_with(call, cursor);
}
