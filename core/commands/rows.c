/*
 * Prints batches for `once`.  A table's columns are as wide as their widest cell, so all rows are
 * measured before the first is printed, and a column in which no row has a value is left out;
 * NDJSON goes out row by row.  Main thread.  Writing errors stay with the stream.
 */
#include "commands/rows.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json_writer.h"
#include "base/json_cell.h"
#include "base/rfc3339.h"
#include "base/utf8.h"

/* ---- For programs ---- */

enum { ROWS_MAX_JSON = 64 << 20 }; /* of one row */

/* A writer for each row, as an error stays with it: a row that is too large costs only itself. */
void rows_print_ndjson(FILE *file, const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		const struct tally_cell *cells = &batch->cells[(size_t)r * table->n_columns];
		struct json_writer json;
		json_writer_init(&json, ROWS_MAX_JSON);
		json_begin_object(&json);
		json_write_key(&json, "table");
		json_write_string(&json, table->name);
		for (uint32_t c = 0; c < table->n_columns; c++) {
			json_write_key(&json, table->columns[c].name);
			json_write_cell(&json, table->columns[c].type, &cells[c]);
		}
		json_end_object(&json);
		json_write_raw(&json, "\n", 1);
		if (json.error)
			fprintf(stderr, "tallyd: a row of %s is left out: %s\n", table->name,
				strerror(-json.error));
		else
			fwrite(json.data, 1, json.len, file);
		json_writer_done(&json);
	}
}

/* ---- For people ---- */

enum { ROWS_CELL_SIZE = 64 };

/* Foreign text may hold sequences that a terminal obeys (control characters, also those from U+0080
 * to U+009F), and a long one would push all other columns off the screen. */
static void rows_format_text(char *ret, const struct tally_cell *cell)
{
	size_t out = 0, len = cell->len;
	for (size_t i = 0; i < len && out + 8 < ROWS_CELL_SIZE;) {
		size_t n = utf8_length(cell->text + i, len - i);
		bool plain = n && (unsigned char)cell->text[i] >= 0x20 && cell->text[i] != 0x7f &&
			     !(n == 2 && cell->text[i] == '\xc2' &&
			       (unsigned char)cell->text[i + 1] < 0xa0);
		if (plain)
			memcpy(ret + out, cell->text + i, n);
		else
			ret[out] = '?';
		out += plain ? n : 1;
		i += n ? n : 1;
		if (i < len && out + 8 >= ROWS_CELL_SIZE) {
			memcpy(ret + out, "…", strlen("…"));
			out += strlen("…");
		}
	}
	ret[out] = '\0';
}

/* For people: six digits, and a dash for NULL, which is neither 0 nor an empty text. */
static void rows_format(char *ret, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		snprintf(ret, ROWS_CELL_SIZE, "-");
	else if (type == TALLY_TIME)
		rfc3339_format(cell->i, ret);
	else if (type == TALLY_INT)
		snprintf(ret, ROWS_CELL_SIZE, "%" PRId64, cell->i);
	else if (type == TALLY_REAL)
		snprintf(ret, ROWS_CELL_SIZE, "%.6g", cell->f);
	else if (type == TALLY_BOOL)
		snprintf(ret, ROWS_CELL_SIZE, "%s", cell->i ? "yes" : "no");
	else
		rows_format_text(ret, cell);
}

/* Characters, not bytes: the … of a cut cell and names in UTF-8 would shift what follows.  Wide and
 * combining characters are not worth a table of their own here. */
static size_t rows_width(const char *text)
{
	size_t width = 0;
	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

/* The widest cell of each column; 0: no row has a value there. */
static void rows_measure(const struct tally_batch *batch, size_t *widths)
{
	const struct tally_table *table = batch->table;
	char text[ROWS_CELL_SIZE];
	for (size_t i = 0; i < (size_t)batch->n_rows * table->n_columns; i++) {
		uint32_t c = (uint32_t)(i % table->n_columns);
		if (!batch->cells[i].set)
			continue;
		rows_format(text, table->columns[c].type, &batch->cells[i]);
		size_t width = rows_width(text), name = strlen(table->columns[c].name);
		width = width > name ? width : name;
		widths[c] = width > widths[c] ? width : widths[c];
	}
}

static void rows_pad(FILE *file, const char *text, size_t width, bool right)
{
	int pad = (int)(width - rows_width(text));
	if (right)
		fprintf(file, "%*s%s  ", pad, "", text);
	else
		fprintf(file, "%s%*s  ", text, pad, "");
}

static bool rows_is_number(uint16_t type)
{
	return type == TALLY_INT || type == TALLY_REAL;
}

static void rows_print_batch(FILE *file, const struct tally_batch *batch, const size_t *widths)
{
	const struct tally_table *table = batch->table;
	char text[ROWS_CELL_SIZE];
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		for (uint32_t c = 0; c < table->n_columns; c++) {
			uint16_t type = table->columns[c].type;
			if (!widths[c])
				continue;
			rows_format(text, type, &batch->cells[(size_t)r * table->n_columns + c]);
			rows_pad(file, text, widths[c], rows_is_number(type));
		}
		putc('\n', file);
	}
}

/* Columns in which no row has a value are left out: most engines fill half of a wide table. */
void rows_print_table(FILE *file, const struct tally_batch *const *batches, size_t n)
{
	const struct tally_table *table = batches[0]->table;
	auto_free size_t *widths = calloc(table->n_columns, sizeof(*widths));
	uint32_t rows = 0;
	if (!widths)
		return;
	for (size_t i = 0; i < n; i++) {
		rows_measure(batches[i], widths);
		rows += batches[i]->n_rows;
	}
	fprintf(file, "%s: %u row%s\n", table->name, rows, rows == 1 ? "" : "s");
	if (rows) {
		for (uint32_t c = 0; c < table->n_columns; c++)
			if (widths[c])
				rows_pad(file, table->columns[c].name, widths[c],
					 rows_is_number(table->columns[c].type));
		putc('\n', file);
	}
	for (size_t i = 0; i < n; i++)
		rows_print_batch(file, batches[i], widths);
}
