/*
 * A page of a table's rows with all their columns, on its way from the request to the answer.
 *
 *	struct listing listing auto_listing = {.call = call, .table = table};
 *	struct ask ask;
 *	listing_ask(&listing, &ask);
 *	…                                    format, page, order, filters
 *	page_ask(&listing.page, &ask);
 *	r = ask_store(&ask, &listing.rows);
 *	return r < 0 ? r : listing_write(&listing);
 */
#ifndef TALLYD_HTTP_LISTING_H
#define TALLYD_HTTP_LISTING_H

#include "list.h"
#include "page.h"

struct listing {
	struct call *call;
	const struct tally_table *table;
	const struct tally_column *columns[ROWSET_MAX_COLUMNS]; /* after the time */
	uint32_t n;
	enum list_format format;
	struct page page;
	struct rowset rows;
};

void listing_done(struct listing *listing);
#define auto_listing __attribute__((cleanup(listing_done)))

/* Asks for all columns of the table. */
void listing_ask(struct listing *listing, struct ask *ret);
/* The rows, and where the next page is. */
int listing_write(const struct listing *listing);

#endif
