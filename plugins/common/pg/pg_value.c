/*
 * One cell of a binary result; the inline half is in pg_value.h, since COPY puts millions of cells.
 * Callers have checked for NULL.  It cannot fail: the server sends what the statement's types say.
 */
#include "pg/pg_value.h"

struct tally_cell pg_get_cell(uint16_t type, const char *data, int len)
{
	struct tally_cell cell = {.set = 1};
	switch (type) {
	case TALLY_TEXT:
	case TALLY_JSON:
		cell.text = data;
		cell.len = (uint32_t)len;
		break;
	case TALLY_BOOL:
		cell.i = data[0] != 0;
		break;
	case TALLY_TIME:
		cell.i = pg_time_to_ns(pg_get_64(data));
		break;
	default:
		cell.i = pg_get_64(data);
	}
	return cell;
}
