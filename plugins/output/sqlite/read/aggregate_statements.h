/*
 * One aggregate query while it is answered, and the statements that it reads with.  Only for
 * aggregate.c, which runs them, and aggregate_statements.c, which makes them.
 */
#ifndef TALLYD_SQLITE_AGGREGATE_STATEMENTS_H
#define TALLYD_SQLITE_AGGREGATE_STATEMENTS_H

#include "base/arena.h"
#include "read/packed_source.h"
#include "read/readers.h"
#include "read/row_source.h"
#include "store/rollup_plan.h"
#include "store/totals.h"

/* Parameters after those of the filters. */
enum { AGGREGATE_SERIES, AGGREGATE_FROM, AGGREGATE_TO };

struct aggregate {
	struct reader *reader;
	const struct bound_query *bound;
	const struct rollup_plan *plan;
	sqlite3_stmt *series;
	sqlite3_stmt *rows[N_LEVELS]; /* by level */
	sqlite3_stmt *before;         /* rows before the range; NULL: no rate is selected */
	bool all;                     /* some rows of the range are packed */
	struct packed_source *packed; /* reads them; NULL: SQL does */
	struct tally_cell *keys;      /* n_group_by cells per group */
	uint32_t n_groups, n_used;    /* the last group is used if it has a row */
	uint32_t groups_size;
	struct arena texts; /* of keys */
	char *key_text;     /* those of the last one, and how many bytes they may have */
	size_t key_bytes;
	/* ---- 48 KB that begin as anything. */
	struct totals totals;
	struct row_source source;
};

static inline bool aggregate_is_state(const struct aggregate *a)
{
	return a->bound->stored->table.kind == TALLY_STATE;
}

/* A tag has no column in a row. */
bool aggregate_reads_tags(const struct aggregate *a);

/* Each with the filters' values; once it is known whether all of the range is unpacked. */
int aggregate_prepare_series(struct aggregate *a);
/* In place of the pieces: the newest row of a series. */
int aggregate_prepare_newest(struct aggregate *a);
int aggregate_prepare_pieces(struct aggregate *a);

#endif
