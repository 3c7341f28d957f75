/*
 * For every answer of the API that shows rows, every event of a stream, every message on a channel
 * of Redis, and `tallyd once`.  Any thread; what can fail is the writer's memory and bound, which
 * it remembers itself.
 */
#include "base/json_cell.h"

void json_write_cell(struct json_writer *json, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		json_write_null(json);
	else if (type == TALLY_TIME)
		json_write_time(json, cell->i);
	else if (type == TALLY_INT)
		json_write_int(json, cell->i);
	else if (type == TALLY_REAL)
		json_write_real(json, cell->f);
	else if (type == TALLY_BOOL)
		json_write_bool(json, cell->i != 0);
	else if (type == TALLY_JSON)
		json_write_json(json, cell->text, cell->len);
	else
		json_write_text(json, cell->text, cell->len);
}
