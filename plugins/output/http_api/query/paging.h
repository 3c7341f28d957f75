/*
 * Paging through rows as they were written: limit, and a cursor that holds the key of the last
 * row shown, behind the range of time that the first page was asked for: a range that moves on
 * with the clock would lose rows at its end.  A page asks for one row more than it shows, to know
 * whether there is a next one.
 */
#ifndef TALLYD_HTTP_PAGING_H
#define TALLYD_HTTP_PAGING_H

#include "query/query_builder.h"

enum { PAGING_MAX_KEY = 32 };

struct paging {
	uint32_t limit;
	const struct tally_column *key[PAGING_MAX_KEY]; /* of the table, in the order of columns */
	uint32_t n_key;
	bool timed;                      /* key[0] is the time of the row */
	int64_t from, to;                /* of all pages, if timed */
	bool newest_first;               /* of rows that come in the order of their key */
	bool whole;                      /* all rows are read, sorted, and cut to the page */
	bool stopped;                    /* the search for rows ended before the page was full */
	int64_t reached;                 /* then: where it goes on, as in log_search.h */
	const struct tally_column *sort; /* of sort=, before the key; NULL: none */
	bool sort_down;
	struct tally_cell total; /* rows of all pages; NULL: not counted, or it took too long */
	/* The key of the row to go on after, behind it the cell that the rows are sorted by. */
	struct tally_cell after[PAGING_MAX_KEY + 1];
	char *memory; /* that after points to; NULL: from the start */
};

void paging_done(struct paging *paging);
#define auto_paging __attribute__((cleanup(paging_done)))

/* Takes the request's limit and reads its cursor.  window: the range, which a cursor overrides; a
 * STATE table has none.  Owes paging_done(), also on failure: a problem. */
int paging_read(struct context *context, const struct tally_table *table,
		const struct window *window, struct paging *ret);
/* The same for a list that is put together here, so that all its rows are at hand.  by: what it is
 * sorted by without sort=; NULL: its key, the tags of the table. */
int paging_read_whole(struct context *context, const struct tally_table *table,
		      const struct tally_column *by, bool down, struct paging *ret);
/* Sets range, order, limit and after; rows must then hold all key columns. */
void paging_ask(const struct paging *paging, struct query *query);
/* Whether total=yes asks for what reading the page does not tell. */
bool paging_counts(const struct paging *paging, const struct context *context);
/* Then: how many rows there are with the filters of the query, for as long as search_time. */
int paging_count(struct paging *paging, const struct query *query);
void paging_write_total(const struct paging *paging, const struct context *context);
/* Of a whole list: counts the rows, and leaves those of the page, sorted. */
int paging_sort(struct paging *paging, struct context *context, struct result_set *rows,
		const struct tally_column *const *columns);
/* Where a column is in a row: columns are those after the time, which comes first. */
uint32_t paging_place(const struct tally_column *column, const struct tally_column *const *columns,
		      uint32_t n_columns);
/* Rows to show. */
uint32_t paging_rows(const struct paging *paging, const struct result_set *rows);
/* Closes a list that list_begin() began: next_cursor and, unless that would be too long, the Link
 * header.  columns: of rows, after the time. */
void paging_finish(const struct paging *paging, struct context *context,
		   const struct result_set *rows, const struct tally_column *const *columns);

/* Only the header, for formats that have no room for more.  0, or a problem. */
int paging_link_next(const struct paging *paging, struct context *context,
		     const struct result_set *rows, const struct tally_column *const *columns);
/* The problem of a cursor that is not one of the list. */
int paging_refuse_cursor(struct context *context);
/* The same as paging_finish() with a cursor of another making; NULL: this is the last page. */
void paging_finish_with(struct context *context, const char *cursor);

#endif
