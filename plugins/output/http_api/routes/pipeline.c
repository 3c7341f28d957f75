/*
 * /api/v1/pipeline: the balance, to the row.  Of every output and table: routed = stored + dropped
 * + waiting.  Of every input and table: collected, and what was dropped before it reached any
 * output.
 *
 * On libmicrohttpd's thread, out of the core's metrics, which are read in one go under the metrics'
 * lock: so the sums hold in every answer, also while rows move.  Samples come one by one and in no
 * promised order, so each is put into the line of its instance and table.  What can fail is memory,
 * and lines beyond LINES_MAX: they are missing from the answer.
 */
#include "base/cleanup.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "routes/endpoint.h"
#include "query/samples.h"

enum { LABEL_SIZE = 192, LINES_MAX = 10000, REASONS_MAX = 8 };

struct dropped {
	char reason[32];
	double rows;
};

/* What the samples of one instance and table have said so far.  Counts are doubles, as metrics are:
 * exact up to 2^53 rows. */
struct line {
	char instance[LABEL_SIZE], table[64];
	bool output;
	double in, stored, waiting; /* in: collected or routed */
	struct dropped dropped[REASONS_MAX];
	uint32_t n_dropped;
};

struct balance {
	struct line *lines;
	uint32_t n;
};

/* The line of an instance and table, made when its first sample comes.  A scan is enough: there are
 * some tens of lines, and metrics come grouped by name, not by instance, so no order helps.  NULL:
 * no memory, or too many. */
static struct line *balance_line(struct balance *balance, bool output, const char *instance,
				 const char *table)
{
	for (uint32_t i = 0; i < balance->n; i++) {
		struct line *line = &balance->lines[i];
		if (line->output == output && strcmp(line->instance, instance) == 0 &&
		    strcmp(line->table, table) == 0)
			return line;
	}
	if (balance->n == LINES_MAX)
		return NULL;
	struct line *grown = reallocarray(balance->lines, balance->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	balance->lines = grown;
	struct line *line = &grown[balance->n++];
	*line = (struct line){.output = output};
	snprintf(line->instance, sizeof(line->instance), "%s", instance);
	snprintf(line->table, sizeof(line->table), "%s", table);
	return line;
}

static void line_set(struct line *line, const struct tally_sample *sample)
{
	const char *what = sample->name + strlen("tallyd_rows_");
	if (strcmp(what, "collected_total") == 0 || strcmp(what, "routed_total") == 0)
		line->in = sample->value;
	else if (strcmp(what, "stored_total") == 0)
		line->stored = sample->value;
	else if (strcmp(what, "waiting") == 0)
		line->waiting = sample->value;
	if (strcmp(what, "dropped_total") != 0 || sample->value == 0 ||
	    line->n_dropped == REASONS_MAX)
		return;
	struct dropped *dropped = &line->dropped[line->n_dropped++];
	if (!sample_label(sample->labels, "reason", dropped->reason, sizeof(dropped->reason)))
		snprintf(dropped->reason, sizeof(dropped->reason), "unknown");
	dropped->rows = sample->value;
}

/* An output's samples carry no input and an input's no output, so one label tells them apart. */
static int read_sample(void *arg, const struct tally_sample *sample)
{
	char instance[LABEL_SIZE], table[64];
	if (strncmp(sample->name, "tallyd_rows_", strlen("tallyd_rows_")) != 0)
		return 0;
	bool output = sample_label(sample->labels, "output", instance, sizeof(instance));
	if (!output && !sample_label(sample->labels, "input", instance, sizeof(instance)))
		return 0;
	if (!sample_label(sample->labels, "table", table, sizeof(table)))
		return 0;
	struct line *line = balance_line(arg, output, instance, table);
	if (line)
		line_set(line, sample);
	return 0;
}

static void write_count(struct json_writer *json, const char *key, double rows)
{
	json_write_key(json, key);
	json_write_real(json, rows);
}

static void write_line(struct json_writer *json, const struct line *line)
{
	json_begin_object(json);
	json_write_key(json, line->output ? "output" : "input");
	json_write_string(json, line->instance);
	json_write_key(json, "table");
	json_write_string(json, line->table);
	write_count(json, line->output ? "routed" : "collected", line->in);
	if (line->output) {
		write_count(json, "stored", line->stored);
		write_count(json, "waiting", line->waiting);
	}
	json_write_key(json, "dropped");
	json_begin_object(json);
	for (uint32_t i = 0; i < line->n_dropped; i++)
		write_count(json, line->dropped[i].reason, line->dropped[i].rows);
	json_end_object(json);
	json_end_object(json);
}

static void write_lines(struct json_writer *json, const struct balance *balance, bool output)
{
	json_write_key(json, output ? "outputs" : "inputs");
	json_begin_array(json);
	for (uint32_t i = 0; i < balance->n; i++)
		if (balance->lines[i].output == output)
			write_line(json, &balance->lines[i]);
	json_end_array(json);
}

int daemon_pipeline(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	struct balance balance = {.n = 0};
	tally_samples(context->ctx, read_sample, &balance);
	auto_free struct line *lines = balance.lines;
	(void)lines;
	json_begin_object(json);
	write_lines(json, &balance, false);
	write_lines(json, &balance, true);
	json_end_object(json);
	return 0;
}
