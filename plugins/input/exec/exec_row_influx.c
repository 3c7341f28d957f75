/*
 * InfluxDB's line protocol, as Telegraf's plugins write it:
 *
 *	measurement[,tag=value…] field=value[,field=value…] [time in ns]
 *
 * https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
 *
 * Names become names of tables and columns: letters small, and _ for whatever is neither a letter
 * nor a digit.  A TEXT tag that a line leaves out is "", as InfluxDB understands it.  Decoded in
 * place: every text is at most as long as it was.
 */
#include "exec_row.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "base/utf8.h"

struct influx {
	char *line, *at, *end;
	struct exec_row *row;
	struct exec_problem *problem;
};

static size_t influx_column(const struct influx *influx, const char *at)
{
	return (size_t)(at - influx->line) + 1;
}

/* Up to one of `ends` without a backslash before it; \ before one of `escaped` goes. */
static char *influx_take(struct influx *influx, const char *ends, const char *escaped,
			 size_t *ret_len)
{
	char *start = influx->at, *out = start;
	while (influx->at < influx->end && !strchr(ends, *influx->at)) {
		if (influx->at[0] == '\\' && influx->at + 1 < influx->end &&
		    strchr(escaped, influx->at[1]))
			influx->at++;
		*out++ = *influx->at++;
	}
	*ret_len = (size_t)(out - start);
	return start;
}

/* What the declaration calls it.  Too long for any name: "". */
static void influx_name(const char *text, size_t len, char ret[64])
{
	size_t n = len < 64 ? len : 0;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		ret[i] = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
	}
	ret[n] = '\0';
}

/* ---- Values ------------------------------------------------------------------ */

static bool influx_parse_int(const char *text, size_t len, int64_t *ret)
{
	char digits[32], *end;
	if (!len || len >= sizeof(digits) || !strchr("-+0123456789", text[0]))
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	errno = 0;
	*ret = strtoll(digits, &end, 10);
	return errno == 0 && !*end;
}

static bool influx_parse_real(const char *text, size_t len, double *ret)
{
	char digits[64], *end;
	if (!len || len >= sizeof(digits) || strspn(text, "+-.0123456789eE") < len)
		return false;
	memcpy(digits, text, len);
	digits[len] = '\0';
	*ret = strtod(digits, &end);
	return !*end && isfinite(*ret);
}

static bool influx_parse_bool(const char *text, size_t len, int64_t *ret)
{
	static const char *const words[] = {"f", "F", "false", "False", "FALSE",
					    "t", "T", "true",  "True",  "TRUE"};
	for (size_t i = 0; i < 10; i++)
		if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0) {
			*ret = i >= 5;
			return true;
		}
	return false;
}

static bool influx_put_text(struct tally_cell *cell, uint16_t type, const char *text, size_t len)
{
	cell->text = text;
	cell->len = (uint32_t)len;
	return type == TALLY_TEXT || (type == TALLY_JSON && json_check(text, len));
}

/* 5i, 5u and 5 are numbers; a number goes into a REAL, and into an INT or TIME if it is whole. */
static bool influx_put_number(struct tally_cell *cell, uint16_t type, const char *text, size_t len)
{
	bool whole = len && strchr("iu", text[len - 1]);
	double real;
	int64_t integer;
	if (type != TALLY_INT && type != TALLY_REAL && type != TALLY_TIME)
		return false;
	if (whole || type != TALLY_REAL) {
		if (influx_parse_int(text, len - whole, &integer)) {
			if (type == TALLY_REAL)
				cell->f = (double)integer;
			else
				cell->i = integer;
			return !(whole && text[len - 1] == 'u' && integer < 0);
		}
		if (whole)
			return false;
	}
	if (!influx_parse_real(text, len, &real))
		return false;
	if (type == TALLY_REAL) {
		cell->f = real;
		return true;
	}
	if (!exec_real_fits(real) || floor(real) != real)
		return false;
	cell->i = (int64_t)real;
	return true;
}

/* The text of a field that is no string. */
static bool influx_put_bare(struct tally_cell *cell, uint16_t type, const char *text, size_t len)
{
	if (type == TALLY_BOOL)
		return influx_parse_bool(text, len, &cell->i);
	return influx_put_number(cell, type, text, len);
}

/* Tags are texts, whatever they hold. */
static bool influx_put_tag(struct tally_cell *cell, uint16_t type, const char *text, size_t len)
{
	if (type == TALLY_INT)
		return influx_parse_int(text, len, &cell->i);
	if (type == TALLY_BOOL)
		return influx_parse_bool(text, len, &cell->i);
	return influx_put_text(cell, type, text, len);
}

/* ---- Parts ------------------------------------------------------------------- */

/* The cell that a name stands for; NULL: the table has no such column. */
static struct tally_cell *influx_cell(struct influx *influx, const char *name, uint16_t *ret_type)
{
	struct exec_row *row = influx->row;
	int c = exec_tables_column(row->table, name);
	if (c < 0) {
		if (row->n_unknown++ == 0)
			memcpy(row->unknown, name, sizeof(row->unknown));
		return NULL;
	}
	*ret_type = row->table->columns[c].type;
	row->cells[c].set = 1;
	return &row->cells[c];
}

static int influx_take_key(struct influx *influx, char ret[64])
{
	size_t len;
	const char *start = influx->at;
	const char *key = influx_take(influx, ",= ", ",= \\", &len);
	if (!len || influx->at == influx->end || *influx->at != '=')
		return exec_refuse(influx->problem, EXEC_SYNTAX, influx_column(influx, start),
				   "name=value should stand here");
	influx->at++;
	influx_name(key, len, ret);
	return 0;
}

static int influx_wrong_type(struct influx *influx, const char *start, const char *name)
{
	return exec_refuse(influx->problem, EXEC_TYPE, influx_column(influx, start),
			   "%s.%s: the value does not fit its column's type",
			   influx->row->table->name, name);
}

static int influx_take_tag(struct influx *influx)
{
	char name[64];
	uint16_t type;
	size_t len;
	int r = influx_take_key(influx, name);
	if (r < 0)
		return r;
	const char *start = influx->at, *value = influx_take(influx, ", ", ",= \\", &len);
	struct tally_cell *cell = influx_cell(influx, name, &type);
	if (cell && !influx_put_tag(cell, type, value, len))
		return influx_wrong_type(influx, start, name);
	return 0;
}

static int influx_take_string(struct influx *influx, const char *name)
{
	char *start = influx->at++;
	size_t len;
	uint16_t type;
	char *value = influx_take(influx, "\"", "\"\\", &len);
	if (influx->at == influx->end)
		return exec_refuse(influx->problem, EXEC_SYNTAX, influx_column(influx, start),
				   "%s: the quote does not end", name);
	influx->at++;
	struct tally_cell *cell = influx_cell(influx, name, &type);
	if (cell && !influx_put_text(cell, type, value, len))
		return influx_wrong_type(influx, start, name);
	return 0;
}

static int influx_take_field(struct influx *influx)
{
	char name[64];
	uint16_t type;
	int r = influx_take_key(influx, name);
	if (r < 0)
		return r;
	if (influx->at < influx->end && *influx->at == '"')
		return influx_take_string(influx, name);
	size_t len;
	const char *start = influx->at, *value = influx_take(influx, ", ", "", &len);
	if (!len)
		return exec_refuse(influx->problem, EXEC_SYNTAX, influx_column(influx, start),
				   "%s: a value should stand here", name);
	struct tally_cell *cell = influx_cell(influx, name, &type);
	if (cell && !influx_put_bare(cell, type, value, len))
		return influx_wrong_type(influx, start, name);
	return 0;
}

static bool influx_skip(struct influx *influx, char c)
{
	bool there = influx->at < influx->end && *influx->at == c;
	influx->at += there;
	return there;
}

static int influx_take_table(struct influx *influx, const struct exec_tables *tables)
{
	char name[64];
	size_t len;
	const char *text = influx_take(influx, ", ", ", \\", &len);
	influx_name(text, len, name);
	const struct tally_table *table = exec_tables_find(tables, name);
	if (!len)
		return exec_refuse(influx->problem, EXEC_SYNTAX, 1,
				   "a measurement should stand here");
	if (!table)
		return exec_refuse(influx->problem, EXEC_TABLE, 1, "no table \"%s\" is declared",
				   name);
	exec_row_begin(influx->row, table);
	return 0;
}

static int influx_take_time(struct influx *influx)
{
	const char *start = influx->at;
	while (influx_skip(influx, ' '))
		;
	size_t len = (size_t)(influx->end - influx->at);
	if (!len)
		return 0;
	if (!influx_parse_int(influx->at, len, &influx->row->cells[0].i))
		return exec_refuse(influx->problem, EXEC_SYNTAX, influx_column(influx, start),
				   "a time in nanoseconds, or the end, should stand here");
	influx->row->cells[0].set = 1;
	return 0;
}

static int influx_take_row(struct influx *influx)
{
	int r = 0;
	while (r == 0 && influx_skip(influx, ','))
		r = influx_take_tag(influx);
	if (r == 0 && !influx_skip(influx, ' '))
		r = exec_refuse(influx->problem, EXEC_SYNTAX, influx_column(influx, influx->at),
				"a field should stand here, behind a blank");
	while (influx_skip(influx, ' '))
		;
	do
		r = r == 0 ? influx_take_field(influx) : r;
	while (r == 0 && influx_skip(influx, ','));
	return r == 0 ? influx_take_time(influx) : r;
}

static void influx_fill_tags(struct exec_row *row)
{
	for (uint32_t c = 1; c < row->table->n_columns; c++) {
		const struct tally_column *column = &row->table->columns[c];
		bool empty = column->role == TALLY_TAG && column->type == TALLY_TEXT &&
			     strcmp(column->name, "host") != 0 && !row->cells[c].set;
		if (empty)
			tally_put_text_borrowed(row->cells, c, "", 0);
	}
}

int exec_row_from_influx(const struct exec_tables *tables, char *line, size_t len,
			 struct exec_row *row, struct exec_problem *problem)
{
	struct influx influx = {line, line, line + len, row, problem};
	if (memchr(line, '\0', len) || !utf8_valid(line, len))
		return exec_refuse(problem, EXEC_SYNTAX, 0, "is not UTF-8, or contains a NUL");
	int r = influx_take_table(&influx, tables);
	if (r == 0)
		r = influx_take_row(&influx);
	if (r == 0)
		influx_fill_tags(row);
	return r;
}
