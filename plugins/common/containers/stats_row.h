/*
 * From a sample to its row of container_stats; for the inputs that emit this table, on their
 * threads.  What is calculated is calculated here alone: memory without inactive page cache, and
 * percents.
 */
#ifndef TALLYD_STATS_ROW_H
#define TALLYD_STATS_ROW_H

#include <tallyd/host.h>

#include "containers/stats_table.h"

/* Of the previous sample, from which CPU percent is measured. */
struct stats_cpu {
	int64_t time;  /* ns since 1970; 0: there is none */
	int64_t usage; /* ns */
};

/* Keeps this sample.  The time since the one before, and the percent of one core meanwhile; 0:
 * there is none, or the counter or the clock went back. */
int64_t stats_cpu_advance(struct stats_cpu *previous, const struct stats *stats,
			  double *ret_percent);

/* What all rows of a poll go into. */
struct stats_rows {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	const char *host; /* the column `host`, copied into the batch */
	size_t host_len;
	bool no_memory; /* for one of the rows: they must not be emitted */
};

struct stats_subject {
	const char *id, *name;     /* name: NULL if it is not known */
	const double *cpu_percent; /* NULL: not known */
};

/* -ENOMEM.  The caller drops the batch, if it has not emitted it. */
int stats_rows_begin(struct stats_rows *rows, struct tally_ctx *ctx);
void stats_rows_put(struct stats_rows *rows, const struct stats_subject *subject,
		    const struct stats *stats);

#endif
