/* A cell as JSON by the type of its column; one that is not set is null. */
#ifndef TALLYD_PLUGINS_COMMON_JSON_CELL_H
#define TALLYD_PLUGINS_COMMON_JSON_CELL_H

#include "base/json_writer.h"
#include <tallyd/plugin.h>

void json_write_cell(struct json_writer *json, uint16_t type, const struct tally_cell *cell);

#endif
