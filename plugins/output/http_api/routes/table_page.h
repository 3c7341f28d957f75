/*
 * A page of a table's rows with all their columns, on its way from the request to the answer.
 *
 *	struct table_page page auto_table_page = {.context = context, .table = table};
 *	struct query query;
 *	r = table_page_ask(&page, &query);
 *	…                                    paging, order, filters
 *	r = table_page_run(&page, &query);
 *	return r < 0 ? r : table_page_write(&page);
 *
 * Or of rows that are put together here:
 *
 *	table_page_open(&page);
 *	r = paging_read_whole(context, table, NULL, false, &page.paging);
 *	…                                    page.rows, as the table has its columns
 *	return table_page_answer(&page);
 */
#ifndef TALLYD_HTTP_TABLE_PAGE_H
#define TALLYD_HTTP_TABLE_PAGE_H

#include "base/arena.h"
#include "routes/list_endpoint.h"
#include "query/paging.h"

/* Of a table that only describes what is put together. */
#define TABLE_COLUMN(what, of, as)                                                                 \
	{                                                                                          \
		.name = (what), .type = (of), .role = (as)                                         \
	}

/* A row to be shown; context: around one that was asked for. */
struct table_page_line {
	const struct tally_cell *row;
	bool context;
};

struct table_page {
	struct context *context;
	const struct tally_table *table;
	const struct tally_column *columns[RESULT_SET_MAX_COLUMNS]; /* after the time */
	uint32_t n;
	bool shown[RESULT_SET_MAX_COLUMNS]; /* columns of the table */
	struct paging paging;
	struct result_set rows;
	struct table_page_line *lines; /* NULL: the rows are all there is to show */
	uint32_t n_lines;
	struct result_set around;     /* rows of lines that are not among those of the page */
	const struct list_made *made; /* NULL: no column is made */
	bool made_shown;
	struct tally_cell *made_cells; /* of each row; NULL until they are made */
	struct arena made_texts;       /* of those cells */
	char letter;   /* of its rows in a stream's ids; 0: there is no stream of them */
	bool searched; /* the answer says whether it is complete */
	/* Members of JSON before the rows; NULL: none but those above. */
	void (*head)(struct context *context, const void *arg);
	const void *head_arg;
};

void table_page_done(struct table_page *page);
#define auto_table_page __attribute__((cleanup(table_page_done)))

/* Shows all columns of the table. */
void table_page_open(struct table_page *page);
/* Those that fields= names, and asks for all.  0, or a problem. */
int table_page_ask(struct table_page *page, struct query *ret);
/* Once the query has its filters: the rows of the page. */
int table_page_run(struct table_page *page, struct query *query);
/* Of a list that is put together here (paging_read_whole()), once the rows are: those of the
 * page. */
int table_page_answer(struct table_page *page);
/* The rows, and where the next page is. */
int table_page_write(const struct table_page *page);

#endif
