/* A list of the API with all its pages. */
#ifndef TALLYD_CONSOLE_PAGES_H
#define TALLYD_CONSOLE_PAGES_H

#include "api/client.h"
#include "api/row.h"

/* Each row of the list at a path, which has a query.  NULL, or what is wrong, safe to print until
 * the client's next request. */
const char *pages_read(struct client *client, const char *path, row_fn *row, void *arg);
/* All of it as one answer of the API, to stdout.  The same. */
const char *pages_print_json(struct client *client, const char *path);

#endif
