#include "records.h"

#include <string.h>

#include "csv.h"

void records_add(struct records *records, const char *name, uint16_t type, uint32_t cell)
{
	if (records->n < ROWSET_MAX_COLUMNS)
		records->columns[records->n++] =
			(struct records_column){.name = name, .type = type, .cell = (uint16_t)cell};
}

static void write_object(const struct records *records, struct json_writer *json,
			 const struct tally_cell *row)
{
	json_begin_object(json);
	for (uint32_t i = 0; i < records->n; i++) {
		json_write_key(json, records->columns[i].name);
		rowset_write_cell(json, records->columns[i].type, &row[records->columns[i].cell]);
	}
	json_end_object(json);
}

static void write_line(const struct records *records, struct json_writer *json,
		       const struct tally_cell *row)
{
	write_object(records, json, row);
	json_write_raw(json, "\n", 1);
	json->comma = false;
}

static void write_record(const struct records *records, struct json_writer *out,
			 const struct tally_cell *row)
{
	for (uint32_t i = 0; i < records->n; i++) {
		if (i)
			json_write_raw(out, ",", 1);
		csv_write_cell(out, records->columns[i].type, &row[records->columns[i].cell],
			       records->format == LIST_CSV_SAFE);
	}
	json_write_raw(out, "\r\n", 2);
}

static void write_header(const struct records *records, struct json_writer *out)
{
	for (uint32_t i = 0; i < records->n; i++) {
		const char *name = records->columns[i].name;
		if (i)
			json_write_raw(out, ",", 1);
		csv_write_text(out, name, strlen(name), records->format == LIST_CSV_SAFE);
	}
	if (records->n)
		json_write_raw(out, "\r\n", 2);
}

void records_open(const struct records *records, struct reply *reply)
{
	if (records->format == LIST_JSON)
		json_begin_object(&reply->body);
	else
		reply->type = list_is_csv(records->format) ? reply_csv : reply_ndjson;
}

void records_begin(const struct records *records, struct reply *reply)
{
	if (records->format == LIST_JSON) {
		json_write_key(&reply->body, "data");
		json_begin_array(&reply->body);
	} else if (list_is_csv(records->format)) {
		write_header(records, &reply->body);
	}
}

void records_write(const struct records *records, struct reply *reply, const struct tally_cell *row)
{
	if (records->format == LIST_JSON)
		write_object(records, &reply->body, row);
	else if (list_is_csv(records->format))
		write_record(records, &reply->body, row);
	else
		write_line(records, &reply->body, row);
}

void records_end(const struct records *records, struct reply *reply)
{
	if (records->format == LIST_JSON)
		json_end_array(&reply->body);
}

void records_close(const struct records *records, struct reply *reply)
{
	if (records->format != LIST_JSON)
		return;
	records_end(records, reply);
	json_write_key(&reply->body, "next_cursor");
	json_write_null(&reply->body);
	json_end_object(&reply->body);
}
