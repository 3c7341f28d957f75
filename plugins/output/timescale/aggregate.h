/* Aggregates per bucket and group: which rows are read, and how they become an answer. */
#ifndef TALLYD_TIMESCALE_AGGREGATE_H
#define TALLYD_TIMESCALE_AGGREGATE_H

#include "pg_connection.h"
#include "store_answer.h"
#include "store_coverage.h"

int aggregate_run(struct pg_connection *pg, const struct question *question,
		  const struct coverage *coverage, struct answer *answer);

#endif
