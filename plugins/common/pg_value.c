#include "pg_value.h"

char *pg_put_cell(char *to, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		return pg_put_32(to, UINT32_MAX);
	switch (type) {
	case TALLY_TEXT:
	case TALLY_JSON:
		to = pg_put_32(to, cell->len);
		if (cell->len)
			memcpy(to, cell->text, cell->len);
		return to + cell->len;
	case TALLY_BOOL:
		to = pg_put_32(to, 1);
		*to = cell->i != 0;
		return to + 1;
	case TALLY_TIME:
		return pg_put_64(pg_put_32(to, 8), (uint64_t)pg_time_from_ns(cell->i));
	default: /* INT, and REAL by its bits */
		return pg_put_64(pg_put_32(to, 8), (uint64_t)cell->i);
	}
}

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
