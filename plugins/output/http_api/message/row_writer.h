/*
 * Flat rows as JSON objects, NDJSON lines or CSV records.  What the columns are called, of which
 * type they are and where in a row they stand is said once, before the first row.
 *
 *	struct row_writer records = {.format = format};
 *	row_writer_add(&records, "host", TALLY_TEXT, 1);
 *	row_writer_open(&records, builder);
 *	…                                       JSON: other members of the object around the rows
 *	row_writer_begin(&records, builder);
 *	row_writer_write(&records, builder, row);
 *	row_writer_close(&records, builder);       or paging_finish() and paging_link_next()
 */
#ifndef TALLYD_HTTP_ROW_WRITER_H
#define TALLYD_HTTP_ROW_WRITER_H

#include <stdbool.h>
#include <tallyd/plugin.h>

#include "base/json_cell.h"
#include "message/arguments.h"
#include "message/response_builder.h"

enum { ROW_WRITER_MAX_COLUMNS = 258 }; /* as many as a result set has */

/* {"data":[ … ],"next_cursor":…}: what every list is in JSON.  cursor NULL: this is the last page.
 */
void list_begin(struct json_writer *json);
/* The same in an object that has begun, with other members. */
void list_begin_rows(struct json_writer *json);
void list_end(struct json_writer *json, const char *cursor);

enum list_format { LIST_JSON, LIST_NDJSON, LIST_CSV, LIST_CSV_SAFE /* for spreadsheets */ };
/* As format= and csv_safe= of a list say. */
enum list_format list_format_of(const struct arguments *args);
bool list_is_csv(enum list_format format);

struct row_writer {
	enum list_format format;
	uint32_t n; /* 0: the columns are not known, and there are no rows */
	struct json_member columns[ROW_WRITER_MAX_COLUMNS];
};

/* cell: where in a row the column stands. */
void row_writer_add(struct row_writer *records, const char *name, uint16_t type, uint32_t cell);

/* Sets the answer's type; of JSON it begins the object. */
void row_writer_open(const struct row_writer *records, struct response_builder *builder);
/* The key "data" and its bracket, or CSV's header line. */
void row_writer_begin(const struct row_writer *records, struct response_builder *builder);
void row_writer_write(const struct row_writer *records, struct response_builder *builder,
		      const struct tally_cell *row);
/* Ends a JSON list that has no further page; the caller ends one that may have. */
void row_writer_close(const struct row_writer *records, struct response_builder *builder);

/* The columns of a table's row, as an object.  shown: which of them; NULL: all. */
void row_write_object(struct json_writer *json, const struct tally_table *table,
		      const struct tally_cell *row, const bool *shown);

#endif
