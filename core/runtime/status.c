/*
 * How everything is, in a few lines: of the log (SIGUSR1) or for `tallyd status`.
 *
 * Called by the main loop.  It reads what the instances, buffers and metrics say of themselves,
 * each under its own short lock, so that it also works while something hangs; that is when it is
 * asked for.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/status.h"
#include "process/log.h"
#include "process/process.h"
#include "base/clock.h"
#include "base/text.h"

static const char status_source[] = "daemon";

/* Where the lines go; file NULL: into the log. */
struct status_lines {
	struct daemon *daemon;
	FILE *file;
};

__attribute__((format(printf, 3, 4))) static void
status_say(const struct status_lines *lines, const char *source, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (lines->file)
		fprintf(lines->file, "%s: %s\n", source, text);
	else
		log_list(TALLY_INFO, source, "status: %s", text);
}

/* Sums the samples of one name whose labels have `key="name"`. */
struct status_sum {
	const char *metric;
	char label[256];
	double value;
};

static int status_add(void *arg, const struct tally_sample *sample)
{
	struct status_sum *sum = arg;
	if (strcmp(sample->name, sum->metric) == 0 && strstr(sample->labels, sum->label))
		sum->value += sample->value;
	return 0;
}

/* Walks all samples each time: the status is asked for by hand and may take its milliseconds. */
double status_total(struct daemon *daemon, const char *metric, const char *key, const char *name)
{
	struct status_sum sum = {.metric = metric};
	metrics_label(sum.label, sizeof(sum.label), key, name);
	metrics_each(daemon->services.metrics, status_add, &sum);
	return sum.value;
}

/* Rounded to whole units: it is read by people. */
static void status_process(const struct status_lines *lines)
{
	struct process_usage usage;
	char memory[32], up[32];
	process_read(&usage);
	text_format_size(usage.resident_bytes / 1024 * 1024, memory, sizeof(memory));
	text_format_duration((clock_monotonic() - lines->daemon->started) / CLOCK_SECOND *
				     CLOCK_SECOND,
			     up, sizeof(up));
	status_say(lines, status_source,
		   "up %s, %s resident, %.1f s of CPU time, %" PRId64 " threads, %" PRId64
		   " open files",
		   up, memory, usage.cpu_seconds, usage.threads, usage.open_fds);
}

/* Since when it fails, how often it was tried, and why. */
static void status_trouble(const struct status_lines *lines, struct instance *instance)
{
	struct trouble_state state;
	char age[32], since[32];
	if (!instance_trouble(instance, &state))
		return;
	trouble_age(&state, age, sizeof(age));
	trouble_since(state.since, since, sizeof(since));
	status_say(lines, instance_plan(instance)->name,
		   "failing since %s (%s), %u times in a row, last error: %s", since, age,
		   state.failures, state.text);
}

/* For which buffers an input waits, since when, and why they take nothing. */
static void status_waits(const struct status_lines *lines, const struct instance *instance)
{
	const struct daemon *daemon = lines->daemon;
	const char *name = instance_plan(instance)->name;
	for (size_t i = 0; i < daemon->n_buffers; i++) {
		struct journal *journal = buffer_journal(daemon->buffers[i]);
		struct trouble_state trouble, state = {0};
		char age[32], since[32];
		if (!journal_input_waits(journal, name, &state.since))
			continue;
		journal_blocked(journal, &trouble);
		trouble_age(&state, age, sizeof(age));
		trouble_since(state.since, since, sizeof(since));
		status_say(lines, name, "blocked since %s (%s): waiting for %s: %s", since, age,
			   buffer_plan(daemon->buffers[i])->name, trouble.text);
	}
}

/* Sums come from the metrics, so that the status and a dashboard never disagree. */
static void status_instance(const struct status_lines *lines, struct instance *instance)
{
	struct daemon *daemon = lines->daemon;
	const struct plan_instance *plan = instance_plan(instance);
	const char *state = instance_up(instance) ? "running" : "not running";
	if (plan->kind == PLAN_INPUT)
		status_say(lines, plan->name, "%s, %.0f rows collected, %.0f dropped", state,
			   status_total(daemon, "tallyd_rows_collected_total", "input", plan->name),
			   status_total(daemon, "tallyd_rows_dropped_total", "input", plan->name));
	else if (plan->buffer)
		status_say(lines, plan->name,
			   "%s, %.0f rows stored, %" PRIu64 " waiting, %.0f dropped", state,
			   status_total(daemon, "tallyd_rows_stored_total", "output", plan->name),
			   instance_waiting(instance),
			   status_total(daemon, "tallyd_rows_dropped_total", "output", plan->name));
	else
		status_say(lines, plan->name, "%s", state);
	status_waits(lines, instance);
	status_trouble(lines, instance);
}

/* A buffer that is blocked says why, whoever waits for it. */
static void status_buffer(const struct status_lines *lines, const struct buffer *buffer)
{
	struct daemon *daemon = lines->daemon;
	const char *name = buffer_plan(buffer)->name;
	struct trouble_state state;
	char age[32], since[32];
	status_say(lines, name, "holds %.0f of %.0f bytes",
		   status_total(daemon, "tallyd_buffer_bytes", "buffer", name),
		   status_total(daemon, "tallyd_buffer_capacity_bytes", "buffer", name));
	if (!journal_blocked(buffer_journal(buffer), &state))
		return;
	trouble_age(&state, age, sizeof(age));
	trouble_since(state.since, since, sizeof(since));
	status_say(lines, name, "accepts no rows since %s (%s): %s", since, age, state.text);
}

static void status_all(const struct status_lines *lines)
{
	const struct daemon *daemon = lines->daemon;
	status_process(lines);
	for (size_t i = 0; i < daemon->n_buffers; i++)
		status_buffer(lines, daemon->buffers[i]);
	for (size_t i = 0; i < daemon->n_instances; i++)
		status_instance(lines, daemon->instances[i]);
}

void daemon_log_status(struct daemon *daemon)
{
	status_all(&(const struct status_lines){.daemon = daemon});
}

void status_print(struct daemon *daemon, FILE *file)
{
	status_all(&(const struct status_lines){.daemon = daemon, .file = file});
}
