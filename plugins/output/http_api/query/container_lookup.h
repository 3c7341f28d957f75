/* Which container a request means. */
#ifndef TALLYD_HTTP_CONTAINER_LOOKUP_H
#define TALLYD_HTTP_CONTAINER_LOOKUP_H

#include "query/query_builder.h"

enum { CONTAINER_TEXT_SIZE = 256 };

struct container {
	char host[CONTAINER_TEXT_SIZE], id[CONTAINER_TEXT_SIZE], name[CONTAINER_TEXT_SIZE];
};

/*
 * By id, by name, by the beginning of an id: in this order; of several those that still exist
 * win.  parameter: where the word came from; NULL: the path.  0, or a problem: 404, 409.
 */
int container_find(struct context *context, const char *word, const char *parameter,
		   struct container *ret);

/* The same of a word in the path.  ret_row: its row of container_info, with the time and all
 * columns in their order, texts bounded; or none, where finding it took more than that.  Owes
 * result_set_done(), also on failure. */
int container_find_row(struct context *context, const char *word, struct container *ret,
		       struct result_set *ret_row);

#endif
