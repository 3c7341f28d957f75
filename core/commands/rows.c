/*
 * Prints batches for `once`.  A table's columns are as wide as their widest cell, so all rows are
 * measured before the first is printed, and a column in which no row has a value is left out;
 * NDJSON goes out row by row.  Main thread.  Writing errors stay with the stream.
 */
#include "commands/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

static void rows_put_time(FILE *file, int64_t ns)
{
	char date[32];
	struct tm tm;
	time_t s = ns / CLOCK_SECOND - (ns % CLOCK_SECOND < 0);
	int64_t rest = ns - (int64_t)s * CLOCK_SECOND;
	gmtime_r(&s, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(file, rest % CLOCK_MS ? "%s.%09" PRId64 "Z" : "%s.%03" PRId64 "Z", date,
		rest % CLOCK_MS ? rest : rest / CLOCK_MS);
}

/* ---- For programs ---- */

static void rows_put_string(FILE *file, const char *text, size_t len)
{
	putc('"', file);
	for (size_t i = 0; i < len;) {
		size_t n = utf8_length(text + i, len - i);
		unsigned char c = (unsigned char)text[i];
		if (!n)
			fputs("\\ufffd", file);
		else if (c == '"' || c == '\\')
			fprintf(file, "\\%c", c);
		else if (c < 0x20)
			fprintf(file, "\\u%04x", c);
		else
			fwrite(text + i, 1, n, file);
		i += n ? n : 1;
	}
	putc('"', file);
}

static void rows_put_json(FILE *file, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		fputs("null", file);
	else if (type == TALLY_TIME) {
		putc('"', file);
		rows_put_time(file, cell->i);
		putc('"', file);
	} else if (type == TALLY_INT)
		fprintf(file, "%" PRId64, cell->i);
	else if (type == TALLY_REAL) {
		/* 17 digits tell every double; JSON has neither infinity nor NaN. */
		if (isfinite(cell->f))
			fprintf(file, "%.17g", cell->f);
		else
			fputs("null", file);
	} else if (type == TALLY_BOOL)
		fputs(cell->i ? "true" : "false", file);
	else if (type == TALLY_JSON)
		fwrite(cell->text, 1, cell->len, file);
	else
		rows_put_string(file, cell->text, cell->len);
}

void rows_print_ndjson(FILE *file, const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		fprintf(file, "{\"table\":\"%s\"", table->name);
		for (uint32_t c = 0; c < table->n_columns; c++) {
			fprintf(file, ",\"%s\":", table->columns[c].name);
			rows_put_json(file, table->columns[c].type,
				      &batch->cells[(size_t)r * table->n_columns + c]);
		}
		fputs("}\n", file);
	}
}

/* ---- For people ---- */

enum { ROWS_CELL_SIZE = 64 };

/* Foreign text may hold what a terminal obeys; and long ones would push all others away. */
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

static void rows_format(char *ret, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		snprintf(ret, ROWS_CELL_SIZE, "-");
	else if (type == TALLY_TIME) {
		FILE *memory = fmemopen(ret, ROWS_CELL_SIZE, "w");
		if (memory) {
			rows_put_time(memory, cell->i);
			fclose(memory);
		}
	} else if (type == TALLY_INT)
		snprintf(ret, ROWS_CELL_SIZE, "%" PRId64, cell->i);
	else if (type == TALLY_REAL)
		snprintf(ret, ROWS_CELL_SIZE, "%.6g", cell->f);
	else if (type == TALLY_BOOL)
		snprintf(ret, ROWS_CELL_SIZE, "%s", cell->i ? "yes" : "no");
	else
		rows_format_text(ret, cell);
}

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
