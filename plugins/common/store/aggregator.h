/*
 * Where rows are tallied: per group and bucket, for each field, everything that any aggregate is
 * made of.  Rows and already rolled-up buckets may be fed in any mixture, as long as each
 * series comes in one piece and in the order of time.  Queries and rollups use the same sheet,
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

union sheet_number {
	int64_t i;
	double f;
};

struct sheet_measure {
	__int128 sum_i;
	double sum_f;
	int64_t count;
	union sheet_number min, max, increase;
	int64_t span; /* ns that the increase took */
	struct tally_cell last;
	char *text; /* what last points to */
	double rate;
	bool rated;
};

struct sheet_bucket {
	int64_t start;  /* 0 if there is one bucket over all */
	int64_t newest; /* time of the newest row */
	int64_t rows;
	int64_t series; /* whose increase is being gathered */
	uint32_t group;
	struct sheet_measure measures[];
};

struct sheet_baseline {
	int64_t time;
	union sheet_number value;
	bool set;
};

struct sheet_field {
	uint16_t type;
	bool counter;
	uint8_t parts; /* of a rolled-up bucket those that count: bits of enum schema_part */
	struct sheet_baseline baseline;
};

/* What becomes of a bucket that nothing more is fed to; 0 or -errno. */
typedef int sheet_complete_fn(void *arg, struct sheet_bucket *bucket);

struct sheet_block;

struct sheet {
	struct tally_ctx *ctx;
	struct sheet_field *fields;
	uint32_t n_fields, n_buckets, limit;
	int64_t bucket; /* ns; 0: one */
	struct sheet_bucket **buckets;
	struct sheet_block *blocks; /* that hold them, the newest first */
	uint32_t *slots;            /* index + 1 of a bucket, by group and start */
	uint32_t n_slots;
	uint32_t group; /* of the series now fed, and the series */
	int64_t series;
	struct sheet_bucket *current;
	struct sheet_bucket *single; /* where current is, of a series that is alone in its group */
	bool alone;
	uint32_t n_complete; /* buckets that were handed over */
	sheet_complete_fn *complete;
	void *complete_arg;
};

/* fields are borrowed.  Beyond limit buckets feeding fails with -EINVAL. */
void sheet_init(struct sheet *sheet, struct tally_ctx *ctx, struct sheet_field *fields,
		uint32_t n_fields, int64_t bucket, uint32_t limit);
void sheet_done(struct sheet *sheet);
void sheet_clear(struct sheet *sheet);

void sheet_begin_series(struct sheet *sheet, uint32_t group, int64_t series);
/* The same of a series that is alone in its group, has no text and is fed in the order of time:
 * its buckets are handed to sheet->complete, each when it is over, and not kept. */
void sheet_begin_only_series(struct sheet *sheet, uint32_t group, int64_t series);
int sheet_end_series(struct sheet *sheet);
/* Between two stretches of a series that do not touch: the counters begin anew. */
void sheet_begin_piece(struct sheet *sheet);
/* Earlier rows, newest first, from whose samples the counters go on.  Returns whether an even
 * earlier one is needed.  cells: one per field, here and below. */
bool sheet_look_back(struct sheet *sheet, const struct tally_cell *cells, int64_t time);
int sheet_row(struct sheet *sheet, const struct tally_cell *cells, int64_t time);
/* A bucket that was rolled up: of each field those of count, sum, min, max, last, increase and span
 * that its parts name. */
struct sheet_rolled {
	int64_t time, newest, rows;
	const struct sheet_measure *measures;
};
int sheet_add_rolled(struct sheet *sheet, const struct sheet_rolled *rolled);

/* What one aggregate comes to.  The text is the sheet's. */
struct tally_cell sheet_value(const struct sheet *sheet, struct sheet_bucket *bucket,
			      uint32_t field, uint32_t aggregate);

#endif
