/*
 * {"table": "sensors", "time": "2026-11-30T12:00:00Z", "sensor": "attic", "temperature_c": 21.5}:
 * the same form in which `tallyd once --format ndjson` prints rows.  jansson has checked the syntax
 * and that texts are UTF-8 without NULs; here types are held against the table's.
 */
#include "exec_row.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"

static const char *const json_wanted[] = {[TALLY_TIME] = "a time (RFC 3339, or seconds since 1970)",
					  [TALLY_INT] = "an integer",
					  [TALLY_REAL] = "a number",
					  [TALLY_BOOL] = "true or false",
					  [TALLY_TEXT] = "a text"};

static bool json_put_time(struct tally_cell *cell, const json_t *value)
{
	static const int64_t most = INT64_MAX / CLOCK_SECOND;
	if (json_is_string(value))
		return rfc3339_parse(json_string_value(value), json_string_length(value),
				     &cell->i) == 0;
	if (json_is_integer(value)) {
		int64_t s = json_integer_value(value);
		if (s < -most || s > most)
			return false;
		cell->i = s * CLOCK_SECOND;
		return true;
	}
	double ns = json_is_real(value) ? floor(json_real_value(value) * 1e9) : NAN;
	if (!exec_real_fits(ns))
		return false;
	cell->i = (int64_t)ns;
	return true;
}

static bool json_put_number(struct tally_cell *cell, uint16_t type, const json_t *value)
{
	if (!json_is_number(value))
		return false;
	if (type == TALLY_REAL)
		cell->f = json_number_value(value);
	else if (json_is_integer(value))
		cell->i = json_integer_value(value);
	else if (exec_real_fits(json_real_value(value)) &&
		 floor(json_real_value(value)) == json_real_value(value))
		cell->i = (int64_t)json_real_value(value);
	else
		return false;
	return true;
}

static bool json_put_text(struct tally_cell *cell, const json_t *value)
{
	if (!json_is_string(value))
		return false;
	cell->text = json_string_value(value);
	cell->len = (uint32_t)json_string_length(value); /* a line has at most 16 MiB */
	return true;
}

static bool json_put_json(struct exec_row *row, struct tally_cell *cell, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return false;
	row->dumped[row->n_dumped++] = text;
	cell->text = text;
	cell->len = (uint32_t)strlen(text);
	return true;
}

static bool json_put(struct exec_row *row, uint32_t column, const json_t *value)
{
	struct tally_cell *cell = &row->cells[column];
	uint16_t type = row->table->columns[column].type;
	if (json_is_null(value))
		return true;
	cell->set = 1;
	switch (type) {
	case TALLY_TIME:
		return json_put_time(cell, value);
	case TALLY_BOOL:
		cell->i = json_is_true(value);
		return json_is_boolean(value);
	case TALLY_TEXT:
		return json_put_text(cell, value);
	case TALLY_JSON:
		return json_put_json(row, cell, value);
	default:
		return json_put_number(cell, type, value);
	}
}

/* Without "table" it is the only one there is. */
static const struct tally_table *json_table(const struct exec_tables *tables, const json_t *object,
					    struct exec_problem *problem)
{
	const json_t *name = json_object_get(object, "table");
	const struct tally_table *table = NULL;
	if (json_is_string(name))
		table = exec_tables_find(tables, json_string_value(name));
	else if (!name && tables->n == 1)
		table = tables->list[0];
	if (!table)
		exec_refuse(problem, EXEC_TABLE, 0, "%s%.64s%s",
			    json_is_string(name) ? "no table \"" : "",
			    json_is_string(name) ? json_string_value(name)
						 : "no \"table\" names one of several tables",
			    json_is_string(name) ? "\" is declared" : "");
	return table;
}

int exec_row_from_json(const struct exec_tables *tables, const json_t *object, struct exec_row *row,
		       struct exec_problem *problem)
{
	const struct tally_table *table = json_table(tables, object, problem);
	const char *key;
	json_t *value;
	if (!table)
		return -EINVAL;
	exec_row_begin(row, table);
	/* jansson's iterators do not change what they go through, but want it writable. */
	json_t *members = (json_t *)(uintptr_t)object;
	json_object_foreach(members, key, value)
	{
		int c = exec_tables_column(table, key);
		if (c < 0 && strcmp(key, "table") == 0)
			continue;
		if (c < 0 && row->n_unknown++ == 0)
			snprintf(row->unknown, sizeof(row->unknown), "%s", key);
		if (c >= 0 && !json_put(row, (uint32_t)c, value)) {
			uint16_t type = table->columns[c].type;
			return exec_refuse(problem, EXEC_TYPE, 0, "%s.%s: is not %s", table->name,
					   key, type < TALLY_JSON ? json_wanted[type] : "JSON");
		}
	}
	return 0;
}
