/*
 * Readings of containers, or of groups of them, on a grid of time, and the formats they are written
 * in.  A point of the grid without a reading is null: gaps are never bridged.
 *
 *	series.c              of containers, each by itself
 *	series_percentiles.c  of their readings, which no store aggregates
 *	series_groups.c       of groups: what their containers add up to
 *	series_write.c        columns, rows, CSV, NDJSON
 */
#ifndef TALLYD_HTTP_SERIES_H
#define TALLYD_HTTP_SERIES_H

#include "query/container_groups.h"
#include "query/fields.h"

/* In the order of the choices of format=. */
enum series_format { FORMAT_JSON, FORMAT_ROWS, FORMAT_CSV, FORMAT_NDJSON };

/* Fields times points times containers or groups. */
enum { SERIES_MAX_CELLS = 2000000 };

enum series_kind {
	SERIES_ONE,   /* container, whose columns stand beside the time */
	SERIES_MANY,  /* containers, which the request names */
	SERIES_FOUND, /* containers that have readings: groups of one */
	SERIES_GROUPS,
};

/* Whose readings a series is of. */
struct series_subject {
	struct tally_cell host, id, name; /* of a container */
	struct tally_cell group;          /* of groups */
	uint32_t containers;              /* in the group */
};

struct series {
	struct context *context;
	enum series_kind kind;
	enum group_by by; /* of groups */
	struct series_subject *subjects;
	uint32_t n_subjects;
	uint32_t first; /* column of the first field in rows */
	const struct window *window;
	const struct tally_table *table; /* of readings */
	struct fields fields;
	uint16_t types[FIELDS_MAX];
	struct result_set rows;
	int64_t newest;                      /* of the readings in the window; 0: there are none */
	char source[RESULT_SET_SOURCE_SIZE]; /* the table that answered */
	const struct tally_cell **slots;     /* [subject][point]: the row's fields, NULL: a gap */
	struct tally_cell *cells;            /* that slots points to, if not to rows */
};

void series_done(struct series *series);
#define auto_series __attribute__((cleanup(series_done)))

/* Into context->builder. */
void series_write(const struct series *series);

/* Of one container, or of those that a request names.  0, or a problem, as below. */
int series_answer(struct context *context, const struct container *containers, uint32_t n,
		  bool many);
/* Of groups; of all containers that project= and so on leave, or if there are any, of those named.
 */
int series_answer_groups(struct context *context, enum group_by by, const struct container *named,
			 uint32_t n_named);

/* What the former are made of.  0, or a problem. */
int series_open(struct series *series, enum fields_of of);
int series_check_size(const struct series *series, uint64_t n);
/* Replaces the counts that stand where a percentile is asked for. */
int series_fill_percentiles(struct series *series);
/* Reads groups, puts their containers together, and writes them. */
int series_write_groups(struct series *series, const struct container_groups *groups);

#endif
