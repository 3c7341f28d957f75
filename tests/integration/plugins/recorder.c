/*
 * An output for tests: appends each row to a file as a line of JSON, with the entry it came in.
 * `control`: a file that says what should go wrong, read at each step:
 *   nostart  start() fails
 *   fail     write() fails as a whole
 *   retry    every verdict is TALLY_RETRY      reject  … TALLY_REJECT
 *   garbage  verdicts and what write() returns are no such thing
 *   block    write() waits until the file says something else, or tally_stopping()
 *   hang     likewise, but does not heed tally_stopping()
 * What it is asked to prepare stands in the file as {"prepare":"TABLE"}.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

struct recorder_config {
	const char *path, *control;
};

static const struct tally_option options[] = {
	{.name = "path",
	 .help = "The file to append to",
	 .type = TALLY_OPT_STRING,
	 .flags = TALLY_OPT_REQUIRED,
	 .offset = offsetof(struct recorder_config, path)},
	{.name = "control",
	 .help = "A file that says what should go wrong",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct recorder_config, control)},
	{.name = NULL},
};

struct recorder {
	struct tally_ctx *ctx;
	const struct recorder_config *config;
	FILE *file;
};

static bool recorder_told(const struct recorder *recorder, const char *word)
{
	return control_says(recorder->config->control, word);
}

static int recorder_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));
	if (!recorder)
		return tally_fail(ctx, ENOMEM, "no memory");
	recorder->ctx = ctx;
	recorder->config = config;
	*ret_self = recorder;
	return 0;
}

static int recorder_start(void *self)
{
	struct recorder *recorder = self;
	if (recorder_told(recorder, "nostart"))
		return tally_fail(recorder->ctx, ECONNREFUSED, "told not to start");
	recorder->file = fopen(recorder->config->path, "a");
	if (!recorder->file)
		return tally_fail(recorder->ctx, errno, "%s: %s", recorder->config->path,
				  strerror(errno));
	return 0;
}

static void recorder_stop(void *self)
{
	struct recorder *recorder = self;
	fclose(recorder->file);
}

static void recorder_destroy(void *self)
{
	free(self);
}

static int recorder_prepare(void *self, const struct tally_table *table)
{
	struct recorder *recorder = self;
	fprintf(recorder->file, "{\"prepare\":\"%s\"}\n", table->name);
	return fflush(recorder->file) == 0 ? 0 : tally_fail(recorder->ctx, errno, "cannot write");
}

static void recorder_cell(FILE *file, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		fputs("null", file);
	else if (type == TALLY_REAL)
		fprintf(file, "%.17g", cell->f);
	else if (type == TALLY_TEXT)
		fprintf(file, "\"%.*s\"", (int)cell->len, cell->text); /* tests emit plain text */
	else if (type == TALLY_JSON)
		fprintf(file, "%.*s", (int)cell->len, cell->text);
	else
		fprintf(file, "%" PRId64, cell->i);
}

static void recorder_entry(FILE *file, const struct tally_entry *entry)
{
	const struct tally_table *table = entry->batch->table;
	for (uint32_t r = 0; r < entry->batch->n_rows; r++) {
		fprintf(file, "{\"table\":\"%s\",\"writer\":\"%s\",\"sequence\":%" PRIu64,
			table->name, entry->producer, entry->sequence);
		for (uint32_t c = 0; c < table->n_columns; c++) {
			fprintf(file, ",\"%s\":", table->columns[c].name);
			recorder_cell(file, table->columns[c].type,
				      &entry->batch->cells[(size_t)r * table->n_columns + c]);
		}
		fputs("}\n", file);
	}
}

static void recorder_wait(struct recorder *recorder)
{
	while (recorder_told(recorder, "hang") ||
	       (recorder_told(recorder, "block") && !tally_stopping(recorder->ctx)))
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static int recorder_write(void *self, const struct tally_entry *entries, uint32_t n,
			  uint8_t *verdicts)
{
	struct recorder *recorder = self;
	recorder_wait(recorder);
	if (recorder_told(recorder, "fail") || recorder_told(recorder, "block"))
		return tally_fail(recorder->ctx, EIO, "told to fail");
	if (recorder_told(recorder, "retry"))
		return 0;
	if (recorder_told(recorder, "garbage")) {
		memset(verdicts, 0xa5, n);
		return 4711;
	}
	bool reject = recorder_told(recorder, "reject");
	for (uint32_t i = 0; i < n && !reject; i++)
		recorder_entry(recorder->file, &entries[i]);
	if (fflush(recorder->file) != 0 || fsync(fileno(recorder->file)) < 0)
		return tally_fail(recorder->ctx, errno, "%s: %s", recorder->config->path,
				  strerror(errno));
	memset(verdicts, reject ? TALLY_REJECT : TALLY_DONE, n);
	for (uint32_t i = 0; i < n && reject; i++)
		tally_reject_entry(recorder->ctx, &entries[i], "told to reject");
	return 0;
}

static const struct tally_output output = {
	.size = sizeof(output), .prepare = recorder_prepare, .write = recorder_write};

TALLY_PLUGIN(.name = "recorder", .version = TALLYD_VERSION, .help = "Writes down, for tests",
	     .options = options, .config_size = sizeof(struct recorder_config),
	     .create = recorder_create, .start = recorder_start, .stop = recorder_stop,
	     .destroy = recorder_destroy, .output = &output)
