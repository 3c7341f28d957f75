/*
 * A table that was never packed is told by its name alone, and one whose packed rows are all older
 * than the range by one small statement: such queries read as if there were no packing.
 *
 * The way past SQL is what makes old rows cheaper to aggregate than those that are not packed.
 * Used by read/aggregate.c and read/scan.c, on a query's thread.
 */
#include "read/packed_source.h"

#include <errno.h>

#include "database.h"
#include "packed/packed_file.h"

int packed_source_find(struct reader *reader, const struct bound_query *bound, int64_t from,
		       const char **ret)
{
	const char *table = bound->stored->table.name;
	sqlite3_stmt *to = NULL;
	*ret = "_rows";
	if (!packed_can(bound->stored) || !packed_exists(reader->db, table))
		return 0;
	sqlite3_str *sql = sqlite3_str_new(reader->db);
	packed_append_to(sql, table);
	int r = reader_prepare(reader, sql, &to);
	if (r == 0)
		r = database_step(reader->ctx, to);
	if (r > 0 && from < sqlite3_column_int64(to, 0))
		*ret = "_all";
	if (r > 0)
		sqlite3_reset(to);
	return r < 0 ? r : 0;
}

/* Where a column is among those that are not tags, which are what rows have. */
static uint16_t packed_source_place(const struct tally_table *table, uint16_t column)
{
	uint16_t place = 0;
	for (uint16_t c = 0; c < column; c++)
		place += table->columns[c].role != TALLY_TAG;
	return place;
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
	sqlite3_str *sql = sqlite3_str_new(reader->db);
	sqlite3_str_appendf(sql, "SELECT \"%w\"", table->columns[0].name);
	for (uint32_t f = 0; f < n_columns; f++) {
		source->wanted[f + 1] = packed_source_place(table, columns[f]);
		sqlite3_str_appendf(sql, ", \"%w\"", table->columns[columns[f]].name);
	}
	packed_append_range(sql, table->name, table->columns[0].name, false);
	int r = reader_prepare(reader, sql, &rows->rows);
	if (r < 0)
		return r;
	sql = sqlite3_str_new(reader->db);
	packed_append_chunks(sql, table->name, false);
	return reader_prepare(reader, sql, &rows->chunks);
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

static int packed_source_row(struct packed_source *source, struct row_source *row,
			     struct aggregator *aggregator)
{
	struct chunk_value value;
	for (uint32_t f = 0; f < aggregator->n_fields; f++) {
		int code = packed_rows_value(&source->rows, f + 1, &value);
		if (code != SQLITE_OK)
			return packed_source_fail(source, code);
		row->cells[f] = packed_source_cell(&value, aggregator->fields[f].type);
	}
	return aggregator_row(aggregator, row->cells, packed_rows_time(&source->rows));
}

int packed_source_read(struct packed_source *source, struct row_source *row,
		       struct aggregator *aggregator, int64_t series, int64_t from, int64_t to)
{
	int r = 0;
	if (from >= to)
		return 0;
	int code = packed_rows_begin(&source->rows, series, from, to - 1);
	for (; r == 0 && code == SQLITE_ROW; code = packed_rows_next(&source->rows))
		r = packed_source_row(source, row, aggregator);
	if (r == 0 && code != SQLITE_DONE)
		r = packed_source_fail(source, code);
	packed_rows_end(&source->rows);
	return r;
}
