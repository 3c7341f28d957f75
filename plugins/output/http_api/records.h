/*
 * Flat rows as JSON objects, NDJSON lines or CSV records.  What the columns are called, of which
 * type they are and where in a row they stand is said once, before the first row.
 *
 *	struct records records = {.format = format};
 *	records_add(&records, "host", TALLY_TEXT, 1);
 *	records_open(&records, reply);
 *	…                                       JSON: other members of the object around the rows
 *	records_begin(&records, reply);
 *	records_write(&records, reply, row);
 *	records_close(&records, reply);         or records_end(), and what follows the rows in JSON
 */
#ifndef TALLYD_HTTP_RECORDS_H
#define TALLYD_HTTP_RECORDS_H

#include "list.h"
#include "rowset.h"

struct records_column {
	const char *name;
	uint16_t type, cell;
};

struct records {
	enum list_format format;
	uint32_t n; /* 0: the columns are not known, and there are no rows */
	struct records_column columns[ROWSET_MAX_COLUMNS];
};

/* cell: where in a row the column stands. */
void records_add(struct records *records, const char *name, uint16_t type, uint32_t cell);

/* Sets the answer's type; of JSON it begins the object. */
void records_open(const struct records *records, struct reply *reply);
/* The key "data" and its bracket, or CSV's header line. */
void records_begin(const struct records *records, struct reply *reply);
void records_write(const struct records *records, struct reply *reply,
		   const struct tally_cell *row);
void records_end(const struct records *records, struct reply *reply); /* the other bracket */
/* The same and the end of the object, for lists without pages. */
void records_close(const struct records *records, struct reply *reply);

#endif
