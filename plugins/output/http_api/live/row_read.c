/*
 * A row as it comes through Redis, on the subscriber's thread.  Foreign bytes: another tallyd wrote
 * them, perhaps of another version, perhaps somebody else entirely.
 *
 * Columns are found by name.  Those that this store's table lacks are left out, those that are
 * missing are NULL, so two versions can work side by side; a type that does not fit, a column given
 * twice or a row without its time refuse the row.  Texts are decoded in place: the row is as good
 * as the message it came in, and copied by whoever keeps it.
 */
#include "live/row_read.h"

#include "base/json_reader.h"
#include "base/rfc3339.h"
#include <stdlib.h>
#include <string.h>

enum { ROW_READ_NUMBER = 64 };

static void read_text(struct json_reader *json, bool raw, struct tally_cell *ret)
{
	struct json_text text;
	if (raw ? !json_read_raw(json, &text) : !json_read_text(json, &text))
		return;
	ret->text = text.at;
	ret->len = (uint32_t)text.len;
	ret->set = 1;
}

static void read_time(struct json_reader *json, struct tally_cell *ret)
{
	struct json_text text;
	if (!json_read_text(json, &text))
		return;
	if (rfc3339_parse(text.at, text.len, &ret->i) < 0)
		json_fail(json, "a time is none");
	ret->set = 1;
}

static void read_int(struct json_reader *json, struct tally_cell *ret)
{
	struct json_int value;
	if (!json_read_int(json, &value))
		return;
	ret->i = value.value;
	ret->set = value.set;
}

static void read_real(struct json_reader *json, struct tally_cell *ret)
{
	struct json_text text;
	char number[ROW_READ_NUMBER];
	if (json_peek(json) != JSON_NEXT_NUMBER) {
		json_fail(json, "a number was expected");
		return;
	}
	if (!json_read_raw(json, &text))
		return;
	if (text.len >= sizeof(number)) {
		json_fail(json, "a number is too long");
		return;
	}
	memcpy(number, text.at, text.len);
	number[text.len] = '\0';
	ret->f = strtod(number, NULL);
	ret->set = 1;
}

static void read_bool(struct json_reader *json, struct tally_cell *ret)
{
	bool value;
	if (!json_read_bool(json, &value))
		return;
	ret->i = value;
	ret->set = 1;
}

static void read_cell(struct json_reader *json, uint16_t type, struct tally_cell *ret)
{
	if (json_peek(json) == JSON_NEXT_WORD && *json->at == 'n')
		json_skip(json);
	else if (type == TALLY_TIME)
		read_time(json, ret);
	else if (type == TALLY_INT)
		read_int(json, ret);
	else if (type == TALLY_REAL)
		read_real(json, ret);
	else if (type == TALLY_BOOL)
		read_bool(json, ret);
	else
		read_text(json, type == TALLY_JSON, ret);
}

/* They mostly come in the order of the table, so the search begins behind the last one found. */
static uint32_t find_column(const struct tally_table *table, const struct json_text *name,
			    uint32_t after)
{
	for (uint32_t i = 0; i < table->n_columns; i++) {
		uint32_t c = (after + i) % table->n_columns;
		if (json_text_is(name, table->columns[c].name))
			return c;
	}
	return table->n_columns;
}

const char *row_read(char *text, size_t len, const struct tally_table *table,
		     struct tally_cell *ret)
{
	struct json_reader json;
	struct json_text name;
	uint32_t next = 0;
	memset(ret, 0, table->n_columns * sizeof(*ret));
	json_reader_init(&json, text, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		return "it is no object";
	json_enter_object(&json);
	while (json_next_key(&json, &name)) {
		uint32_t column = find_column(table, &name, next);
		if (column == table->n_columns) {
			json_skip(&json);
			continue;
		}
		if (ret[column].set)
			return "a column comes twice";
		read_cell(&json, table->columns[column].type, &ret[column]);
		next = column + 1;
	}
	if (!json_finish(&json))
		return json.problem;
	return ret[0].set && ret[0].i >= 0 ? NULL : "it has no time";
}
