/*
 * An input for tests whose rows are of the wrong shape, each gather another one: no time, no tags,
 * the ends of time, text that is no text, JSON that is no JSON, no rows, a table that it never
 * declared or that is another plugin's by name, and returns what nobody knows.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "tag", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "real", .type = TALLY_REAL},
	{.name = "truth", .type = TALLY_BOOL},
	{.name = "words", .type = TALLY_TEXT},
	{.name = "json", .type = TALLY_JSON},
};
enum { MISFIT_TIME, MISFIT_TAG, MISFIT_REAL, MISFIT_TRUTH, MISFIT_WORDS, MISFIT_JSON };
enum { MISFIT_COLUMNS = sizeof(columns) / sizeof(*columns) };

static const struct tally_table declared = {.name = "misfit",
					    .help = "Rows of the wrong shape.",
					    .columns = columns,
					    .n_columns = MISFIT_COLUMNS,
					    .kind = TALLY_SERIES,
					    .revision = 1};
static const struct tally_table undeclared = {.name = "undeclared",
					      .help = "",
					      .columns = columns,
					      .n_columns = MISFIT_COLUMNS,
					      .kind = TALLY_SERIES,
					      .revision = 1};
static const struct tally_table foreign = {.name = "counter", /* of counter.c, with other columns */
					   .help = "",
					   .columns = columns,
					   .n_columns = MISFIT_COLUMNS,
					   .kind = TALLY_SERIES,
					   .revision = 7};
static const struct tally_table *const tables[] = {&declared, NULL};

struct misfit {
	struct tally_ctx *ctx;
	unsigned turn;
};

static int misfit_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct misfit *misfit = calloc(1, sizeof(*misfit));
	(void)config;
	if (!misfit)
		return tally_fail(ctx, ENOMEM, "no memory");
	misfit->ctx = ctx;
	*ret_self = misfit;
	return 0;
}

static void misfit_put(struct misfit *misfit, struct tally_batch *batch, struct tally_cell *row,
		       uint32_t column, const char *bytes, size_t len)
{
	tally_put_text(misfit->ctx, batch, row, column, bytes, len);
}

/* One that is as it should be, and then whatever is wrong this time. */
static void misfit_fill(struct misfit *misfit, struct tally_batch *batch, unsigned wrong)
{
	static const int64_t ends[] = {INT64_MIN, -1, 0, INT64_MAX};
	struct tally_cell *row = tally_batch_row(misfit->ctx, batch);
	if (!row)
		return;
	tally_put_int(row, MISFIT_TIME, tally_now(misfit->ctx));
	misfit_put(misfit, batch, row, MISFIT_TAG, "tag", 3);
	if (wrong == 0)
		row[MISFIT_TIME].set = 0;
	else if (wrong == 1)
		row[MISFIT_TAG].set = 0;
	else if (wrong <= 5)
		tally_put_int(row, MISFIT_TIME, ends[wrong - 2]);
	else if (wrong == 6)
		tally_put_real(row, MISFIT_REAL, NAN);
	else if (wrong == 7)
		tally_put_real(row, MISFIT_REAL, -INFINITY);
	else if (wrong == 8)
		tally_put_int(row, MISFIT_TRUTH, 4711);
	else if (wrong == 9)
		misfit_put(misfit, batch, row, MISFIT_WORDS, "a\0b\xff\xfe\xc3", 6);
	else if (wrong == 10)
		misfit_put(misfit, batch, row, MISFIT_JSON, "{\"a\":", 5);
	else if (wrong == 11)
		misfit_put(misfit, batch, row, MISFIT_TAG, "\xf0\x9f\x00", 3);
	else if (wrong == 12)
		row[MISFIT_WORDS] = (struct tally_cell){.text = NULL, .len = 0, .set = 1};
}

static int misfit_emit(struct misfit *misfit, const struct tally_table *table, unsigned wrong)
{
	struct tally_batch *batch = tally_batch_new(misfit->ctx, table);
	if (!batch)
		return tally_fail(misfit->ctx, ENOMEM, "no memory");
	if (wrong != 13) /* a batch without rows */
		misfit_fill(misfit, batch, wrong);
	return tally_emit(misfit->ctx, batch, NULL, "a position of nothing");
}

static int misfit_gather(void *self)
{
	static const int answers[] = {17, -99999, INT32_MIN};
	struct misfit *misfit = self;
	unsigned wrong = misfit->turn++ % 19;
	if (wrong < 14)
		return misfit_emit(misfit, &declared, wrong);
	if (wrong == 14)
		return misfit_emit(misfit, &undeclared, wrong);
	if (wrong == 15)
		return misfit_emit(misfit, &foreign, wrong);
	return answers[wrong - 16];
}

static void misfit_destroy(void *self)
{
	free(self);
}

static const struct tally_input input = {
	.size = sizeof(input), .interval = INT64_C(100000000), .gather = misfit_gather};

TALLY_PLUGIN(.name = "misfit", .version = TALLYD_VERSION, .help = "Emits what it should not",
	     .tables = tables, .create = misfit_create, .destroy = misfit_destroy, .input = &input)
