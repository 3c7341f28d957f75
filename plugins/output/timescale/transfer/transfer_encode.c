/*
 * The same bytes as write/encode.c puts for a batch, from cells in the order of a transfer's
 * shape.  The server computes the hash of a key, as it does for a writer.
 */
#include "transfer/transfer_encode.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_reader.h"
#include "base/utf8.h"
#include "pg/pg_value.h"
#include "schema/schema.h"

bool transfer_has_nanos(const struct transfer_shape *shape, uint32_t cell)
{
	return schema_has_nanos(shape->stored) && shape->part == LEVEL_ROWS && cell == shape->time;
}

static bool encode_is_series(const struct transfer_shape *shape, uint32_t i)
{
	return i == 0 && shape->stored->table.kind != TALLY_STATE;
}

/* ---- What can be kept --------------------------------------------------------------- */

static double encode_seconds(int64_t ns)
{
	return (double)ns / (double)CLOCK_SECOND;
}

static const char *encode_keep_text(uint16_t type, const struct tally_cell *cell)
{
	if (type == TALLY_JSON && !json_check(cell->text, cell->len))
		return "a text that is not JSON where JSON belongs";
	if (cell->len && memchr(cell->text, '\0', cell->len))
		return "a text with a NUL, which PostgreSQL does not have";
	if (!utf8_valid(cell->text, cell->len))
		return "a text that is not UTF-8";
	return NULL;
}

static const char *encode_keep_cell(const struct transfer_shape *shape, uint32_t i,
				    struct tally_cell *cell)
{
	const struct transfer_cell *info = &shape->cells[i];
	if (!cell->set)
		return NULL;
	if (encode_is_series(shape, i))
		return cell->i < 0 || cell->i > INT32_MAX ? "a series beyond 2^31" : NULL;
	if (info->part == PART_SPAN)
		cell->i = llround(encode_seconds(cell->i) * (double)CLOCK_SECOND);
	else if (info->type == TALLY_TIME && !transfer_has_nanos(shape, i))
		cell->i = pg_time_to_ns(pg_time_from_ns(cell->i));
	else if (pg_is_null(info->type, cell))
		*cell = (struct tally_cell){.set = 0};
	return pg_value_is_text(info->type) ? encode_keep_text(info->type, cell) : NULL;
}

static int64_t encode_bound(__int128 value)
{
	return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

void transfer_encode_sums(const struct transfer_shape *shape, struct tally_cell *cells)
{
	for (uint32_t i = 0; i < shape->n; i++) {
		if (shape->cells[i].part != PART_SUM || shape->cells[i].type == TALLY_REAL ||
		    !cells[i].set)
			continue;
		const struct tally_cell *number = &cells[i - PART_SUM];
		cells[i].i = encode_bound((__int128)number[PART_MAX].i * number[PART_COUNT].i -
					  cells[i].i);
	}
}

const char *transfer_encode_keep(const struct transfer_shape *shape, struct tally_cell *cells)
{
	const char *why = NULL;
	for (uint32_t i = 0; !why && i < shape->n; i++)
		why = encode_keep_cell(shape, i, &cells[i]);
	transfer_encode_sums(shape, cells); /* to what is stored, */
	transfer_encode_sums(shape, cells); /* and back */
	return why;
}

/* ---- A tuple ------------------------------------------------------------------------ */

bool transfer_encode_has_key(const struct transfer_shape *shape)
{
	return shape->part == TRANSFER_SERIES || shape->stored->table.kind == TALLY_STATE;
}

static char *encode_cell(char *at, const struct transfer_shape *shape, uint32_t i,
			 const struct tally_cell *cell)
{
	if (encode_is_series(shape, i))
		return pg_put_32(pg_put_32(at, 4), (uint32_t)cell->i);
	if (shape->cells[i].part != PART_SPAN || !cell->set)
		return pg_put_cell(at, shape->cells[i].type, cell);
	struct tally_cell span = {.f = encode_seconds(cell->i), .set = 1};
	return pg_put_cell(at, TALLY_REAL, &span);
}

/* As writer_part_key() makes it: each tag with its length, and no NULLs at the end. */
static char *encode_key(char *at, const struct transfer_shape *shape,
			const struct tally_cell *cells, uint32_t without)
{
	const struct stored_table *stored = shape->stored;
	char *start = at + sizeof(uint32_t), *to = start, *end = start;
	for (uint32_t t = without; t < stored->n_tags; t++) {
		const struct tally_cell *cell =
			shape->part == TRANSFER_SERIES ? &cells[t + 1] : &cells[stored->tags[t]];
		to = pg_put_cell(to, stored->table.columns[stored->tags[t]].type, cell);
		if (cell->set)
			end = to;
	}
	pg_put_32(at, (uint32_t)(end - start));
	return end;
}

void transfer_encode_row(struct strbuf *to, const struct transfer_shape *shape,
			 const struct tally_cell *cells, uint32_t without)
{
	bool key = transfer_encode_has_key(shape);
	bool nanos = shape->timed && transfer_has_nanos(shape, shape->time);
	size_t room = 64;
	for (uint32_t i = 0; i < shape->n; i++)
		room += pg_cell_room(shape->cells[i].type, &cells[i]) * (key ? 2 : 1);
	char *at = strbuf_room(to, room);
	if (!at)
		return;
	at = pg_put_16(at, (uint16_t)(shape->n + key + nanos));
	for (uint32_t i = 0; i < shape->n; i++)
		at = encode_cell(at, shape, i, &cells[i]);
	if (nanos)
		at = pg_put_16(pg_put_32(at, 2), pg_time_nanos(cells[shape->time].i));
	if (key)
		at = encode_key(at, shape, cells, without);
	to->len = (size_t)(at - to->data);
}
