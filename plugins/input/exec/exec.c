/*
 * Programs as plugins: [input.exec] takes rows from one, [output.exec] gives rows to one.  They are
 * one plugin, since a plugin's name is that of its file; what it is made for is in the instance's
 * name.  docs/exec.md has the protocol; exec_input.c and exec_output.c are the two halves.
 */
#include "exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec_rows.h"

struct exec {
	struct exec_input *input;
	struct exec_output *output;
};

static void exec_destroy(void *self)
{
	struct exec *exec = self;
	exec_input_destroy(exec->input);
	exec_output_destroy(exec->output);
	free(exec);
}

static int exec_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	const struct exec_settings *settings = config;
	int r = exec_program_check(ctx, &settings->program, false);
	struct exec *exec = r == 0 ? calloc(1, sizeof(*exec)) : NULL;
	if (r == 0 && !exec)
		r = tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0 && strncmp(ctx->name, "output.", strlen("output.")) == 0)
		r = exec_output_create(ctx, settings, &exec->output);
	else if (r == 0)
		r = exec_input_create(ctx, settings, &exec->input);
	if (r == 0)
		*ret_self = exec;
	else
		free(exec);
	return r;
}

static int exec_start(void *self)
{
	struct exec *exec = self;
	return exec->output ? exec_output_start(exec->output) : 0;
}

static void exec_stop(void *self)
{
	struct exec *exec = self;
	if (exec->output)
		exec_output_stop(exec->output);
}

static int exec_run(void *self)
{
	return exec_input_run(((struct exec *)self)->input);
}

/* A program hears of a table with its first batch. */
static int exec_prepare(void *self, const struct tally_table *table)
{
	(void)self;
	(void)table;
	return 0;
}

static int exec_write(void *self, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	return exec_output_write(((struct exec *)self)->output, entries, n, verdicts);
}

static int exec_check(struct tally_ctx *ctx, const void *config)
{
	return exec_program_check(ctx, &((const struct exec_settings *)config)->program, true);
}

#define EXEC(field) offsetof(struct exec_settings, field)
static const struct tally_option exec_options[] = {
	EXEC_PROGRAM_OPTIONS(EXEC(program)),
	{.name = "mode",
	 .type = TALLY_OPT_CHOICE,
	 .fallback = "interval",
	 .accepts = "interval|service",
	 .help = "interval: the program is started every interval, of an output for each write, "
		 "and ends by itself; service: it goes on running and is started again if it ends",
	 .offset = EXEC(mode)},
	{.name = "interval",
	 .type = TALLY_OPT_DURATION,
	 .fallback = "10s",
	 .accepts = "100ms..",
	 .help = "input: how often the program is started, or asked by signal=, at whole multiples "
		 "of it on the clock",
	 .offset = EXEC(interval)},
	{.name = "timeout",
	 .type = TALLY_OPT_DURATION,
	 .fallback = "5s",
	 .accepts = "100ms..1d",
	 .help = "how long a run may take before it is stopped (mode = interval); of an output "
		 "also how long a service may take to answer",
	 .offset = EXEC(timeout)},
	{.name = "signal",
	 .type = TALLY_OPT_CHOICE,
	 .fallback = "none",
	 .accepts = "none|stdin|SIGHUP|SIGUSR1|SIGUSR2",
	 .help = "input: mode = service: how the program is asked for rows every interval: not at "
		 "all, by an empty line on its stdin, or by a signal",
	 .offset = EXEC(trigger)},
	{.name = "silence",
	 .type = TALLY_OPT_DURATION,
	 .fallback = "0s",
	 .accepts = "0s..",
	 .help = "input: mode = service: after that long without a line the program counts as "
		 "hanging and is started again; 0: it may be silent for ever",
	 .offset = EXEC(silence)},
	{.name = "format",
	 .type = TALLY_OPT_CHOICE,
	 .fallback = "json",
	 .accepts = "json|influx",
	 .help = "what its lines are: JSON objects, or InfluxDB's line protocol",
	 .offset = EXEC(format)},
	{.name = "declare",
	 .type = TALLY_OPT_STRING,
	 .help = "input: the tables it writes, as series NAME (COLUMN TYPE [tag|counter] [unit=U], "
		 "…); or its first line says so",
	 .offset = EXEC(declare)},
	{.name = "unknown_columns",
	 .type = TALLY_OPT_CHOICE,
	 .fallback = "ignore",
	 .accepts = "ignore|refuse",
	 .help = "input: values for columns that are not declared: left out, or the whole line is; "
		 "both are counted",
	 .offset = EXEC(unknown)},
	{.name = "acknowledge",
	 .type = TALLY_OPT_BOOL,
	 .fallback = "no",
	 .help = "input: tell the program on its stdin where to resume and which of the positions "
		 "that it gave are safe",
	 .offset = EXEC(acknowledge)},
	{.name = "answers",
	 .type = TALLY_OPT_BOOL,
	 .fallback = "yes",
	 .help = "output, mode = service: the program answers each batch; without answers rows "
		 "count as stored once they are written to its stdin",
	 .offset = EXEC(answers)},
	{.name = NULL},
};

#define EXEC_REFUSED(which, said)                                                                  \
	[EXEC_METRIC_REFUSED + (which)] = {.name = "refused_lines",                                \
					   .help = "Lines of programs that were left out.",        \
					   .labels = "reason=\"" said "\""}
#define EXEC_FAILED(which, said)                                                                   \
	[which] = {.name = "failures",                                                             \
		   .help = "Runs of programs that failed.",                                        \
		   .labels = "reason=\"" said "\""}
static const struct tally_metric exec_metrics[] = {
	[EXEC_METRIC_LINES] = {.name = "lines", .help = "Lines that programs wrote."},
	EXEC_REFUSED(EXEC_SYNTAX, "syntax"),
	EXEC_REFUSED(EXEC_TOO_LONG, "too_long"),
	EXEC_REFUSED(EXEC_TABLE, "unknown_table"),
	EXEC_REFUSED(EXEC_COLUMN, "unknown_column"),
	EXEC_REFUSED(EXEC_TYPE, "type"),
	EXEC_REFUSED(EXEC_TAG, "missing_tag"),
	EXEC_REFUSED(EXEC_CUT, "cut"),
	[EXEC_METRIC_UNKNOWN] = {.name = "unknown_values",
				 .help = "Values left out because their column is not declared."},
	[EXEC_METRIC_STDERR] = {.name = "stderr_lines",
				.help = "Lines that programs wrote to stderr."},
	[EXEC_METRIC_RUNS] = {.name = "runs", .help = "Programs that were started."},
	EXEC_FAILED(EXEC_METRIC_FAILED_START, "start"),
	EXEC_FAILED(EXEC_METRIC_FAILED_EXIT, "exit"),
	EXEC_FAILED(EXEC_METRIC_FAILED_TIMEOUT, "timeout"),
	{.name = NULL},
};

static const struct tally_input exec_input = {.size = sizeof(struct tally_input), .run = exec_run};
static const struct tally_output exec_output = {
	.size = sizeof(struct tally_output), .prepare = exec_prepare, .write = exec_write};

TALLY_PLUGIN(.name = "exec", .version = TALLYD_VERSION,
	     .help = "Rows from programs and to programs in any language, as JSON or as InfluxDB's "
		     "line "
		     "protocol like Telegraf's plugins",
	     .options = exec_options, .config_size = sizeof(struct exec_settings),
	     .metrics = exec_metrics, .create = exec_create, .start = exec_start, .stop = exec_stop,
	     .destroy = exec_destroy, .input = &exec_input, .output = &exec_output,
	     .check = exec_check)
