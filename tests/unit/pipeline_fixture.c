#include "pipeline_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "test.h"

const struct tally_plugin *tally_plugin(void); /* the buffer's */

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "number", .type = TALLY_INT},
	{.name = "text", .type = TALLY_TEXT},
};
const struct tally_table pipeline_a = {
	.name = "a", .help = "", .columns = columns, .n_columns = 3, .kind = TALLY_LOG};
const struct tally_table pipeline_b = {
	.name = "b", .help = "", .columns = columns, .n_columns = 3, .kind = TALLY_LOG};

struct journal_settings pipeline_settings(enum journal_on_full on_full)
{
	return (struct journal_settings){
		.batch_size = 10, .batch_timeout = 3600 * CLOCK_SECOND, .on_full = on_full};
}

static struct journal *pipeline_make_journal(struct pipeline *pipeline, const char *name,
					     int64_t capacity, enum journal_on_full on_full,
					     void **ret_buffer)
{
	struct journal_settings settings = pipeline_settings(on_full);
	struct journal *journal;
	struct error error;
	assert_int_equal(
		tally_plugin()->create(fake_host_ctx(pipeline->host), &capacity, ret_buffer), 0);
	struct journal_setup setup = {.name = name,
				      .buffer = tally_plugin()->buffer,
				      .self = *ret_buffer,
				      .metrics = pipeline->metrics,
				      .positions = pipeline->positions};
	assert_int_equal(journal_create(&setup, &settings, &journal, &error), 0);
	return journal;
}

struct journal *pipeline_journal(struct pipeline *pipeline, const char *name, int64_t capacity,
				 void **ret_buffer)
{
	return pipeline_make_journal(pipeline, name, capacity, JOURNAL_BLOCK, ret_buffer);
}

void pipeline_start(struct pipeline *pipeline, int64_t capacity, enum journal_on_full on_full)
{
	struct error error;
	snprintf(pipeline->folder, sizeof(pipeline->folder), "/tmp/tallyd-pipeline-XXXXXX");
	assert_non_null(mkdtemp(pipeline->folder));
	snprintf(pipeline->positions_path, sizeof(pipeline->positions_path), "%s/positions",
		 pipeline->folder);
	pipeline->host = fake_host_create("buffer.batch");
	pipeline->metrics = metrics_create();
	assert_non_null(pipeline->metrics);
	assert_int_equal(positions_create(pipeline->positions_path, &pipeline->positions, &error),
			 0);
	pipeline->journal = pipeline_make_journal(pipeline, "buffer.batch", capacity, on_full,
						  &pipeline->buffer);
}

void pipeline_stop(struct pipeline *pipeline)
{
	journal_destroy(pipeline->journal);
	tally_plugin()->destroy(pipeline->buffer);
	positions_destroy(pipeline->positions);
	metrics_destroy(pipeline->metrics);
	fake_host_destroy(pipeline->host);
	unlink(pipeline->positions_path);
	rmdir(pipeline->folder);
}

int64_t pipeline_set_capacity(struct pipeline *pipeline, int64_t capacity)
{
	return tally_plugin()->reconfigure(pipeline->buffer, &capacity);
}

struct tally_usage pipeline_usage(const struct pipeline *pipeline)
{
	struct tally_usage usage;
	tally_plugin()->buffer->usage(pipeline->buffer, &usage);
	return usage;
}

struct tally_batch *pipeline_batch(const struct tally_table *table, uint32_t rows, int64_t first,
				   size_t padding)
{
	struct tally_batch *batch = batch_create(table);
	assert_non_null(batch);
	for (uint32_t i = 0; i < rows; i++) {
		struct tally_cell *row = batch_row(batch);
		tally_put_int(row, 0, 1000 + i);
		tally_put_int(row, 1, first + i);
	}
	if (padding > 0) {
		char *text = calloc(1, padding);
		assert_non_null(text);
		assert_int_equal(batch_adopt(batch, text, padding, free), 0);
	}
	return batch;
}

int64_t pipeline_first(const struct tally_batch *batch)
{
	return batch->cells[1].i;
}

int pipeline_push(struct pipeline *pipeline, const struct tally_table *table, uint32_t rows,
		  int64_t first, size_t padding)
{
	const struct journal_origin origin = {0};
	struct tally_batch *batch = pipeline_batch(table, rows, first, padding);
	int r = journal_push(pipeline->journal, batch, &origin);
	batch_drop(batch);
	return r;
}

struct journal_reader *pipeline_attach(struct pipeline *pipeline, const char *output,
				       const char *const *tables)
{
	struct journal_reader *reader;
	struct error error;
	assert_int_equal(journal_attach(pipeline->journal, output, tables, &reader, &error), 0);
	return reader;
}

void pipeline_ack(struct journal_reader *reader, uint32_t n, uint32_t acked)
{
	struct journal_outcome outcomes[JOURNAL_TAKE_MAX] = {0};
	for (uint32_t i = 0; i < acked; i++)
		outcomes[i].acked = true;
	assert_int_equal(journal_ack(reader, outcomes, n), 0);
}

uint64_t pipeline_consume(struct journal_reader *reader)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	uint64_t rows = 0;
	int n;
	while ((n = journal_fetch(reader, JOURNAL_NOW, entries)) > 0) {
		for (int i = 0; i < n; i++)
			rows += entries[i].batch->n_rows;
		pipeline_ack(reader, (uint32_t)n, (uint32_t)n);
	}
	assert_int_equal(n, 0);
	return rows;
}

/* ---- Sums --------------------------------------------------------------------- */

struct pipeline_query {
	const char *name, *label, *other;
	double sum;
};

static bool pipeline_fits(const struct pipeline_query *query, const struct tally_sample *sample)
{
	return strcmp(sample->name, query->name) == 0 &&
	       (!query->label || strstr(sample->labels, query->label)) &&
	       (!query->other || strstr(sample->labels, query->other));
}

static int pipeline_add(void *arg, const struct tally_sample *sample)
{
	struct pipeline_query *query = arg;
	if (pipeline_fits(query, sample))
		query->sum += sample->value;
	return 0;
}

double pipeline_sum(struct metrics *metrics, const char *name, const char *label, const char *other)
{
	struct pipeline_query query = {.name = name, .label = label, .other = other};
	assert_int_equal(metrics_each(metrics, pipeline_add, &query), 0);
	return query.sum;
}

/* One query per term, asked of the same moment. */
static int pipeline_add_four(void *arg, const struct tally_sample *sample)
{
	struct pipeline_query *questions = arg;
	for (int i = 0; i < 4; i++)
		pipeline_add(&questions[i], sample);
	return 0;
}

void pipeline_check_balance(struct metrics *metrics, const char *output)
{
	char label[128];
	snprintf(label, sizeof(label), "output=\"%s\"", output);
	struct pipeline_query q[4] = {{.name = "tallyd_rows_routed_total", .label = label},
				      {.name = "tallyd_rows_stored_total", .label = label},
				      {.name = "tallyd_rows_waiting", .label = label},
				      {.name = "tallyd_rows_dropped_total", .label = label}};
	assert_int_equal(metrics_each(metrics, pipeline_add_four, q), 0);
	if (q[0].sum != q[1].sum + q[2].sum + q[3].sum)
		fail_msg("%s: routed %.0f is not stored %.0f + waiting %.0f + dropped %.0f", output,
			 q[0].sum, q[1].sum, q[2].sum, q[3].sum);
	assert_true(q[2].sum >= 0);
}
