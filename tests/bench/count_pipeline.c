/*
 * Instructions of rows through router, buffer and delivery, on one thread: batches are emitted,
 * then delivered to an output that only counts them.
 */
#include "counted.h"
#include "line.h"
#include "pipeline/batch.h"

enum { BATCHES = 20, ROWS = 500 };

struct pipeline {
	struct fake_host *host;
	const struct tally_plugin *plugin;
	struct bench_line line;
	struct tally_batch *batches[2 * BATCHES]; /* to be warm, and counted */
	unsigned n;
};

static void begin(struct pipeline *pipeline, const char *plugin)
{
	*pipeline = (struct pipeline){.host = fake_host_create("buffer.bench"),
				      .plugin = counted_load(plugin)};
	struct tally_ctx *ctx = fake_host_ctx(pipeline->host);
	ctx->state_dir = counted_folder;
	struct bench_line *line = &pipeline->line;
	*line = (struct bench_line){
		.buffer = pipeline->plugin->buffer, .output = &bench_counting, .batch_size = ROWS};
	int r = pipeline->plugin->create(ctx, counted_config(pipeline->plugin), &line->buffer_self);
	if (r == 0 && pipeline->plugin->start)
		r = pipeline->plugin->start(line->buffer_self);
	counted_check(r == 0, fake_host_reason(pipeline->host));
	line_open(line);
	for (unsigned i = 0; i < 2 * BATCHES; i++)
		pipeline->batches[i] = bench_batch(ROWS, (int64_t)i * ROWS);
}

static void end(struct pipeline *pipeline)
{
	line_stop(&pipeline->line);
	counted_check(bench_counted == 2 * (uint64_t)BATCHES * ROWS, "rows were lost");
	bench_counted = 0;
	if (pipeline->plugin->stop)
		pipeline->plugin->stop(pipeline->line.buffer_self);
	pipeline->plugin->destroy(pipeline->line.buffer_self);
	fake_host_destroy(pipeline->host);
}

static void emit_and_deliver(void *arg)
{
	struct pipeline *pipeline = arg;
	for (unsigned i = 0; i < BATCHES; i++)
		line_emit(&pipeline->line, pipeline->batches[pipeline->n++], "position");
	line_deliver(&pipeline->line);
}

static void build(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < BATCHES; i++)
		batch_drop(bench_batch(ROWS, (int64_t)i * ROWS));
}

int main(int argc, char **argv)
{
	static struct pipeline pipeline;
	counted_init(argc, argv);
	counted("pipeline: floor, a row built and dropped", BATCHES * ROWS, build, NULL);
	begin(&pipeline, "batch");
	counted("pipeline: a batch of 500 rows, emit to verdict", BATCHES, emit_and_deliver,
		&pipeline);
	end(&pipeline);
	begin(&pipeline, "spool");
	counted("spool: a batch of 500 rows, emit to verdict", BATCHES, emit_and_deliver,
		&pipeline);
	end(&pipeline);
	return 0;
}
