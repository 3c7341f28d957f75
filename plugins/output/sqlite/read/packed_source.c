/*
 * Of a table that was never packed, or whose packed rows are all older than the range, queries read
 * as if there were no packing.
 *
 * The way past SQL is what makes old rows cheaper to aggregate than those that are not packed.
 * Used by read/aggregate.c and read/scan.c, on a query's thread.
 */
#include "read/packed_source.h"

#include <errno.h>

#include "database.h"

const char *packed_source_suffix(bool packed)
{
	return packed ? "_all" : "_rows";
}

int packed_source_find(struct reader *reader, int64_t from, bool *ret)
{
	const struct table_facts *facts;
	int r = table_facts_find(reader, &facts);
	if (r == 0)
		*ret = from < facts->packed_to;
	return r;
}

/* Where a column is among those that are not tags, which are what rows have. */
static uint16_t packed_source_place(const struct tally_table *table, uint16_t column)
{
	uint16_t place = 0;
	for (uint16_t c = 0; c < column; c++)
		place += table->columns[c].role != TALLY_TAG;
	return place;
}

static uint32_t packed_source_role(const struct packed_source *source, uint32_t role)
{
	return role | (source->rows.newest_first ? STATEMENT_NEWEST : 0);
}

static int packed_source_make_rows(struct packed_source *source, const uint16_t *columns)
{
	const struct tally_table *table = source->table;
	struct packed_rows *rows = &source->rows;
	sqlite3_str *sql = sqlite3_str_new(source->reader->db);
	sqlite3_str_appendf(sql, "SELECT \"%w\"", table->columns[0].name);
	for (uint32_t f = 0; f + 1 < rows->n; f++)
		sqlite3_str_appendf(sql, ", \"%w\"", table->columns[columns[f]].name);
	packed_append_range(sql, table->name, table->columns[0].name, rows->newest_first);
	return reader_prepare(source->reader, packed_source_role(source, STATEMENT_PACKED_ROWS),
			      sql, &rows->rows);
}

static int packed_source_make_chunks(struct packed_source *source)
{
	sqlite3_str *sql = sqlite3_str_new(source->reader->db);
	packed_append_chunks(sql, source->table->name, source->rows.newest_first);
	return reader_prepare(source->reader, packed_source_role(source, STATEMENT_CHUNKS), sql,
			      &source->rows.chunks);
}

int packed_source_prepare(struct packed_source *source, struct reader *reader,
			  const struct tally_table *table, const uint16_t *columns,
			  uint32_t n_columns)
{
	struct packed_rows *rows = &source->rows;
	source->reader = reader;
	source->table = table;
	rows->columns = source->wanted;
	rows->n = n_columns + 1;
	for (uint32_t f = 0; f < n_columns; f++)
		source->wanted[f + 1] = packed_source_place(table, columns[f]);
	rows->rows = reader_borrow(reader, packed_source_role(source, STATEMENT_PACKED_ROWS));
	int r = rows->rows ? 0 : packed_source_make_rows(source, columns);
	if (r < 0)
		return r;
	rows->chunks = reader_borrow(reader, packed_source_role(source, STATEMENT_CHUNKS));
	return rows->chunks ? 0 : packed_source_make_chunks(source);
}

static int packed_source_fail(struct packed_source *source, int code)
{
	struct tally_ctx *ctx = source->reader->ctx;
	if (code == SQLITE_NOMEM)
		return tally_fail(ctx, ENOMEM, "no memory");
	if (!source->rows.error[0])
		return database_fail(ctx, source->reader->db);
	return tally_fail(ctx, EBADMSG, "%s: table %s: %s", database_path(source->reader->db),
			  source->table->name, source->rows.error);
}

/* As SQLite makes one of what another program has put into a column of numbers. */
static double packed_source_number(const struct chunk_value *value)
{
	if (value->type == CHUNK_REAL)
		return value->f;
	return value->type == CHUNK_INT ? (double)value->i : 0;
}

static int64_t packed_source_int(const struct chunk_value *value)
{
	if (value->type == CHUNK_INT)
		return value->i;
	double number = packed_source_number(value);
	if (number >= 0x1p63)
		return INT64_MAX;
	return number < -0x1p63 ? INT64_MIN : (int64_t)number;
}

/* As bind_read() would have it from a statement. */
static struct tally_cell packed_source_cell(const struct chunk_value *value, uint16_t type)
{
	struct tally_cell cell = {.set = value->type != CHUNK_NULL};
	if (type == TALLY_TEXT || type == TALLY_JSON) {
		cell.set = value->type == CHUNK_TEXT || value->type == CHUNK_BLOB;
		cell.text = cell.set ? value->bytes : NULL;
		cell.len = cell.set ? value->len : 0;
	} else if (type == TALLY_REAL) {
		cell.f = packed_source_number(value);
	} else {
		cell.i = packed_source_int(value);
	}
	return cell;
}

/* As packed_rows_begin() and packed_rows_next(). */
static int packed_source_stepped(struct packed_source *source, int code)
{
	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : packed_source_fail(source, code);
}

int packed_source_begin(struct packed_source *source, int64_t series, int64_t from, int64_t to)
{
	if (from >= to)
		return 0;
	int code = packed_rows_begin(&source->rows, series, from, to - 1);
	return packed_source_stepped(source, code);
}

int packed_source_next(struct packed_source *source)
{
	return packed_source_stepped(source, packed_rows_next(&source->rows));
}

int64_t packed_source_time(const struct packed_source *source)
{
	return packed_rows_time(&source->rows);
}

int packed_source_value(struct packed_source *source, uint32_t field, uint16_t type,
			struct tally_cell *ret)
{
	struct chunk_value value;
	int code = packed_rows_value(&source->rows, field + 1, &value);
	if (code != SQLITE_OK)
		return packed_source_fail(source, code);
	*ret = packed_source_cell(&value, type);
	return 0;
}

void packed_source_end(struct packed_source *source)
{
	packed_rows_end(&source->rows);
}

static int packed_source_row(struct packed_source *source, struct row_source *row,
			     struct aggregator *aggregator)
{
	int r = 0;
	for (uint32_t f = 0; r == 0 && f < aggregator->n_fields; f++)
		r = packed_source_value(source, f, aggregator->fields[f].type, &row->cells[f]);
	return r < 0 ? r : aggregator_row(aggregator, row->cells, packed_source_time(source));
}

int packed_source_read(struct packed_source *source, struct row_source *row,
		       struct aggregator *aggregator, int64_t series, int64_t from, int64_t to)
{
	int r = packed_source_begin(source, series, from, to);
	while (r > 0) {
		r = packed_source_row(source, row, aggregator);
		if (r == 0)
			r = packed_source_next(source);
	}
	packed_source_end(source);
	return r;
}
