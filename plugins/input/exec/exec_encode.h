/* Batches as lines for a program.  Pure; a writer's error says that it did not fit. */
#ifndef TALLYD_EXEC_ENCODE_H
#define TALLYD_EXEC_ENCODE_H

#include <tallyd/plugin.h>

#include "base/json_writer.h"

/* {"tallyd": "table", "name": …, "columns": […]} */
void exec_encode_table(struct json_writer *lines, const struct tally_table *table);
/* A line for each row, {"table": …, "time": …, …}. */
void exec_encode_json(struct json_writer *lines, const struct tally_batch *batch);
/* The line protocol.  False: the row has no field, so it has no line. */
bool exec_encode_influx(struct json_writer *lines, const struct tally_batch *batch, uint32_t row);
/* What tells one table from another, and from itself with more columns. */
uint64_t exec_encode_hash(const struct tally_table *table);

#endif
