#include "line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/batch.h"
#include "base/clock.h"

enum { BENCH_COLUMNS = 12, BENCH_NAMES = 500 };

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

void bench_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

struct tally_batch *bench_batch(uint32_t rows, int64_t first)
{
	struct tally_batch *batch = batch_create(&bench_table);
	if (!batch)
		bench_fail("no memory");
	const char *host = batch_copy(batch, "a-host.example.org", 18);
	for (int64_t r = 0; r < rows; r++) {
		char name[32];
		int len = snprintf(name, sizeof(name), "container-%" PRId64, r % BENCH_NAMES);
		struct tally_cell *row = batch_row(batch);
		tally_put_int(row, 0, first + r / BENCH_NAMES);
		tally_put_text_borrowed(row, 1, host, 18);
		tally_put_text_borrowed(row, 2, batch_copy(batch, name, (size_t)len), (size_t)len);
		for (uint32_t c = 3; c < 9; c++)
			tally_put_int(row, c, r * c);
		for (uint32_t c = 9; c < BENCH_COLUMNS; c++)
			tally_put_real(row, c, (double)r / c);
	}
	return batch;
}

/* ---- The output ----------------------------------------------------------------- */

uint64_t bench_counted;

static int bench_count(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	(void)self;
	for (uint32_t i = 0; i < n; i++) {
		bench_counted += entries[i].batch->n_rows;
		verdicts[i] = TALLY_DONE;
	}
	return 0;
}

const struct tally_output bench_counting = {.size = sizeof(bench_counting), .write = bench_count};

/* ---- The line ------------------------------------------------------------------- */

static bool line_is_stopping(void *arg)
{
	return atomic_load(&((struct bench_line *)arg)->stopping);
}

static void *line_run(void *arg)
{
	struct bench_line *line = arg;
	delivery_run(line->delivery, line_is_stopping, line, &line->drain_deadline);
	return NULL;
}

void line_open(struct bench_line *line)
{
	const struct journal_settings settings = {.batch_size = line->batch_size,
						  .batch_timeout = CLOCK_SECOND,
						  .on_full = JOURNAL_BLOCK};
	struct error error;
	line->metrics = metrics_create();
	if (!line->metrics || positions_create("bench.positions", &line->positions, &error) < 0)
		bench_fail("cannot start");
	const struct journal_setup journal = {.name = "buffer.bench",
					      .buffer = line->buffer,
					      .self = line->buffer_self,
					      .metrics = line->metrics,
					      .positions = line->positions};
	if (journal_create(&journal, &settings, &line->journal, &error) < 0)
		bench_fail(error.text);
	const struct delivery_setup delivery = {.name = "output.bench",
						.output = line->output,
						.self = line->output_self,
						.journal = line->journal,
						.metrics = line->metrics};
	line->delivery = delivery_create(&delivery, &error);
	line->router = router_create(line->metrics, line->positions);
	if (!line->delivery || !line->router || router_set(line->router, &line->journal, 1) < 0)
		bench_fail("cannot connect");
}

void line_start(struct bench_line *line)
{
	line_open(line);
	if (pthread_create(&line->thread, NULL, line_run, line) != 0)
		bench_fail("cannot start a thread");
}

void line_deliver(struct bench_line *line)
{
	atomic_store(&line->stopping, true);
	line_run(line);
}

void line_emit(struct bench_line *line, struct tally_batch *batch, const char *position)
{
	static const struct router_source from = {.input = "input.bench"};
	router_emit(line->router, &from, batch, position ? "source" : NULL, position);
}

void line_drain(struct bench_line *line)
{
	atomic_store(&line->stopping, true);
	journal_wake(line->journal);
	pthread_join(line->thread, NULL);
}

void line_stop(struct bench_line *line)
{
	delivery_destroy(line->delivery);
	router_destroy(line->router);
	journal_destroy(line->journal);
	positions_destroy(line->positions);
	metrics_destroy(line->metrics);
}
