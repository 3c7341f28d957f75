/*
 * One line of a program's output as one row: parsed into cells that point into the line or into
 * what was parsed of it, and only then added to a batch, so that a bad line leaves nothing behind.
 * Pure; one thread.
 */
#ifndef TALLYD_EXEC_ROW_H
#define TALLYD_EXEC_ROW_H

#include <jansson.h>

#include "exec_tables.h"

enum exec_refused {
	EXEC_SYNTAX,
	EXEC_TOO_LONG,
	EXEC_TABLE,
	EXEC_COLUMN,
	EXEC_TYPE,
	EXEC_TAG,
	EXEC_CUT,
	EXEC_REFUSED_END
};

struct exec_problem {
	enum exec_refused reason;
	size_t column; /* of the line, from 1; 0: the text says where */
	char text[256];
};

struct exec_row {
	const struct tally_table *table;
	uint32_t n_unknown; /* columns that the table does not have */
	char unknown[64];   /* the first of them */
	uint32_t n_dumped;
	char *dumped[EXEC_MAX_COLUMNS]; /* texts of the row's own */
	struct tally_cell cells[EXEC_MAX_COLUMNS];
};

void exec_row_begin(struct exec_row *row, const struct tally_table *table);
void exec_row_done(struct exec_row *row);

/* Returns -EINVAL with a problem.  The row's texts live as long as object. */
int exec_row_from_json(const struct exec_tables *tables, const json_t *object, struct exec_row *row,
		       struct exec_problem *problem);
/* A line of InfluxDB's line protocol, decoded in place; with a NUL behind it. */
int exec_row_from_influx(const struct exec_tables *tables, char *line, size_t len,
			 struct exec_row *row, struct exec_problem *problem);

/* What the program left out and we know: the time of its arrival, our host's name, the number of
 * the row.  -EINVAL: a tag is missing. */
int exec_row_fill(struct exec_row *row, int64_t now, const char *hostname, int64_t order,
		  struct exec_problem *problem);

/* Within what an int64 holds: -2^63 is, 2^63 is not, and NaN is nowhere. */
static inline bool exec_real_fits(double value)
{
	return value >= -9223372036854775808.0 && value < 9223372036854775808.0;
}

__attribute__((format(printf, 4, 5))) int exec_refuse(struct exec_problem *problem,
						      enum exec_refused reason, size_t column,
						      const char *fmt, ...);

#endif
