/*
 * A page of a table's rows with all their columns, on its way from the request to the answer.
 *
 *	struct listing listing auto_listing = {.call = call, .table = table};
 *	struct ask ask;
 *	table_page_ask(&listing, &ask);
 *	…                                    format, page, order, filters
 *	paging_ask(&listing.page, &ask);
 *	r = query_run(&ask, &listing.rows);
 *	return r < 0 ? r : table_page_write(&listing);
 */
#ifndef TALLYD_HTTP_TABLE_PAGE_H
#define TALLYD_HTTP_TABLE_PAGE_H

#include "routes/list_endpoint.h"
#include "query/paging.h"

struct table_page {
	struct context *context;
	const struct tally_table *table;
	const struct tally_column *columns[ROWSET_MAX_COLUMNS]; /* after the time */
	uint32_t n;
	enum list_format format;
	struct paging paging;
	struct result_set rows;
};

void table_page_done(struct table_page *page);
#define auto_listing __attribute__((cleanup(table_page_done)))

/* Asks for all columns of the table. */
void table_page_ask(struct table_page *page, struct query *ret);
/* The rows, and where the next page is. */
int table_page_write(const struct table_page *page);

#endif
