/*
 * Flat rows as JSON objects, NDJSON lines or CSV records.  What the columns are called, of which
 * type they are and where in a row they stand is said once, before the first row.
 *
 *	struct sheet sheet = {.format = format};
 *	sheet_add(&sheet, "host", TALLY_TEXT, 1);
 *	sheet_open(&sheet, reply);
 *	…                                       JSON: other members of the object around the rows
 *	sheet_begin(&sheet, reply);
 *	sheet_write(&sheet, reply, row);
 *	sheet_close(&sheet, reply);             or sheet_end(), and what follows the rows in JSON
 */
#ifndef TALLYD_HTTP_SHEET_H
#define TALLYD_HTTP_SHEET_H

#include "list.h"
#include "rowset.h"

struct sheet_column {
	const char *name;
	uint16_t type, cell;
};

struct sheet {
	enum list_format format;
	uint32_t n; /* 0: the columns are not known, and there are no rows */
	struct sheet_column columns[ROWSET_MAX_COLUMNS];
};

/* cell: where in a row the column stands. */
void sheet_add(struct sheet *sheet, const char *name, uint16_t type, uint32_t cell);

/* Sets the answer's type; of JSON it begins the object. */
void sheet_open(const struct sheet *sheet, struct reply *reply);
/* The key "data" and its bracket, or CSV's header line. */
void sheet_begin(const struct sheet *sheet, struct reply *reply);
void sheet_write(const struct sheet *sheet, struct reply *reply, const struct tally_cell *row);
void sheet_end(const struct sheet *sheet, struct reply *reply); /* the other bracket */
/* The same and the end of the object, for lists without pages. */
void sheet_close(const struct sheet *sheet, struct reply *reply);

#endif
