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

#endif
