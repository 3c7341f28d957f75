/* Numbers as JSON writes them, not NUL-terminated.  Of json_writer.c and json_cell.c. */
#ifndef TALLYD_BASE_JSON_NUMBER_H
#define TALLYD_BASE_JSON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_NUMBER_SIZE = 32 }; /* room for any, and quotes */

/* Both return the length. */
size_t json_number_int(char *at, int64_t value);
/* Of one that is finite: the shortest that reads back equal. */
size_t json_number_real(char ret[JSON_NUMBER_SIZE], double value);

#endif
