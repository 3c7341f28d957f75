/*
 * What the benchmarks of the pipeline share: rows of 12 columns, an output that only counts them,
 * and a line of the core's own parts from an emit to an output's verdict.
 */
#ifndef TALLYD_TESTS_BENCH_LINE_H
#define TALLYD_TESTS_BENCH_LINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "pipeline/delivery.h"
#include "pipeline/router.h"

_Noreturn void bench_fail(const char *what);

/* No two rows of a run have the same time if each batch's first is the rows before it. */
struct tally_batch *bench_batch(uint32_t rows, int64_t first);

extern uint64_t bench_counted; /* rows */
extern const struct tally_output bench_counting;

struct bench_line {
	const struct tally_buffer *buffer; /* these are the caller's */
	void *buffer_self;
	const struct tally_output *output;
	void *output_self;
	uint32_t batch_size; /* rows */

	struct metrics *metrics;
	struct positions *positions;
	struct journal *journal;
	struct router *router;
	struct delivery *delivery;
	pthread_t thread;
	atomic_bool stopping;
	int64_t drain_deadline;
};

void line_start(struct bench_line *line); /* open, and deliver in a thread */
void line_open(struct bench_line *line);
/* Without a thread: until all that was emitted is written. */
void line_deliver(struct bench_line *line);
/* Takes the batch.  position: of the input, or NULL. */
void line_emit(struct bench_line *line, struct tally_batch *batch, const char *position);
void line_drain(struct bench_line *line); /* until all that was emitted is written */
void line_stop(struct bench_line *line);

#endif
