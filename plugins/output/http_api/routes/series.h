/*
 * Readings of one or more containers on a grid of time, and the formats they are written in.
 * A point of the grid without a reading is null: gaps are never bridged.
 */
#ifndef TALLYD_HTTP_SERIES_H
#define TALLYD_HTTP_SERIES_H

#include "query/container_lookup.h"
#include "query/fields.h"

/* In the order of the choices of format= and times=. */
enum series_format { FORMAT_JSON, FORMAT_ROWS, FORMAT_CSV, FORMAT_NDJSON };
enum series_times { TIMES_RFC3339, TIMES_SECONDS, TIMES_MS };

struct series {
	struct context *context;
	const struct container *containers;
	uint32_t n_containers;
	bool many;
	uint32_t first; /* column of the first field in rows */
	const struct window *window;
	struct fields fields;
	struct result_set rows;
	int64_t newest;                  /* of the readings in the window; 0: there are none */
	const struct tally_cell **slots; /* [container][point]: the row's fields, NULL: a gap */
};

/* Into context->builder. */
void series_write(const struct series *series);

/* many: also says which container is which.  0, or a problem. */
int series_answer(struct context *context, const struct container *containers, uint32_t n,
		  bool many);

#endif
