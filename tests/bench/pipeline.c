/*
 * bench_pipeline [SECONDS]: rows per second from an emit to an output's verdict, on two threads:
 * one builds batches of 500 rows of 12 columns and emits them, one delivers them to an output that
 * only counts.  The floor is the same rows built and dropped with no pipeline behind.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/batch.h"
#include "fake_host.h"
#include "line.h"
#include "base/clock.h"

enum { PIPELINE_ROWS = 500, PIPELINE_CAPACITY = 64 * 1024 * 1024 };

const struct tally_plugin *tally_plugin(void); /* the buffer's */

static double pipeline_run(int64_t ns)
{
	static const int64_t capacity = PIPELINE_CAPACITY; /* the plugin's whole configuration */
	struct bench_line line = {.buffer = tally_plugin()->buffer,
				  .output = &bench_counting,
				  .batch_size = PIPELINE_ROWS};
	struct fake_host *host = fake_host_create("buffer.batch");
	uint64_t rows = 0;
	if (tally_plugin()->create(fake_host_ctx(host), &capacity, &line.buffer_self) < 0)
		bench_fail("cannot start");
	line_start(&line);
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < ns; rows += PIPELINE_ROWS)
		line_emit(&line, bench_batch(PIPELINE_ROWS, start), NULL);
	line_drain(&line);
	int64_t took = clock_monotonic() - start;
	if (bench_counted != rows)
		bench_fail("rows were lost");
	line_stop(&line);
	tally_plugin()->destroy(line.buffer_self);
	fake_host_destroy(host);
	return (double)rows * 1e9 / (double)took;
}

static double pipeline_floor(int64_t ns)
{
	uint64_t rows = 0;
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < ns; rows += PIPELINE_ROWS)
		batch_drop(bench_batch(PIPELINE_ROWS, start));
	return (double)rows * 1e9 / (double)(clock_monotonic() - start);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? strtod(argv[1], NULL) : 3;
	if (!(seconds > 0 && seconds <= 3600)) {
		fprintf(stderr, "usage: bench_pipeline [SECONDS]\n");
		return 2;
	}
	int64_t ns = (int64_t)(seconds * 1e9);
	double floor = pipeline_floor(ns / 2);
	double pipeline = pipeline_run(ns);
	printf("pipeline  %10.0f rows/s  emit to verdict, 2 threads\n", pipeline);
	printf("floor     %10.0f rows/s  built and dropped, 1 thread\n", floor);
	printf("ratio     %10.2f\n", pipeline / floor);
	return 0;
}
