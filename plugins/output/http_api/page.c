#include "page.h"

#include <cleanup.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"

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

/* As query.h says of `after`: time and tags and order; of a STATE table the tags. */
static bool page_is_key(const struct tally_table *table, uint32_t column)
{
	uint16_t role = table->columns[column].role;
	if (column == 0)
		return table->kind != TALLY_STATE;
	return role == TALLY_TAG || (role == TALLY_ORDER && table->kind == TALLY_LOG);
}

static void page_types(const struct page *page, uint16_t types[PAGE_MAX_KEY])
{
	for (uint32_t i = 0; i < page->n_key; i++)
		types[i] = page->key[i]->type;
}

int page_read(struct call *call, const struct tally_table *table, struct page *ret)
{
	uint16_t types[PAGE_MAX_KEY];
	const char *cursor = target_param(call->target, "cursor");
	ret->n_key = 0;
	ret->timed = table->kind != TALLY_STATE;
	ret->memory = NULL;
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (!page_is_key(table, i))
			continue;
		if (ret->n_key == PAGE_MAX_KEY)
			return reply_problem(call->reply, 400, NULL, "%s has too many tags",
					     table->name);
		ret->key[ret->n_key++] = &table->columns[i];
	}
	int r = page_read_limit(call, PAGE_DEFAULT_LIMIT, &ret->limit);
	if (r < 0 || !cursor)
		return r;
	page_types(ret, types);
	r = cursor_read(cursor, types, ret->n_key, ret->after, &ret->memory);
	if (r == -ENOMEM)
		return reply_unavailable(call->reply, "out of memory");
	if (r < 0)
		return reply_problem(call->reply, 400, "cursor",
				     "not a cursor of this list: take it from next_cursor");
	return 0;
}

void page_ask(const struct page *page, struct ask *ask)
{
	ask->query.limit = page->limit + 1;
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
	uint16_t types[PAGE_MAX_KEY];
	struct tally_cell cells[PAGE_MAX_KEY] = {{.set = 0}};
	page_types(page, types);
	for (uint32_t i = 0; i < page->n_key; i++) {
		if (page->timed && i == 0)
			cells[i] = row[0];
		for (uint32_t k = 0; k < n_columns; k++)
			if (columns[k] == page->key[i])
				cells[i] = row[1 + k];
	}
	return cursor_write(types, cells, page->n_key);
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

/* The request's own target with another cursor. */
static char *page_link(const char *raw, const char *cursor)
{
	struct json_writer text;
	json_writer_init(&text, 4 * HTTP_MAX_TARGET);
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

void page_finish(const struct page *page, struct call *call, const struct rowset *rows,
		 const struct tally_column *const *columns)
{
	struct json_writer *json = &call->reply->body;
	auto_free char *cursor = NULL;
	if (rows->n_rows > page->limit)
		cursor = page_cursor(page, rowset_row(rows, page->limit - 1), columns,
				     rows->n_columns - 1);
	json_write_key(json, "next_cursor");
	json_write_string(json, cursor);
	if (cursor)
		call->reply->link = page_link(call->raw, cursor);
}
