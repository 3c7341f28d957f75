/*
 * Rows in the three formats of lists, for table_page.c, top.c and stats.c on a worker's thread. The
 * columns are said once, so the loop over rows knows nothing of tables.
 *
 * What fails is remembered by the body's writer; see response_builder.c.
 */
#include "message/row_writer.h"

#include <string.h>

#include "message/csv.h"
#include "base/json_cell.h"

void list_begin(struct json_writer *json)
{
	json_begin_object(json);
	list_begin_rows(json);
}

void list_begin_rows(struct json_writer *json)
{
	json_write_key(json, "data");
	json_begin_array(json);
}

void list_end(struct json_writer *json, const char *cursor)
{
	json_end_array(json);
	json_write_key(json, "next_cursor");
	json_write_string(json, cursor);
	json_end_object(json);
}

enum list_format list_format_of(const struct arguments *args)
{
	return args->format == LIST_CSV && args->csv_safe ? LIST_CSV_SAFE
							  : (enum list_format)args->format;
}

bool list_is_csv(enum list_format format)
{
	return format == LIST_CSV || format == LIST_CSV_SAFE;
}

void row_writer_add(struct row_writer *records, const char *name, uint16_t type, uint32_t cell)
{
	if (records->n < ROW_WRITER_MAX_COLUMNS)
		records->columns[records->n++] = json_member_of(name, type, cell);
}

static void write_object(const struct row_writer *records, struct json_writer *json,
			 const struct tally_cell *row)
{
	json_begin_object(json);
	json_write_members(json, records->columns, records->n, row);
	json_end_object(json);
}

void row_writer_open(const struct row_writer *records, struct response_builder *builder)
{
	if (records->format == LIST_JSON)
		json_begin_object(&builder->body);
	else
		builder->type =
			list_is_csv(records->format) ? content_type_csv : content_type_ndjson;
}

void row_writer_begin(const struct row_writer *records, struct response_builder *builder)
{
	if (records->format == LIST_JSON) {
		json_write_key(&builder->body, "data");
		json_begin_array(&builder->body);
	} else if (list_is_csv(records->format)) {
		for (uint32_t i = 0; i < records->n; i++) {
			const char *name = records->columns[i].name;
			if (i)
				json_write_raw(&builder->body, ",", 1);
			csv_write_text(&builder->body, name, strlen(name),
				       records->format == LIST_CSV_SAFE);
		}
		if (records->n)
			json_write_raw(&builder->body, "\r\n", 2);
	}
}

void row_writer_write(const struct row_writer *records, struct response_builder *builder,
		      const struct tally_cell *row)
{
	struct json_writer *out = &builder->body;
	if (!list_is_csv(records->format)) {
		write_object(records, out, row);
		if (records->format != LIST_NDJSON)
			return;
		json_write_raw(out, "\n", 1);
		out->comma = false; /* a line is a document of its own */
		return;
	}
	for (uint32_t i = 0; i < records->n; i++) {
		const struct json_member *column = &records->columns[i];
		if (i)
			json_write_raw(out, ",", 1);
		csv_write_cell(out, column->type, &row[column->cell],
			       records->format == LIST_CSV_SAFE);
	}
	json_write_raw(out, "\r\n", 2); /* RFC 4180, section 2 */
}

void row_writer_close(const struct row_writer *records, struct response_builder *builder)
{
	if (records->format == LIST_JSON)
		list_end(&builder->body, NULL);
}

void row_write_object(struct json_writer *json, const struct tally_table *table,
		      const struct tally_cell *row, const bool *shown)
{
	json_begin_object(json);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		if (shown && !shown[i])
			continue;
		json_write_name(json, table->columns[i].name);
		json_write_cell(json, table->columns[i].type, &row[i]);
	}
	json_end_object(json);
}
