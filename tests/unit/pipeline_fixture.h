/* A journal over the real buffer plugin, batches to push and the sums to hold it to. */
#ifndef TALLYD_TESTS_PIPELINE_FIXTURE_H
#define TALLYD_TESTS_PIPELINE_FIXTURE_H

#include "pipeline/batch.h"
#include "fake_host.h"
#include "pipeline/journal.h"
#include "process/metrics.h"
#include "pipeline/positions.h"
#include "waiting.h"

struct pipeline {
	struct fake_host *host;
	void *buffer;
	struct metrics *metrics;
	struct positions *positions;
	struct journal *journal;
	char folder[64]; /* of its own */
	char positions_path[96];
};

/* Tables "a" and "b", of a time, a number and a text. */
extern const struct tally_table pipeline_a, pipeline_b;

void pipeline_start(struct pipeline *pipeline, int64_t capacity, enum journal_on_full on_full);
void pipeline_stop(struct pipeline *pipeline);
/* batch_size 10, batch_timeout an hour */
struct journal_settings pipeline_settings(enum journal_on_full on_full);
/* One more journal of the same kind, over a buffer of its own. */
struct journal *pipeline_journal(struct pipeline *pipeline, const char *name, int64_t capacity,
				 void **ret_buffer);
int64_t pipeline_set_capacity(struct pipeline *pipeline, int64_t capacity);
struct tally_usage pipeline_usage(const struct pipeline *pipeline);

/* The number in row r is first + r.  padding: bytes it is larger by. */
struct tally_batch *pipeline_batch(const struct tally_table *table, uint32_t rows, int64_t first,
				   size_t padding);
int64_t pipeline_first(const struct tally_batch *batch); /* the number in its first row */
/* Pushes one and drops the reference. */
int pipeline_push(struct pipeline *pipeline, const struct tally_table *table, uint32_t rows,
		  int64_t first, size_t padding);
struct journal_reader *pipeline_attach(struct pipeline *pipeline, const char *output,
				       const char *const *tables);
/* Acknowledges so many of the n that were taken. */
void pipeline_ack(struct journal_reader *reader, uint32_t n, uint32_t acked);
/* Takes whatever waits and acknowledges it; returns the rows. */
uint64_t pipeline_consume(struct journal_reader *reader);

/* The sum over all series of that name whose labels hold both texts (NULL: any). */
double pipeline_sum(struct metrics *metrics, const char *name, const char *label,
		    const char *other);
/* routed = stored + waiting + dropped, for output="…". */
void pipeline_check_balance(struct metrics *metrics, const char *output);

#endif
