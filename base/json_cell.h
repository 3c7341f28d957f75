/* A cell as JSON by the type of its column; one that is not set is null.  The only file of base/
 * that knows the ABI: core and plugins both write cells, and may not include each other. */
#ifndef TALLYD_BASE_JSON_CELL_H
#define TALLYD_BASE_JSON_CELL_H

#include "base/json_writer.h"
#include <tallyd/plugin.h>

void json_write_cell(struct json_writer *json, uint16_t type, const struct tally_cell *cell);

#endif
