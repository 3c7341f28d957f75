/*
 * A list of rows as they were written, for an endpoint that says which table and by what it can
 * be narrowed down: paging, order and format are the same for all of them.
 */
#ifndef TALLYD_HTTP_LIST_ENDPOINT_H
#define TALLYD_HTTP_LIST_ENDPOINT_H

#include "message/row_writer.h"
#include "routes/list_narrow.h"

/* container: as of list_narrow().  A table that the store does not have gives an empty list. */
int list_answer(struct context *context, const struct list *list,
		const struct container *container);

/* A column of JSON that the table does not have, behind the others: its name, and what makes the
 * cells of a page once its rows are read. */
struct table_page;
struct list_made {
	const char *name;
	int (*make)(struct table_page *page); /* 0, or a problem */
};
int list_answer_with(struct context *context, const struct list *list,
		     const struct list_made *made);

/* That empty list.  0, or a problem. */
int list_answer_nothing(struct context *context, const struct list *list,
			const struct container *container);

/* 0, or a problem if the request has a cursor: of a list whose table is not there yet no cursor can
 * be right. */
int list_refuse_cursor(struct context *context);

#endif
