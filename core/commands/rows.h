/* Rows for people (aligned columns) and for programs (one JSON object a line). */
#ifndef TALLYD_CORE_COMMANDS_ROWS_H
#define TALLYD_CORE_COMMANDS_ROWS_H

#include <stdio.h>
#include <tallyd/plugin.h>

/* All batches are of one table.  Columns without any value are left out, NULL is shown as "-". */
void rows_print_table(FILE *file, const struct tally_batch *const *batches, size_t n);
/* Times as RFC 3339 in UTC, JSON as it is, NULL as null, what is not UTF-8 as U+FFFD. */
void rows_print_ndjson(FILE *file, const struct tally_batch *batch);

#endif
