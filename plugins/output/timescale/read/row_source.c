/*
 * The columns of a row stream as the aggregator wants them.  aggregate.c calls it once per row, on
 * the thread that asked the query: so cells and accumulators are reused, and texts point into the
 * result. Only the aggregator can fail (memory, or a group too many).
 */
#include "read/row_source.h"

#include <math.h>

#include "store/rollup_parts.h"

enum { ROW_SOURCE_FIELDS = 2 };

static void row_source_read(struct row_source *source, const struct aggregator *aggregator,
			    const struct row_stream *stream)
{
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		source->cells[f] = row_stream_cell(stream, ROW_SOURCE_FIELDS + (int)f,
						   aggregator->fields[f].type);
}

bool row_source_baseline(struct row_source *source, struct aggregator *aggregator,
			 const struct row_stream *stream)
{
	row_source_read(source, aggregator, stream);
	return aggregator_baseline(aggregator, source->cells, row_stream_time(stream));
}

int row_source_row(struct row_source *source, struct aggregator *aggregator,
		   const struct row_stream *stream)
{
	row_source_read(source, aggregator, stream);
	return aggregator_row(aggregator, source->cells, row_stream_time(stream));
}

static union aggregator_number row_source_number(const struct tally_cell *cell, bool real)
{
	return real ? (union aggregator_number){.f = cell->f}
		    : (union aggregator_number){.i = cell->i};
}

/* Returns the column after its parts. */
static int row_source_accumulator(const struct row_stream *stream, int at,
				  const struct aggregator_field *field, struct accumulator *ret)
{
	struct tally_cell parts[N_PARTS] = {0};
	bool real = field->type == TALLY_REAL;
	for (uint32_t part = 0; part < N_PARTS; part++) {
		bool whole = part == PART_COUNT || (!real && part != PART_SPAN);
		if (field->parts >> part & 1)
			parts[part] = row_stream_cell(stream, at++, whole ? TALLY_INT : TALLY_REAL);
	}
	*ret = (struct accumulator){.count = parts[PART_COUNT].i,
				    .sum_i = real ? 0 : parts[PART_SUM].i,
				    .sum_f = real ? parts[PART_SUM].f : 0,
				    .min = row_source_number(&parts[PART_MIN], real),
				    .max = row_source_number(&parts[PART_MAX], real),
				    .increase = row_source_number(&parts[PART_INCREASE], real),
				    /* Seconds in the database; whole µs, as its times are. */
				    .span = llround(parts[PART_SPAN].f * 1e6) * 1000,
				    .last = parts[PART_LAST]};
	return at;
}

int row_source_rolled(struct row_source *source, struct aggregator *aggregator,
		      const struct row_stream *stream)
{
	struct aggregator_rolled rolled = {.time = row_stream_time(stream),
					   .accumulators = source->accumulators};
	int at = ROW_SOURCE_FIELDS;
	for (uint32_t f = 0; f < aggregator->n_fields; f++)
		at = row_source_accumulator(stream, at, &aggregator->fields[f],
					    &source->accumulators[f]);
	rolled.newest = at < PQnfields(stream->page) ? row_stream_cell(stream, at, TALLY_TIME).i
						     : rolled.time;
	return aggregator_add_rolled(aggregator, &rolled);
}
