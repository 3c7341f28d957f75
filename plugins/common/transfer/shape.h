/*
 * What a row is while it moves from one store to another: cells in an order that both ends derive
 * from the table's declaration, with the values that both stores mean, however each keeps them.
 *
 *   the series of a table   its number, the tags
 *   rows                    the series' number, what is not a tag; of a STATE all columns
 *   a rollup                the series' number, time, newest, rows, and the parts of each number:
 *                           a span in ns, the sum of an integer as how far it is below as many
 *                           times the largest, since the sum itself may have more than 64 bits
 *
 * Pure functions, any thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_TRANSFER_SHAPE_H
#define TALLYD_PLUGINS_COMMON_TRANSFER_SHAPE_H

#include "store/catalog.h"
#include "store/rollup_parts.h"

/* Besides the levels of rollup, of which the first is the rows. */
enum { TRANSFER_SERIES = -1 };

enum { TRANSFER_OWN = UINT16_MAX }; /* a column that no plugin declared: _series, newest, … */

struct transfer_cell {
	char name[112];  /* as both stores call the column */
	uint16_t type;   /* enum tally_type, of the value */
	uint16_t column; /* of the table; TRANSFER_OWN */
	int16_t part;    /* enum schema_part; -1: the column itself */
	bool last;       /* of the parts of its number */
};

struct transfer_shape {
	const struct stored_table *stored;
	int part;          /* TRANSFER_SERIES or enum schema_level */
	char relation[80]; /* <table>_series, <table>_rows, <table>_1min_rows, … */
	bool timed;        /* comes in stretches of time; else as a whole */
	uint32_t time;     /* which cell is the time, if so */
	uint32_t n, size;
	struct transfer_cell *cells;
};

/* -ENOMEM.  The stored table has to outlive it. */
int transfer_shape_init(struct transfer_shape *shape, const struct stored_table *stored, int part);
void transfer_shape_done(struct transfer_shape *shape); /* also of zeros */

/* The parts that a table has: from TRANSFER_SERIES or LEVEL_ROWS on. */
int transfer_first_part(const struct stored_table *stored);
int transfer_last_part(const struct stored_table *stored);

/* How much time one transaction holds of it. */
int64_t transfer_stretch(int part);

/* The table whose lines this one counts, in a catalog; NULL: it is none of those. */
const struct stored_table *transfer_counted_log(struct catalog *catalog,
						const struct stored_table *lines);

#endif
