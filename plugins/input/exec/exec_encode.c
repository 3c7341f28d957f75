/*
 * The reverse of exec_row_json.c and exec_row_influx.c.  In the line protocol tags are texts, an
 * INT has an i, NULL is left out, and a newline becomes a blank: a row must be one line.
 */
#include "exec_encode.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json_cell.h"

static const char *const encode_kinds[] = {
	[TALLY_SERIES] = "series", [TALLY_STATE] = "state", [TALLY_LOG] = "log"};
static const char *const encode_types[] = {
	[TALLY_TIME] = "time", [TALLY_INT] = "int",   [TALLY_REAL] = "real",
	[TALLY_BOOL] = "bool", [TALLY_TEXT] = "text", [TALLY_JSON] = "json"};
static const char *const encode_roles[] = {[TALLY_FIELD] = "field",
					   [TALLY_TAG] = "tag",
					   [TALLY_COUNTER] = "counter",
					   [TALLY_GONE] = "gone",
					   [TALLY_ORDER] = "order"};

uint64_t exec_encode_hash(const struct tally_table *table)
{
	uint64_t hash = hash_text(table->revision, table->name);
	for (uint32_t c = 0; c < table->n_columns; c++)
		hash = hash_text(hash + table->columns[c].type, table->columns[c].name);
	return hash ? hash : 1;
}

static void encode_member(struct json_writer *lines, const char *key, const char *text)
{
	json_write_key(lines, key);
	json_write_string(lines, text);
}

void exec_encode_table(struct json_writer *lines, const struct tally_table *table)
{
	json_begin_object(lines);
	encode_member(lines, "tallyd", "table");
	encode_member(lines, "name", table->name);
	encode_member(lines, "kind", encode_kinds[table->kind]);
	encode_member(lines, "help", table->help);
	json_write_key(lines, "revision");
	json_write_int(lines, table->revision);
	json_write_key(lines, "kept_long");
	json_write_bool(lines, table->flags & TALLY_KEPT_LONG);
	json_write_key(lines, "columns");
	json_begin_array(lines);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_column *column = &table->columns[c];
		json_begin_object(lines);
		encode_member(lines, "name", column->name);
		encode_member(lines, "type", encode_types[column->type]);
		encode_member(lines, "role", encode_roles[column->role]);
		encode_member(lines, "unit", column->unit);
		encode_member(lines, "help", column->help);
		json_end_object(lines);
	}
	json_end_array(lines);
	json_end_object(lines);
	json_write_raw(lines, "\n", 1);
	lines->comma = false;
}

void exec_encode_json(struct json_writer *lines, const struct tally_batch *batch)
{
	const struct tally_table *table = batch->table;
	for (uint32_t r = 0; r < batch->n_rows; r++) {
		const struct tally_cell *cells = &batch->cells[(size_t)r * table->n_columns];
		json_begin_object(lines);
		encode_member(lines, "table", table->name);
		for (uint32_t c = 0; c < table->n_columns; c++) {
			json_write_key(lines, table->columns[c].name);
			json_write_cell(lines, table->columns[c].type, &cells[c]);
		}
		json_end_object(lines);
		json_write_raw(lines, "\n", 1);
		lines->comma = false;
	}
}

/* ---- The line protocol ------------------------------------------------------- */

static void encode_raw(struct json_writer *lines, const char *text)
{
	json_write_raw(lines, text, strlen(text));
}

/* \ before one of `escaped`; runs in between go out whole. */
static void encode_escaped(struct json_writer *lines, const struct tally_cell *cell,
			   const char *escaped)
{
	const char *text = cell->text;
	size_t start = 0;
	for (size_t i = 0; i <= cell->len; i++) {
		bool line = i < cell->len && (text[i] == '\n' || text[i] == '\r' || !text[i]);
		if (i < cell->len && !line && !strchr(escaped, text[i]))
			continue;
		json_write_raw(lines, text + start, i - start);
		start = i + line;
		if (i < cell->len)
			json_write_raw(lines, line ? " " : "\\", 1);
	}
}

static bool encode_is_text(const struct tally_column *column)
{
	return column->type == TALLY_TEXT || column->type == TALLY_JSON;
}

/* A tag whose last character is \ would escape what follows it, and an empty one is none. */
static void encode_tag(struct json_writer *lines, const struct tally_column *column,
		       const struct tally_cell *cell)
{
	char digits[32];
	if (!cell->set || (encode_is_text(column) && !cell->len))
		return;
	encode_raw(lines, ",");
	encode_raw(lines, column->name);
	encode_raw(lines, "=");
	if (encode_is_text(column)) {
		encode_escaped(lines, cell, cell->text[cell->len - 1] == '\\' ? ",= \\" : ",= ");
		return;
	}
	snprintf(digits, sizeof(digits), "%" PRId64, cell->i);
	encode_raw(lines, column->type == TALLY_BOOL ? (cell->i ? "true" : "false") : digits);
}

static void encode_value(struct json_writer *lines, const struct tally_column *column,
			 const struct tally_cell *cell)
{
	char digits[40];
	if (encode_is_text(column)) {
		encode_raw(lines, "\"");
		encode_escaped(lines, cell, "\"\\");
		encode_raw(lines, "\"");
		return;
	}
	if (column->type == TALLY_REAL)
		snprintf(digits, sizeof(digits), "%.17g", cell->f);
	else
		snprintf(digits, sizeof(digits), "%" PRId64 "i", cell->i);
	encode_raw(lines, column->type == TALLY_BOOL ? (cell->i ? "true" : "false") : digits);
}

static bool encode_is_field(const struct tally_column *column, const struct tally_cell *cell)
{
	return column->role != TALLY_TAG && cell->set &&
	       (column->type != TALLY_REAL || isfinite(cell->f));
}

bool exec_encode_influx(struct json_writer *lines, const struct tally_batch *batch, uint32_t row)
{
	const struct tally_table *table = batch->table;
	const struct tally_cell *cells = &batch->cells[(size_t)row * table->n_columns];
	size_t before = lines->len;
	char time[32];
	bool any = false;
	encode_raw(lines, table->name);
	for (uint32_t c = 1; c < table->n_columns; c++)
		if (table->columns[c].role == TALLY_TAG)
			encode_tag(lines, &table->columns[c], &cells[c]);
	for (uint32_t c = 1; c < table->n_columns; c++) {
		if (!encode_is_field(&table->columns[c], &cells[c]))
			continue;
		encode_raw(lines, any ? "," : " ");
		encode_raw(lines, table->columns[c].name);
		encode_raw(lines, "=");
		encode_value(lines, &table->columns[c], &cells[c]);
		any = true;
	}
	snprintf(time, sizeof(time), " %" PRId64 "\n", cells[0].i);
	if (any)
		encode_raw(lines, time);
	else if (!lines->error)
		lines->len = before;
	return any;
}
