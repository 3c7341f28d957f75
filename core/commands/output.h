/* What commands print for programs (--json): one object, on one line. */
#ifndef TALLYD_CORE_COMMANDS_OUTPUT_H
#define TALLYD_CORE_COMMANDS_OUTPUT_H

#include "base/json_writer.h"

void output_json_begin(struct json_writer *json);
/* Prints it with a newline and frees it.  Negative: it could not be made, and stderr says so. */
int output_json_end(struct json_writer *json);

#endif
