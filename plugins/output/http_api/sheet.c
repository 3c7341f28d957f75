#include "sheet.h"

#include <string.h>

#include "csv.h"

void sheet_add(struct sheet *sheet, const char *name, uint16_t type, uint32_t cell)
{
	if (sheet->n < ROWSET_MAX_COLUMNS)
		sheet->columns[sheet->n++] =
			(struct sheet_column){.name = name, .type = type, .cell = (uint16_t)cell};
}

static void write_object(const struct sheet *sheet, struct json_writer *json,
			 const struct tally_cell *row)
{
	json_begin_object(json);
	for (uint32_t i = 0; i < sheet->n; i++) {
		json_write_key(json, sheet->columns[i].name);
		rowset_write_cell(json, sheet->columns[i].type, &row[sheet->columns[i].cell]);
	}
	json_end_object(json);
}

static void write_line(const struct sheet *sheet, struct json_writer *json,
		       const struct tally_cell *row)
{
	write_object(sheet, json, row);
	json_write_raw(json, "\n", 1);
	json->comma = false;
}

static void write_record(const struct sheet *sheet, struct json_writer *out,
			 const struct tally_cell *row)
{
	for (uint32_t i = 0; i < sheet->n; i++) {
		if (i)
			json_write_raw(out, ",", 1);
		csv_write_cell(out, sheet->columns[i].type, &row[sheet->columns[i].cell]);
	}
	json_write_raw(out, "\r\n", 2);
}

static void write_header(const struct sheet *sheet, struct json_writer *out)
{
	for (uint32_t i = 0; i < sheet->n; i++) {
		const char *name = sheet->columns[i].name;
		if (i)
			json_write_raw(out, ",", 1);
		csv_write_text(out, name, strlen(name));
	}
	if (sheet->n)
		json_write_raw(out, "\r\n", 2);
}

void sheet_open(const struct sheet *sheet, struct reply *reply)
{
	if (sheet->format == LIST_JSON)
		json_begin_object(&reply->body);
	else
		reply->type = sheet->format == LIST_CSV ? reply_csv : reply_ndjson;
}

void sheet_begin(const struct sheet *sheet, struct reply *reply)
{
	if (sheet->format == LIST_JSON) {
		json_write_key(&reply->body, "data");
		json_begin_array(&reply->body);
	} else if (sheet->format == LIST_CSV) {
		write_header(sheet, &reply->body);
	}
}

void sheet_write(const struct sheet *sheet, struct reply *reply, const struct tally_cell *row)
{
	if (sheet->format == LIST_JSON)
		write_object(sheet, &reply->body, row);
	else if (sheet->format == LIST_CSV)
		write_record(sheet, &reply->body, row);
	else
		write_line(sheet, &reply->body, row);
}

void sheet_end(const struct sheet *sheet, struct reply *reply)
{
	if (sheet->format == LIST_JSON)
		json_end_array(&reply->body);
}

void sheet_close(const struct sheet *sheet, struct reply *reply)
{
	if (sheet->format != LIST_JSON)
		return;
	sheet_end(sheet, reply);
	json_write_key(&reply->body, "next_cursor");
	json_write_null(&reply->body);
	json_end_object(&reply->body);
}
