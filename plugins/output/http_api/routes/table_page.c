/*
 * All columns of a table, row by row: what logs, events, images and /tables/{} have in common.  On
 * a worker's thread.  The caller sets filters and order; what can fail is the link to the next
 * page, which may be too long for a header (414) in formats that have no other place for it.
 */
#include "routes/table_page.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_cell.h"
#include "message/row_writer.h"
#include "query/fields.h"
#include "routes/position.h"

void table_page_done(struct table_page *page)
{
	paging_done(&page->paging);
	result_set_done(&page->rows);
	result_set_done(&page->around);
	free(page->lines);
	free(page->made_cells);
	arena_done(&page->made_texts);
}

void table_page_open(struct table_page *page)
{
	const struct tally_table *table = page->table;
	for (uint32_t i = 1; i < table->n_columns && i < RESULT_SET_MAX_COLUMNS; i++)
		page->columns[page->n++] = &table->columns[i];
	memset(page->shown, true, sizeof(page->shown));
}

int table_page_ask(struct table_page *page, struct query *ret)
{
	table_page_open(page);
	query_init(ret, page->context, page->table);
	for (uint32_t i = 0; i < page->n; i++)
		query_select(ret, page->columns[i], TALLY_RAW);
	return fields_read_shown(page->context, page->table, page->made ? page->made->name : NULL,
				 page->shown, &page->made_shown);
}

int table_page_run(struct table_page *page, struct query *query)
{
	paging_ask(&page->paging, query);
	int r = query_run(query, &page->rows);
	return r < 0 ? r : paging_sort(&page->paging, page->context, &page->rows, page->columns);
}

/* Only JSON has a place for it; the others have the link to where it goes on. */
static void table_page_write_search(const struct table_page *page)
{
	struct json_writer *json = &page->context->builder->body;
	const struct tally_cell reached = {.i = page->paging.reached, .set = 1};
	json_write_key(json, "complete");
	json_write_bool(json, !page->paging.stopped);
	if (!page->paging.stopped)
		return;
	json_write_key(json, page->paging.newest_first ? "searched_from" : "searched_to");
	json_write_cell(json, TALLY_TIME, &reached);
}

/* The column `context` behind the others. */
static void table_page_write_lines(const struct table_page *page, struct row_writer *records)
{
	struct tally_cell row[RESULT_SET_MAX_COLUMNS + 1];
	uint32_t n = 1 + page->n;
	for (uint32_t i = 0; i < page->n_lines; i++) {
		memcpy(row, page->lines[i].row, n * sizeof(*row));
		row[n] = (struct tally_cell){.i = page->lines[i].context, .set = 1};
		row_writer_write(records, page->context->builder, row);
	}
}

/* The column that was made behind the others. */
static void table_page_write_made(const struct table_page *page, struct row_writer *records)
{
	struct tally_cell row[RESULT_SET_MAX_COLUMNS + 1];
	uint32_t n = 1 + page->n;
	for (uint32_t i = 0; i < paging_rows(&page->paging, &page->rows); i++) {
		memcpy(row, result_set_row(&page->rows, i), n * sizeof(*row));
		row[n] = page->made_cells[i];
		row_writer_write(records, page->context->builder, row);
	}
}

static void table_page_write_rows(const struct table_page *page, struct row_writer *records)
{
	for (uint32_t i = 0; i < paging_rows(&page->paging, &page->rows); i++)
		row_writer_write(records, page->context->builder, result_set_row(&page->rows, i));
}

int table_page_write(const struct table_page *page)
{
	struct context *context = page->context;
	struct row_writer records = {.format = list_format_of(context->args)};
	if (page->shown[0])
		row_writer_add(&records, page->table->columns[0].name, TALLY_TIME, 0);
	for (uint32_t i = 0; i < page->n; i++)
		if (page->shown[page->columns[i] - page->table->columns])
			row_writer_add(&records, page->columns[i]->name, page->columns[i]->type,
				       1 + i);
	if (page->lines)
		row_writer_add(&records, "context", TALLY_BOOL, 1 + page->n);
	if (page->made_cells)
		row_writer_add(&records, page->made->name, TALLY_JSON, 1 + page->n);
	row_writer_open(&records, context->builder);
	if (records.format == LIST_JSON)
		paging_write_total(&page->paging, context);
	if (records.format == LIST_JSON && page->head)
		page->head(context, page->head_arg);
	if (page->searched && records.format == LIST_JSON)
		table_page_write_search(page);
	/* A stream goes on after the newest row, which can be anywhere in a sorted list. */
	if (page->letter && records.format == LIST_JSON && !page->paging.sort)
		position_write_page(page);
	row_writer_begin(&records, context->builder);
	if (page->lines)
		table_page_write_lines(page, &records);
	else if (page->made_cells)
		table_page_write_made(page, &records);
	else
		table_page_write_rows(page, &records);
	if (records.format != LIST_JSON)
		return paging_link_next(&page->paging, context, &page->rows, page->columns);
	paging_finish(&page->paging, context, &page->rows, page->columns);
	return 0;
}

int table_page_answer(struct table_page *page)
{
	int r = paging_sort(&page->paging, page->context, &page->rows, page->columns);
	return r < 0 ? r : table_page_write(page);
}
