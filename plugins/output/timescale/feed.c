#include "feed.h"

#include <math.h>

#include "store/rollup_parts.h"

enum { FEED_FIELDS = 2 };

static void feed_read(struct feed *feed, const struct sheet *sheet, const struct stream *stream)
{
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		feed->cells[f] = stream_cell(stream, FEED_FIELDS + (int)f, sheet->fields[f].type);
}

bool feed_look_back(struct feed *feed, struct sheet *sheet, const struct stream *stream)
{
	feed_read(feed, sheet, stream);
	return sheet_look_back(sheet, feed->cells, stream_time(stream));
}

int feed_row(struct feed *feed, struct sheet *sheet, const struct stream *stream)
{
	feed_read(feed, sheet, stream);
	return sheet_row(sheet, feed->cells, stream_time(stream));
}

static union sheet_number feed_number(const struct tally_cell *cell, bool real)
{
	return real ? (union sheet_number){.f = cell->f} : (union sheet_number){.i = cell->i};
}

/* Returns the column after its parts. */
static int feed_measure(const struct stream *stream, int at, const struct sheet_field *field,
			struct sheet_measure *ret)
{
	struct tally_cell parts[N_PARTS] = {0};
	bool real = field->type == TALLY_REAL;
	for (uint32_t part = 0; part < N_PARTS; part++) {
		bool whole = part == PART_COUNT || (!real && part != PART_SPAN);
		if (field->parts >> part & 1)
			parts[part] = stream_cell(stream, at++, whole ? TALLY_INT : TALLY_REAL);
	}
	*ret = (struct sheet_measure){.count = parts[PART_COUNT].i,
				      .sum_i = real ? 0 : parts[PART_SUM].i,
				      .sum_f = real ? parts[PART_SUM].f : 0,
				      .min = feed_number(&parts[PART_MIN], real),
				      .max = feed_number(&parts[PART_MAX], real),
				      .increase = feed_number(&parts[PART_INCREASE], real),
				      .span = llround(parts[PART_SPAN].f * 1e6) * 1000,
				      .last = parts[PART_LAST]};
	return at;
}

int feed_rolled(struct feed *feed, struct sheet *sheet, const struct stream *stream)
{
	struct sheet_rolled rolled = {.time = stream_time(stream), .measures = feed->measures};
	int at = FEED_FIELDS;
	for (uint32_t f = 0; f < sheet->n_fields; f++)
		at = feed_measure(stream, at, &sheet->fields[f], &feed->measures[f]);
	rolled.newest =
		at < PQnfields(stream->page) ? stream_cell(stream, at, TALLY_TIME).i : rolled.time;
	return sheet_add_rolled(sheet, &rolled);
}
