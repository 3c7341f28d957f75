/*
 * An input for tests: each gather emits `rows` rows with the next numbers, so that a test can say
 * to the row what is missing or came twice.  With each batch goes the position to resume from.
 * `control`: a file; "fail" in it makes gathers fail, "slow" makes them take three intervals,
 * "hang" makes them come back only when the file says something else.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>
#include <time.h>

#include "control.h"

enum { COUNTER_COLUMNS = 16 };
#define VALUE(n)                                                                                   \
	{                                                                                          \
		.name = "c" #n, .type = TALLY_INT                                                  \
	}

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "instance", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "n", .type = TALLY_INT, .role = TALLY_ORDER, .help = "1, 2, 3 …"},
	VALUE(1),
	VALUE(2),
	VALUE(3),
	VALUE(4),
	VALUE(5),
	VALUE(6),
	VALUE(7),
	VALUE(8),
	VALUE(9),
	VALUE(10),
	VALUE(11),
	VALUE(12),
	VALUE(13),
	VALUE(14),
	VALUE(15),
	VALUE(16),
};
static const struct tally_table table = {.name = "counter",
					 .help = "Numbers.",
					 .columns = columns,
					 .n_columns = sizeof(columns) / sizeof(*columns),
					 .kind = TALLY_LOG,
					 .revision = 1};
static const struct tally_table *const tables[] = {&table, NULL};

struct counter_config {
	int64_t rows, columns;
	const char *control;
	bool positions;
};

static const struct tally_option options[] = {
	{.name = "rows",
	 .fallback = "10",
	 .accepts = "1..1000000",
	 .help = "Rows in each gather",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct counter_config, rows)},
	{.name = "columns",
	 .fallback = "0",
	 .accepts = "0..16",
	 .help = "Further columns to fill",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct counter_config, columns)},
	{.name = "positions",
	 .fallback = "yes",
	 .help = "With each batch the position to resume from",
	 .type = TALLY_OPT_BOOL,
	 .offset = offsetof(struct counter_config, positions)},
	{.name = "control",
	 .help = "A file that says what should go wrong: fail, slow, hang",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct counter_config, control)},
	{.name = NULL},
};

struct counter {
	struct tally_ctx *ctx;
	const struct counter_config *config;
	int64_t n;
};

static bool counter_told(const struct counter *counter, const char *word)
{
	return control_says(counter->config->control, word);
}

static int counter_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct counter *counter = calloc(1, sizeof(*counter));
	if (!counter)
		return tally_fail(ctx, ENOMEM, "no memory");
	counter->ctx = ctx;
	counter->config = config;
	*ret_self = counter;
	return 0;
}

static int counter_start(void *self)
{
	struct counter *counter = self;
	char position[32];
	if (tally_position(counter->ctx, counter->ctx->name, position, sizeof(position)) == 0)
		counter->n = strtoll(position, NULL, 10);
	return 0;
}

static void counter_fill(struct counter *counter, struct tally_cell *row, const char *name)
{
	tally_put_int(row, 0, tally_now(counter->ctx));
	tally_put_text_borrowed(row, 1, name, strlen(counter->ctx->name)); /* not terminated */
	tally_put_int(row, 2, ++counter->n);
	for (uint32_t i = 0; i < counter->config->columns; i++)
		tally_put_int(row, 3 + i, counter->n * (i + 1));
}

static int counter_emit(struct counter *counter)
{
	char position[32];
	struct tally_batch *batch = tally_batch_new(counter->ctx, &table);
	if (!batch)
		return tally_fail(counter->ctx, ENOMEM, "no memory");
	const char *name = tally_batch_copy(counter->ctx, batch, counter->ctx->name,
					    strlen(counter->ctx->name));
	for (int64_t i = 0; i < counter->config->rows && name; i++) {
		struct tally_cell *row = tally_batch_row(counter->ctx, batch);
		if (row)
			counter_fill(counter, row, name);
	}
	snprintf(position, sizeof(position), "%" PRId64, counter->n);
	if (!counter->config->positions)
		return tally_emit(counter->ctx, batch, NULL, NULL);
	return tally_emit(counter->ctx, batch, counter->ctx->name, position);
}

static int counter_gather(void *self)
{
	struct counter *counter = self;
	if (counter_told(counter, "hang"))
		tally_log(counter->ctx, TALLY_INFO, "told to hang");
	while (counter_told(counter, "hang"))
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	if (counter_told(counter, "fail"))
		return tally_fail(counter->ctx, EIO, "told to fail");
	if (counter_told(counter, "slow"))
		tally_sleep(counter->ctx, 3 * counter->ctx->interval);
	return counter_emit(counter);
}

static void counter_destroy(void *self)
{
	free(self);
}

static const struct tally_input input = {
	.size = sizeof(input), .interval = INT64_C(1000000000), .gather = counter_gather};

TALLY_PLUGIN(.name = "counter", .version = TALLYD_VERSION, .help = "Counts, for tests",
	     .options = options, .config_size = sizeof(struct counter_config), .tables = tables,
	     .create = counter_create, .start = counter_start, .destroy = counter_destroy,
	     .input = &input)
