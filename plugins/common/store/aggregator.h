/*
 * Where rows are summed up: per group and bucket, for each field, everything that any aggregate is
 * made of.  Rows and already rolled-up buckets may be fed in any mixture, as long as each
 * series comes in one piece and in the order of time.  Queries and rollups use the same aggregator,
 * so that they agree.
 *
 * A rate is, per series, the sum of what a counter grew from each sample to the next, over the time
 * between them, put into the bucket of the later one.  Where it fell neither counts.  Samples
 * that are NULL are left out.  The rate of a group is the sum of its series' rates.
 */
#ifndef TALLYD_PLUGINS_COMMON_AGGREGATOR_H
#define TALLYD_PLUGINS_COMMON_AGGREGATOR_H

#include <tallyd/host.h>
#include <tallyd/query.h>

union aggregator_number {
	int64_t i;
	double f;
};

struct accumulator {
	__int128 sum_i;
	double sum_f;
	int64_t count;
	union aggregator_number min, max, increase;
	int64_t span; /* ns that the increase took */
	struct tally_cell last;
	char *text; /* what last points to */
	double rate;
	bool rated;
};

struct aggregator_bucket {
	int64_t start;  /* 0 if there is one bucket over all */
	int64_t newest; /* time of the newest row */
	int64_t rows;
	int64_t series; /* whose increase is being gathered */
	uint32_t group;
	struct accumulator accumulators[];
};

struct counter_baseline {
	int64_t time;
	union aggregator_number value;
	bool set;
};

struct aggregator_field {
	uint16_t type;
	bool counter;
	uint8_t parts; /* of a rolled-up bucket those that count: bits of enum schema_part */
	struct counter_baseline baseline;
};

/* Takes a bucket to which nothing more will be fed; 0 or -errno. */
typedef int aggregator_complete_fn(void *arg, struct aggregator_bucket *bucket);

struct aggregator_block;

struct aggregator {
	struct tally_ctx *ctx;
	struct aggregator_field *fields;
	uint32_t n_fields, n_buckets, limit;
	int64_t bucket; /* ns; 0: one */
	struct aggregator_bucket **buckets;
	struct aggregator_block *blocks; /* that hold them, the newest first */
	uint32_t *slots;                 /* index + 1 of a bucket, by group and start */
	uint32_t n_slots;
	uint32_t group; /* of the series now fed, and the series */
	int64_t series;
	struct aggregator_bucket *current;
	struct aggregator_bucket
		*single; /* where current is, of a series that is alone in its group */
	bool alone;
	uint32_t n_complete; /* buckets that were handed over */
	aggregator_complete_fn *complete;
	void *complete_arg;
};

/* fields are borrowed.  Beyond limit buckets feeding fails with -EINVAL. */
void aggregator_init(struct aggregator *aggregator, struct tally_ctx *ctx,
		     struct aggregator_field *fields, uint32_t n_fields, int64_t bucket,
		     uint32_t limit);
void aggregator_done(struct aggregator *aggregator);
void aggregator_clear(struct aggregator *aggregator);

/* Counts a row of the answer that needs no bucket; -EINVAL beyond what there may be. */
int aggregator_count(struct aggregator *aggregator);

void aggregator_begin_series(struct aggregator *aggregator, uint32_t group, int64_t series);
/* The same of a series that is alone in its group, has no text and is fed in the order of time:
 * its buckets are handed to aggregator->complete as soon as they are over, and not kept. */
void aggregator_begin_only_series(struct aggregator *aggregator, uint32_t group, int64_t series);
int aggregator_end_series(struct aggregator *aggregator);
/* Between two stretches of a series that do not touch: the counters start over. */
void aggregator_begin_segment(struct aggregator *aggregator);
/* Earlier rows, newest first, from whose samples the counters go on.  Returns whether an even
 * earlier one is needed.  cells: one per field, here and below. */
bool aggregator_baseline(struct aggregator *aggregator, const struct tally_cell *cells,
			 int64_t time);
int aggregator_row(struct aggregator *aggregator, const struct tally_cell *cells, int64_t time);
/* A bucket that was rolled up: of each field those of count, sum, min, max, last, increase and span
 * that its parts name. */
struct aggregator_rolled {
	int64_t time, newest, rows;
	const struct accumulator *accumulators;
};
int aggregator_add_rolled(struct aggregator *aggregator, const struct aggregator_rolled *rolled);

/* The value of one aggregate.  Its text is the aggregator's. */
struct tally_cell aggregator_value(const struct aggregator *aggregator,
				   struct aggregator_bucket *bucket, uint32_t field,
				   uint32_t aggregate);

#endif
