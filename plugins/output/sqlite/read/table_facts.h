/*
 * What a query has to know of a table before it can say what to read: up to when it is rolled up,
 * and packed.  Kept on each connection as long as nobody writes to the file.
 */
#ifndef TALLYD_SQLITE_TABLE_FACTS_H
#define TALLYD_SQLITE_TABLE_FACTS_H

#include <stdint.h>

#include "store/catalog.h"
#include "store/rollup_plan.h"

struct reader;

struct table_facts {
	const struct stored_table *table; /* NULL: free */
	int64_t version;                  /* of the data that they are of */
	struct watermarks watermarks;
	int64_t packed_to; /* INT64_MIN: nothing is */
};

/* Of the table that the reader was asked for, in its snapshot; valid until it is given back. */
int table_facts_find(struct reader *reader, const struct table_facts **ret);

#endif
