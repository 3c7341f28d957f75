/* The key of a row as text that fits into a URL.  Whoever changes it gets an error or another
 * page, nothing worse. */
#ifndef TALLYD_HTTP_CURSOR_H
#define TALLYD_HTTP_CURSOR_H

#include <stddef.h>
#include <tallyd/plugin.h>

/* types: enum tally_type, one per cell.  Returns a string to be freed; NULL: no memory. */
char *cursor_write(const uint16_t *types, const struct tally_cell *cells, uint32_t n);

/* -EINVAL: not a cursor with n cells of these types; -ENOMEM.  Text of the cells points into
 * *ret_memory, which is to be freed. */
int cursor_read(const char *text, const uint16_t *types, uint32_t n, struct tally_cell *ret_cells,
		char **ret_memory);

#endif
