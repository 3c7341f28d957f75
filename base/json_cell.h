/* A cell as JSON by the type of its column; one that is not set is null.  The only file of base/
 * that knows the ABI: core and plugins both write cells, and may not include each other. */
#ifndef TALLYD_BASE_JSON_CELL_H
#define TALLYD_BASE_JSON_CELL_H

#include "base/json_writer.h"
#include <tallyd/plugin.h>

void json_write_cell(struct json_writer *json, uint16_t type, const struct tally_cell *cell);

/* A member of an object whose value is a cell of a row; said once for all rows. */
struct json_member {
	const char *name; /* needs no escape, such as a column's */
	uint16_t len, type, cell;
};

struct json_member json_member_of(const char *name, uint16_t type, uint32_t cell);
/* Into an object that has begun. */
void json_write_members(struct json_writer *json, const struct json_member *members, uint32_t n,
			const struct tally_cell *row);

#endif
