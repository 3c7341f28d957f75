/*
 * A row as another tallyd publishes it (docs/redis.md): a JSON object of its columns.  Foreign
 * bytes: whatever is not such a row is refused.
 */
#ifndef TALLYD_HTTP_ROW_READ_H
#define TALLYD_HTTP_ROW_READ_H

#include <stddef.h>
#include <tallyd/plugin.h>

/* Members that the table does not have are left out; columns that are missing are NULL.  ret:
 * n_columns cells, whose texts point into text, which is written to.  NULL, or what is wrong. */
const char *row_read(char *text, size_t len, const struct tally_table *table,
		     struct tally_cell *ret);

#endif
