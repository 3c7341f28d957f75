#include "feed.h"

#include <math.h>

#include "store_schema.h"

enum { FEED_FIELDS = 2, FEED_NEWEST = 2, FEED_ROWS, FEED_PARTS };

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

static union sheet_number feed_number(struct tally_cell cell, bool real)
{
	return real ? (union sheet_number){.f = cell.f} : (union sheet_number){.i = cell.i};
}

static void feed_measure(const struct stream *stream, int at, const struct sheet_field *field,
			 struct sheet_measure *ret)
{
	bool real = field->type == TALLY_REAL;
	uint16_t type = real ? TALLY_REAL : TALLY_INT;
	struct tally_cell sum = stream_cell(stream, at + PART_SUM, type);
	*ret = (struct sheet_measure){
		.count = stream_cell(stream, at + PART_COUNT, TALLY_INT).i,
		.sum_i = real ? 0 : sum.i,
		.sum_f = real ? sum.f : 0,
		.min = feed_number(stream_cell(stream, at + PART_MIN, type), real),
		.max = feed_number(stream_cell(stream, at + PART_MAX, type), real),
		.last = stream_cell(stream, at + PART_LAST, type)};
	if (!field->counter)
		return;
	double span = stream_cell(stream, at + PART_SPAN, TALLY_REAL).f;
	ret->span = llround(span * 1e6) * 1000;
	ret->increase = feed_number(stream_cell(stream, at + PART_INCREASE, type), real);
}

int feed_rolled(struct feed *feed, struct sheet *sheet, const struct stream *stream)
{
	const struct sheet_rolled rolled = {.time = stream_time(stream),
					    .newest =
						    stream_cell(stream, FEED_NEWEST, TALLY_TIME).i,
					    .rows = stream_cell(stream, FEED_ROWS, TALLY_INT).i,
					    .measures = feed->measures};
	int at = FEED_PARTS;
	for (uint32_t f = 0; f < sheet->n_fields; f++) {
		feed_measure(stream, at, &sheet->fields[f], &feed->measures[f]);
		at += sheet->fields[f].counter ? N_PARTS : PART_INCREASE;
	}
	return sheet_add_rolled(sheet, &rolled);
}
