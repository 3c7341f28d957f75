/*
 * Paging through rows as they were written: limit, and a cursor that holds the key of the last
 * row shown, behind the range of time that the first page was asked for: a range that moves on
 * with the clock would lose rows at its end.  A page asks for one row more than it shows, to know
 * whether there is a next one.
 */
#ifndef TALLYD_HTTP_PAGE_H
#define TALLYD_HTTP_PAGE_H

#include "ask.h"

enum { PAGE_MAX_KEY = 32, PAGE_DEFAULT_LIMIT = 100 };

/* As query.h says of `after`: time and tags and order; of a STATE table the tags. */
bool page_is_key(const struct tally_table *table, uint32_t column);

struct page {
	uint32_t limit;
	const struct tally_column *key[PAGE_MAX_KEY]; /* of the table, in the order of columns */
	uint32_t n_key;
	bool timed;       /* key[0] is the time of the row */
	int64_t from, to; /* of all pages, if timed */
	struct tally_cell after[PAGE_MAX_KEY];
	char *memory; /* that after points to; NULL: from the start */
};

void page_done(struct page *page);
#define auto_page __attribute__((cleanup(page_done)))

/* Reads limit and cursor, and unless it is a STATE table from and to, by default the last hour.
 * Owes page_done(), also on failure: a problem. */
int page_read(struct call *call, const struct tally_table *table, struct page *ret);
/* The same with another default: so many ns back. */
int page_read_back(struct call *call, const struct tally_table *table, int64_t back,
		   struct page *ret);
/* Sets range, limit and after; rows must then hold all key columns. */
void page_ask(const struct page *page, struct ask *ask);
/* Rows to show. */
uint32_t page_rows(const struct page *page, const struct rowset *rows);
/* Closes a list: next_cursor and, unless that would be too long, the Link header.  columns: of
 * rows, after the time. */
void page_finish(const struct page *page, struct call *call, const struct rowset *rows,
		 const struct tally_column *const *columns);

/* Only the header, for formats that have no room for more.  0, or a problem. */
int page_link_next(const struct page *page, struct call *call, const struct rowset *rows,
		   const struct tally_column *const *columns);
/* The same as page_finish() with a cursor of another making; NULL: this is the last page. */
void page_finish_with(struct call *call, const char *cursor);

/* limit=N, 1 to max_results_per_query. */
int page_read_limit(struct call *call, uint32_t fallback, uint32_t *ret);

#endif
