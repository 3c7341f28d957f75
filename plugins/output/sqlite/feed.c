#include "feed.h"

#include "bind.h"
#include "parts.h"

enum { FEED_FIELDS = 1, FEED_NEWEST = 1, FEED_ROWS, FEED_PARTS };

static void feed_read(struct feed *feed, const struct sheet *sheet, sqlite3_stmt *row)
{
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		feed->cells[f] = bind_read(row, FEED_FIELDS + (int)f, sheet->fields[f].type);
}

bool feed_look_back(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row)
{
	feed_read(feed, sheet, row);
	return sheet_look_back(sheet, feed->cells, sqlite3_column_int64(row, 0));
}

int feed_row(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row)
{
	feed_read(feed, sheet, row);
	return sheet_row(sheet, feed->cells, sqlite3_column_int64(row, 0));
}

int feed_rolled(struct feed *feed, struct sheet *sheet, sqlite3_stmt *row)
{
	const struct sheet_rolled rolled = {.time = sqlite3_column_int64(row, 0),
					    .newest = sqlite3_column_int64(row, FEED_NEWEST),
					    .rows = sqlite3_column_int64(row, FEED_ROWS),
					    .measures = feed->measures};
	int at = FEED_PARTS;
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		at = parts_read(row, at, &sheet->fields[f], &feed->measures[f]);
	return sheet_add_rolled(sheet, &rolled);
}
