/*
 * Allocation torture: the same work again and again, while the first, the second, the third …
 * allocation fails, until it gets through with none failing.  Every failure must come back as an
 * error (or be made up for), and leave nothing behind; the leak check is the sanitizer's.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "pipeline/batch_codec.h"
#include "config/config.h"
#include "fake_host.h"
#include "pipeline/journal.h"
#include "process/metrics.h"
#include "pipeline/positions.h"
#include "pipeline/router.h"
#include "base/clock.h"
#include "test.h"

/* ---- The allocator ------------------------------------------------------------ */

static int countdown; /* the allocation that fails; 0: none */
static bool hit;

static bool fails(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	hit = true;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t n, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(memory, n, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* work returns how many of its steps failed. */
static void torture(unsigned (*work)(void))
{
	int n = 0;
	do {
		countdown = ++n;
		hit = false;
		unsigned failed = work();
		countdown = 0;
		if (!hit)
			assert_int_equal(failed, 0);
		assert_true(n < 1000);
	} while (hit);
	assert_true(n > 3); /* the wrappers are in place */
}

/* ---- Batches ------------------------------------------------------------------ */

static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME},
					      {.name = "text", .type = TALLY_TEXT}};
static const struct tally_table table = {
	.name = "t", .help = "", .columns = columns, .n_columns = 2, .kind = TALLY_LOG};

static struct tally_batch *make_batch(unsigned *failed)
{
	struct tally_batch *batch = batch_create(&table);
	for (int i = 0; batch && i < 40; i++) {
		struct tally_cell *row = batch_row(batch);
		const char *text = batch_copy(batch, "some text", 9);
		if (row && text)
			tally_put_text_borrowed(row, 1, text, 9);
		else
			++*failed;
	}
	if (!batch)
		++*failed;
	return batch;
}

static unsigned use_batches(void)
{
	unsigned failed = 0;
	struct tally_batch *batch = make_batch(&failed);
	char *foreign = batch ? malloc(10) : NULL;
	if (!foreign || batch_adopt(batch, foreign, 10, free) < 0) {
		failed++;
		free(foreign);
	}
	batch_drop(batch);
	return failed;
}

static void batches_survive_any_allocation_that_fails(void **state)
{
	(void)state;
	torture(use_batches);
}

static unsigned use_codec(void)
{
	unsigned failed = 0;
	void *bytes;
	size_t len;
	struct error error;
	struct tally_batch *back, *batch = make_batch(&failed);
	if (!batch || batch_encode(batch, &bytes, &len) < 0) {
		batch_drop(batch);
		return failed + 1;
	}
	batch_drop(batch);
	int r = batch_decode(bytes, len, NULL, NULL, &back, &error);
	assert_true(r == 0 || r == -ENOMEM);
	if (r == 0)
		batch_drop(back);
	else
		failed++;
	free(bytes);
	return failed;
}

static void the_codec_survives_any_allocation_that_fails(void **state)
{
	(void)state;
	torture(use_codec);
}

/* ---- Everything --------------------------------------------------------------- */

const struct tally_plugin *tally_plugin(void);

struct parts {
	struct metrics *metrics;
	struct positions *positions;
	struct journal *journal;
	struct journal_reader *readers[2];
	struct router *router;
	void *buffer;
};

static struct fake_host *host;
static char folder[64], path[96];

static bool build(struct parts *parts)
{
	static const int64_t capacity = 64 * 1024;
	static const struct journal_settings settings = {
		.batch_size = 10, .batch_timeout = CLOCK_SECOND, .on_full = JOURNAL_DROP_OLDEST};
	static const char *const globs[] = {"t", NULL};
	struct error error;
	parts->metrics = metrics_create();
	if (!parts->metrics || positions_create(path, &parts->positions, &error) < 0 ||
	    tally_plugin()->create(fake_host_ctx(host), &capacity, &parts->buffer) < 0)
		return false;
	struct journal_setup setup = {.name = "buffer.batch",
				      .buffer = tally_plugin()->buffer,
				      .self = parts->buffer,
				      .metrics = parts->metrics,
				      .positions = parts->positions};
	if (journal_create(&setup, &settings, &parts->journal, &error) < 0 ||
	    journal_attach(parts->journal, "a", globs, &parts->readers[0], &error) < 0 ||
	    journal_attach(parts->journal, "b", NULL, &parts->readers[1], &error) < 0)
		return false;
	parts->router = router_create(parts->metrics, parts->positions);
	return parts->router && router_set(parts->router, &parts->journal, 1) == 0;
}

static unsigned emit(struct parts *parts)
{
	static const struct router_source from = {.input = "i"};
	unsigned failed = 0;
	for (int i = 0; i < 60; i++) { /* more than fit, so that some are dropped */
		struct tally_batch *batch = make_batch(&failed);
		if (batch && batch->n_rows > 0)
			failed += router_emit(parts->router, &from, batch, "s", "p") < 0;
		else
			batch_drop(batch);
	}
	return failed;
}

static void consume(struct journal_reader *reader)
{
	static struct journal_outcome outcomes[JOURNAL_TAKE_MAX];
	static struct tally_entry entries[JOURNAL_TAKE_MAX];
	int n;
	for (int i = 0; i < JOURNAL_TAKE_MAX; i++)
		outcomes[i].acked = true;
	while ((n = journal_fetch(reader, JOURNAL_NOW, entries)) > 0)
		assert_int_equal(journal_ack(reader, outcomes, (uint32_t)n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(journal_waiting(reader), 0);
}

static int ignore(void *arg, const struct tally_sample *sample)
{
	(void)arg;
	(void)sample;
	return 0;
}

static void tear_down(struct parts *parts)
{
	router_destroy(parts->router);
	for (int i = 0; i < 2; i++)
		journal_detach(parts->readers[i]);
	journal_destroy(parts->journal);
	if (parts->buffer)
		tally_plugin()->destroy(parts->buffer);
	positions_destroy(parts->positions);
	metrics_destroy(parts->metrics);
}

static unsigned use_pipeline(void)
{
	struct parts parts = {0};
	struct error error;
	unsigned failed = 0;
	if (build(&parts)) {
		failed += emit(&parts);
		consume(parts.readers[0]);
		consume(parts.readers[1]);
		failed += positions_save(parts.positions, &error) < 0;
		failed += metrics_each(parts.metrics, ignore, NULL) < 0;
		struct tally_usage usage;
		tally_plugin()->buffer->usage(parts.buffer, &usage);
		assert_int_equal(usage.bytes, 0);
	} else {
		failed++;
	}
	tear_down(&parts);
	return failed;
}

static void the_pipeline_survives_any_allocation_that_fails(void **state)
{
	(void)state;
	host = fake_host_create("buffer.batch");
	snprintf(folder, sizeof(folder), "/tmp/tallyd-memory-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/positions", folder);
	torture(use_pipeline);
	unlink(path);
	rmdir(folder);
	fake_host_destroy(host);
}

/* ---- The configuration -------------------------------------------------------- */

static unsigned use_config(void)
{
	static const char text[] = "[tallyd]\nhost = ${NOT_SET:-a host}\n"
				   "[input.counter:one]\ninterval = 5s\n; and\nrows = 10\n"
				   "[output.sqlite]\npath = /somewhere\ntables = a*, !b\n";
	struct problems problems;
	struct config *config = NULL;
	problems_init(&problems);
	int r = config_parse("t.conf", text, sizeof(text) - 1, &config, &problems);
	if (r < 0)
		assert_null(config);
	else
		assert_int_equal(config->n_sections, 3);
	config_destroy(config);
	problems_done(&problems);
	return r < 0;
}

static void the_configuration_survives_any_allocation_that_fails(void **state)
{
	(void)state;
	torture(use_config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_configuration_survives_any_allocation_that_fails),
		cmocka_unit_test(batches_survive_any_allocation_that_fails),
		cmocka_unit_test(the_codec_survives_any_allocation_that_fails),
		cmocka_unit_test(the_pipeline_survives_any_allocation_that_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
