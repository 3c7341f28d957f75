/*
 * Rows as COPY BINARY's tuples, and columns as binary arrays for unnest(); called by copy_path.c,
 * writer_insert.c and writer_series.c on the thread that writes.  Room for a whole tuple is made
 * once, then cells are put without checks.  Without memory the buffer says failed, which its user
 * checks before sending. Formats: https://www.postgresql.org/docs/15/sql-copy.html, "Binary
 * Format", and array_recv().
 */
#include "pg/pg_value.h"
#include "write/writer.h"

static char *encode_nanos(char *to, const struct writer_part *part, uint32_t row)
{
	return pg_put_16(pg_put_32(to, 2), pg_time_nanos(writer_cell(part, row, 0)->i));
}

/* Most cells are whole numbers: without a call for those. */
static inline char *encode_cell(char *to, uint8_t type, const struct tally_cell *cell)
{
	if (type == TALLY_INT && cell->set)
		return pg_put_64(pg_put_32(to, 8), (uint64_t)cell->i);
	return pg_put_cell(to, type, cell);
}

void encode_copy(struct strbuf *to, const struct writer_part *part, uint32_t row)
{
	const struct writer_table *table = part->table;
	const struct tally_cell *cells = batch_map_row(&part->map, row);
	/* Count of fields, series, _nanos; and per field a length and at most eight bytes. */
	size_t room = 2 + 8 + 6 + (size_t)table->n_fields * 12;
	for (uint32_t i = 0; table->texts && i < table->n_fields; i++)
		room += pg_cell_room(table->types[i],
				     batch_map_cell_of(&part->map, cells, table->fields[i]));
	char *at = strbuf_room(to, room);
	if (!at)
		return;
	at = pg_put_16(at, (uint16_t)(table->n_fields + 1 + table->nanos));
	at = pg_put_32(pg_put_32(at, 4), part->series[row]);
	for (uint32_t i = 0; i < table->n_fields; i++)
		at = encode_cell(at, table->types[i],
				 batch_map_cell_of(&part->map, cells, table->fields[i]));
	if (table->nanos)
		at = encode_nanos(at, part, row);
	to->len = (size_t)(at - to->data);
}

static void encode_key(struct strbuf *to, const struct writer_part *part, uint32_t row)
{
	/* Its length stands before it and is known after it. */
	size_t at = to->len;
	char zero[4] = {0};
	strbuf_bytes(to, zero, sizeof(zero));
	writer_part_key(part, row, to);
	if (!to->failed)
		pg_put_32(to->data + at, (uint32_t)(to->len - at - sizeof(zero)));
}

static void encode_element(struct strbuf *to, const struct writer_part *part, int column,
			   uint32_t row)
{
	enum { ROOM = 8 };
	if (column == ENCODE_KEY) {
		encode_key(to, part, row);
		return;
	}
	const struct tally_cell *cell =
		column < 0 ? NULL : writer_cell(part, row, (uint32_t)column);
	uint16_t type = column < 0 ? 0 : part->table->stored->table.columns[column].type;
	char *at = strbuf_room(to, cell ? pg_cell_room(type, cell) : ROOM);
	if (!at)
		return;
	if (cell)
		at = pg_put_cell(at, type, cell);
	else if (column == ENCODE_NANOS)
		at = encode_nanos(at, part, row);
	else
		at = pg_put_32(pg_put_32(at, 4), part->series[row]);
	to->len = (size_t)(at - to->data);
}

static uint32_t encode_oid(const struct writer_part *part, int column)
{
	switch (column) {
	case ENCODE_KEY:
		return PG_BYTEA;
	case ENCODE_NANOS:
		return PG_INT2;
	case ENCODE_SERIES:
		return PG_INT4;
	default:
		return pg_value_oid(part->table->stored->table.columns[column].type);
	}
}

void encode_array(struct strbuf *to, const struct writer_part *part, int column, uint32_t from,
		  uint32_t until)
{
	enum { HEAD = 20 };
	size_t head = to->len;
	uint32_t n = 0;
	if (!strbuf_room(to, HEAD))
		return;
	to->len += HEAD;
	for (uint32_t row = from; row < until; row++)
		if (part->series[row]) {
			encode_element(to, part, column, row);
			n++;
		}
	if (to->failed)
		return;
	/* Dimensions, whether there are NULLs, the type; then per dimension its size and the first
	 * index.  How many rows are good is known only now, so the head is filled in last. */
	char *at = pg_put_32(to->data + head, 1);
	at = pg_put_32(at, 1); /* may hold NULLs */
	at = pg_put_32(at, encode_oid(part, column));
	pg_put_32(pg_put_32(at, n), 1);
}
