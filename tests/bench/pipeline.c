/*
 * bench_pipeline [SECONDS]: rows per second from an emit to an output's verdict, on two threads:
 * one builds batches of 500 rows of 12 columns and emits them, one delivers them to an output that
 * only counts.  The floor is the same rows built and dropped with no pipeline behind.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "batch.h"
#include "delivery.h"
#include "fake_host.h"
#include "router.h"
#include "util/clock.h"

enum { BENCH_ROWS = 500, BENCH_COLUMNS = 12, BENCH_CAPACITY = 64 * 1024 * 1024 };

static const struct tally_column bench_columns[BENCH_COLUMNS] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "a", .type = TALLY_INT, .role = TALLY_COUNTER},
	{.name = "b", .type = TALLY_INT, .role = TALLY_COUNTER},
	{.name = "c", .type = TALLY_INT, .role = TALLY_COUNTER},
	{.name = "d", .type = TALLY_INT},
	{.name = "e", .type = TALLY_INT},
	{.name = "f", .type = TALLY_INT},
	{.name = "g", .type = TALLY_REAL},
	{.name = "h", .type = TALLY_REAL},
	{.name = "i", .type = TALLY_REAL},
};
static const struct tally_table bench_table = {.name = "bench",
					       .help = "",
					       .columns = bench_columns,
					       .n_columns = BENCH_COLUMNS,
					       .kind = TALLY_SERIES,
					       .revision = 1};

const struct tally_plugin *tally_plugin(void); /* the buffer's */

static void bench_fail(const char *what)
{
	fprintf(stderr, "bench_pipeline: %s\n", what);
	exit(1);
}

static struct tally_batch *bench_batch(int64_t now)
{
	struct tally_batch *batch = batch_create(&bench_table);
	if (!batch)
		bench_fail("no memory");
	const char *host = batch_copy(batch, "a-host.example.org", 18);
	for (int64_t r = 0; r < BENCH_ROWS; r++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "container-%" PRId64, r);
		struct tally_cell *row = batch_row(batch);
		tally_put_int(row, 0, now + r);
		tally_put_text(row, 1, host, 18);
		tally_put_text(row, 2, batch_copy(batch, name, (size_t)len), (size_t)len);
		for (uint32_t c = 3; c < 9; c++)
			tally_put_int(row, c, r * c);
		for (uint32_t c = 9; c < BENCH_COLUMNS; c++)
			tally_put_real(row, c, (double)r / c);
	}
	return batch;
}

/* ---- The output --------------------------------------------------------------- */

static uint64_t bench_written;

static int bench_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	(void)self;
	for (uint32_t i = 0; i < n; i++) {
		bench_written += entries[i].batch->n_rows;
		verdicts[i] = TALLY_DONE;
	}
	return 0;
}

static const struct tally_output bench_output = {.size = sizeof(bench_output),
						 .write = bench_write};

static const struct error *bench_reason(void)
{
	static const struct error none;
	return &none;
}

/* ---- The pipeline ------------------------------------------------------------- */

struct bench {
	struct fake_host *host;
	void *buffer;
	struct metrics *metrics;
	struct positions *positions;
	struct journal *journal;
	struct router *router;
	struct delivery *delivery;
	atomic_bool stopping;
	int64_t drain_deadline;
};

static bool bench_stopping(void *arg)
{
	struct bench *bench = arg;
	return atomic_load(&bench->stopping);
}

static void *bench_deliver(void *arg)
{
	struct bench *bench = arg;
	delivery_run(bench->delivery, bench_stopping, bench, &bench->drain_deadline);
	return NULL;
}

static void bench_start(struct bench *bench)
{
	static const int64_t capacity = BENCH_CAPACITY; /* the plugin's whole configuration */
	static const struct journal_settings settings = {
		.batch_size = BENCH_ROWS, .batch_timeout = CLOCK_SECOND, .on_full = JOURNAL_BLOCK};
	const struct tally_plugin *plugin = tally_plugin();
	struct error error;
	bench->host = fake_host_create("buffer.batch");
	bench->metrics = metrics_create();
	if (!bench->metrics || positions_create("bench.positions", &bench->positions, &error) < 0 ||
	    plugin->create(fake_host_ctx(bench->host), &capacity, &bench->buffer) < 0)
		bench_fail("cannot start");
	struct journal_setup journal = {.name = "buffer.batch",
					.buffer = plugin->buffer,
					.self = bench->buffer,
					.metrics = bench->metrics,
					.positions = bench->positions};
	if (journal_create(&journal, &settings, &bench->journal, &error) < 0)
		bench_fail(error.text);
	struct delivery_setup delivery = {.name = "output.bench",
					  .output = &bench_output,
					  .journal = bench->journal,
					  .metrics = bench->metrics,
					  .reason = bench_reason};
	bench->delivery = delivery_create(&delivery, &error);
	bench->router = router_create(bench->metrics, bench->positions);
	if (!bench->delivery || !bench->router || router_set(bench->router, &bench->journal, 1) < 0)
		bench_fail("cannot connect");
}

static void bench_stop(struct bench *bench)
{
	delivery_destroy(bench->delivery);
	router_destroy(bench->router);
	journal_destroy(bench->journal);
	tally_plugin()->destroy(bench->buffer);
	positions_destroy(bench->positions);
	metrics_destroy(bench->metrics);
	fake_host_destroy(bench->host);
}

static double bench_pipeline(int64_t ns)
{
	struct bench bench = {0};
	const struct router_source from = {.input = "input.bench"};
	pthread_t thread;
	uint64_t rows = 0;
	bench_start(&bench);
	pthread_create(&thread, NULL, bench_deliver, &bench);
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < ns; rows += BENCH_ROWS)
		router_emit(bench.router, &from, bench_batch(start), NULL, NULL);
	atomic_store(&bench.stopping, true);
	journal_wake(bench.journal);
	pthread_join(thread, NULL);
	int64_t took = clock_monotonic() - start;
	if (bench_written != rows)
		bench_fail("rows were lost");
	bench_stop(&bench);
	return (double)rows * 1e9 / (double)took;
}

static double bench_floor(int64_t ns)
{
	uint64_t rows = 0;
	int64_t start = clock_monotonic();
	for (; clock_monotonic() - start < ns; rows += BENCH_ROWS)
		batch_drop(bench_batch(start));
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
	double floor = bench_floor(ns / 2);
	double pipeline = bench_pipeline(ns);
	printf("pipeline  %10.0f rows/s  emit to verdict, 2 threads\n", pipeline);
	printf("floor     %10.0f rows/s  built and dropped, 1 thread\n", floor);
	printf("ratio     %10.2f\n", pipeline / floor);
	return 0;
}
