/*
 * `tallyd once`: what would be collected now?  Starts inputs only, each in a thread of its own,
 * gathers, prints the rows.  Nothing is written anywhere but to stdout.
 *   - an input that follows (run) gets a moment for each sample.
 *   - one that fails is reported on stderr, and the others go on; exit 1.
 *   - one that does not come back within the deadline is reported, and left behind at the exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/batch.h"
#include "commands/checked.h"
#include "commands/command.h"
#include "commands/rows.h"
#include "process/crash.h"
#include "instance/plugin_api.h"
#include "plugin/reason.h"
#include "base/clock.h"

/* How long inputs may take, their waits between samples apart; how long after they were stopped;
 * and for how long one that follows is let run for each sample. */
static const int64_t once_deadline = 30 * CLOCK_SECOND, once_grace = 2 * CLOCK_SECOND;
static const int64_t once_follow = 2 * CLOCK_SECOND;
/* Of all batches together; see once_keep(). */
static const size_t once_max_bytes = 256u << 20;

struct once_input {
	const struct plan_instance *plan;
	struct once *once;
	struct api *api;
	void *self;
	pthread_t thread;
	bool threaded;
	bool callable; /* may be interrupted; under once->lock */
	atomic_bool done, failed;
};

struct once {
	const char *only; /* an instance's name; NULL: all */
	bool ndjson;
	int64_t samples;
	struct plugin_services services;
	pthread_rwlock_t registry_lock;
	struct once_input *inputs;
	size_t n_inputs;
	pthread_mutex_t lock; /* guards what is below, and who may be interrupted */
	struct tally_batch **batches;
	size_t n_batches, bytes;
};

/* ---- What the inputs give ---- */

/* Bounded: `once` prints at the end, and an input that never stops emitting must not eat the
 * memory. */
static int once_keep(struct once *once, struct tally_batch *batch)
{
	size_t bytes = batch_bytes(batch);
	if (once->bytes + bytes > once_max_bytes)
		return -ENOSPC;
	struct tally_batch **grown =
		reallocarray(once->batches, once->n_batches + 1, sizeof(struct tally_batch *));
	if (!grown)
		return -ENOMEM;
	once->batches = grown;
	grown[once->n_batches++] = batch;
	once->bytes += bytes;
	return 0;
}

static int once_emit(void *arg, const char *input, struct tally_batch *batch)
{
	struct once *once = arg;
	(void)input;
	pthread_mutex_lock(&once->lock);
	int r = once_keep(once, batch);
	pthread_mutex_unlock(&once->lock);
	if (r < 0)
		batch_drop(batch);
	return r;
}

/* ---- The inputs' threads ---- */

static bool once_follows(const struct once_input *input)
{
	return !input->plan->plugin->input->gather;
}

/* A call that fails while it is being stopped has only done as it was asked. */
static void once_judge(struct once_input *input, int r, const char *what)
{
	struct error error;
	if (r == 0 || plugin_api_stopping(input->api))
		return;
	reason_explain(r < 0 ? r : -EIO, &error);
	fprintf(stderr, "%s: cannot %s: %s\n", input->plan->name, what, error.text);
	atomic_store(&input->failed, true);
}

/* The life of an instance without repetition: what fails is reported and ends it. */
static void *once_main(void *arg)
{
	struct once_input *input = arg;
	const struct tally_plugin *plugin = input->plan->plugin;
	crash_thread_begin();
	crash_enter(plugin_api_ctx(input->api)->name);
	int r = plugin->start ? PLUGIN_CALL(plugin->start(input->self)) : 0;
	once_judge(input, r, "start");
	if (r == 0 && once_follows(input))
		once_judge(input, PLUGIN_CALL(plugin->input->run(input->self)), "run");
	int64_t samples = r == 0 && !once_follows(input) ? input->once->samples : 0;
	for (int64_t i = 0; i < samples && !plugin_api_stopping(input->api); i++) {
		if (i > 0 && plugin_api_sleep(input->api, input->plan->common.interval))
			break;
		once_judge(input, PLUGIN_CALL(plugin->input->gather(input->self)), "gather");
	}
	/* From here on nobody interrupts: stop() is called when no other call is in progress. */
	pthread_mutex_lock(&input->once->lock);
	input->callable = false;
	pthread_mutex_unlock(&input->once->lock);
	if (r == 0 && plugin->stop)
		PLUGIN_CALL(plugin->stop(input->self));
	crash_leave(NULL);
	crash_thread_end();
	atomic_store(&input->done, true);
	return NULL;
}

/* ---- From the main thread ---- */

/* As instance_create(), without what a process of some seconds does not need. */
static int once_start_input(struct once *once, struct once_input *input, struct error *error)
{
	const struct plan_instance *plan = input->plan;
	int64_t interval = once_follows(input) ? 0 : plan->common.interval;
	int r = plugin_api_create(&once->services, plan->plugin, plan->name, interval, &input->api,
				  error);
	if (r == 0 && plan->plugin->create) {
		r = PLUGIN_CALL(plan->plugin->create(plugin_api_ctx(input->api), plan->config,
						     &input->self));
		r = r < 0 ? reason_explain(r, error) : 0;
	}
	if (r < 0)
		return r;
	input->callable = true;
	r = pthread_create(&input->thread, NULL, once_main, input);
	if (r > 0)
		return error_set(error, r, "no thread: %s", strerror(r));
	input->threaded = true;
	return 0;
}

static bool once_all_done(const struct once *once)
{
	for (size_t i = 0; i < once->n_inputs; i++)
		if (!atomic_load(&once->inputs[i].done))
			return false;
	return true;
}

/* Inputs that follow never finish by themselves; they are stopped when their time is over, which
 * is no failure. */
static void once_stop_late(struct once *once, int64_t begun, int64_t deadline)
{
	int64_t now = clock_monotonic();
	for (size_t i = 0; i < once->n_inputs; i++) {
		struct once_input *input = &once->inputs[i];
		int64_t until =
			once_follows(input) ? begun + once->samples * once_follow : deadline;
		if (now < until || atomic_load(&input->done))
			continue;
		if (!once_follows(input) && !plugin_api_stopping(input->api)) {
			fprintf(stderr, "%s: did not finish within %" PRId64 " s\n",
				input->plan->name, (deadline - begun) / CLOCK_SECOND);
			atomic_store(&input->failed, true);
		}
		const struct tally_plugin *plugin = input->plan->plugin;
		plugin_api_stop(input->api);
		pthread_mutex_lock(&input->once->lock);
		if (plugin->interrupt && input->callable)
			PLUGIN_CALL(plugin->interrupt(input->self));
		pthread_mutex_unlock(&input->once->lock);
	}
}

/* False: somebody did not come back.  The waits between samples are no delay, so the deadline comes
 * that much later. */
static bool once_wait(struct once *once)
{
	int64_t begun = clock_monotonic(), waits = 0;
	for (size_t i = 0; i < once->n_inputs; i++) {
		int64_t wait = (once->samples - 1) * once->inputs[i].plan->common.interval;
		waits = wait > waits ? wait : waits;
	}
	int64_t deadline = begun + once_deadline + waits;
	while (!once_all_done(once)) {
		if (clock_monotonic() > deadline + once_grace)
			return false;
		once_stop_late(once, begun, deadline);
		struct timespec turn = clock_timespec(20 * CLOCK_MS);
		nanosleep(&turn, NULL);
	}
	return true;
}

/* ---- Printing ---- */

/* All batches of one table together, in the order in which tables came first. */
static void once_print_tables(struct once *once)
{
	const struct tally_batch **same = calloc(once->n_batches + 1, sizeof(*same));
	bool *printed = calloc(once->n_batches + 1, sizeof(*printed));
	for (size_t i = 0; same && printed && i < once->n_batches; i++) {
		size_t n = 0;
		for (size_t j = i; !printed[i] && j < once->n_batches; j++)
			if (once->batches[j]->table == once->batches[i]->table)
				same[n++] = once->batches[j];
		for (size_t j = i; n && j < once->n_batches; j++)
			printed[j] |= once->batches[j]->table == once->batches[i]->table;
		if (n)
			rows_print_table(stdout, same, n);
	}
	free(same);
	free(printed);
}

/* ---- The whole ---- */

/* A name that fits no input is a mistake on the command line; to have no input at all is none. */
static int once_pick(struct once *once, const struct plan *plan)
{
	once->inputs = calloc(plan->n_instances + 1, sizeof(*once->inputs));
	if (!once->inputs)
		return COMMAND_FAILED;
	for (size_t i = 0; i < plan->n_instances; i++) {
		const struct plan_instance *instance = &plan->instances[i];
		if (instance->kind == PLAN_INPUT && checked_names(once->only, instance))
			once->inputs[once->n_inputs++] =
				(struct once_input){.plan = instance, .once = once};
	}
	if (once->n_inputs)
		return COMMAND_OK;
	if (once->only)
		fprintf(stderr, "tallyd once: no input %s is configured and enabled\n", once->only);
	else
		fprintf(stderr, "tallyd once: no [input.…] is configured and enabled\n");
	return once->only ? COMMAND_USAGE : COMMAND_FAILED;
}

static int once_run(struct once *once, const struct checked *checked)
{
	static struct host_name told;
	struct host_name *host_name = checked->plan->globals.host_is_made_up ? &told : NULL;
	int exit_code = once_pick(once, checked->plan);
	if (exit_code != COMMAND_OK)
		return exit_code;
	once->services = (struct plugin_services){.metrics = metrics_create(),
						  .registry = checked->registry,
						  .registry_lock = &once->registry_lock,
						  .hostname = checked->plan->globals.host,
						  .host_name = host_name,
						  .state_dir = checked->plan->globals.state_dir,
						  .producer = "once",
						  .emit = once_emit,
						  .emit_arg = once};
	if (!once->services.metrics)
		return COMMAND_FAILED;
	struct error error;
	for (size_t i = 0; i < once->n_inputs; i++) {
		struct once_input *input = &once->inputs[i];
		if (once_start_input(once, input, &error) == 0)
			continue;
		fprintf(stderr, "%s: %s\n", input->plan->name, error.text);
		atomic_store(&input->failed, true);
		atomic_store(&input->done, true);
	}
	bool back = once_wait(once);
	pthread_mutex_lock(&once->lock);
	for (size_t i = 0; once->ndjson && i < once->n_batches; i++)
		rows_print_ndjson(stdout, once->batches[i]);
	if (!once->ndjson)
		once_print_tables(once);
	if (!once->n_batches)
		fprintf(stderr, "no rows\n");
	pthread_mutex_unlock(&once->lock);
	fflush(stdout);
	for (size_t i = 0; i < once->n_inputs; i++)
		if (atomic_load(&once->inputs[i].failed))
			exit_code = COMMAND_FAILED;
	if (!back) {
		crash_exiting();
		fflush(stdout);
		_exit(COMMAND_FAILED); /* its thread still uses what would be freed */
	}
	return exit_code;
}

int command_once(const struct command_line *line)
{
	const char *format = command_value(line, "format");
	struct once once = {.only = line->argc > 0 ? line->argv[0] : NULL,
			    .ndjson = format && strcmp(format, "ndjson") == 0,
			    .samples = command_number(line, "samples", 1)};
	struct checked checked;
	int exit_code = checked_create(line, false, &checked);
	if (exit_code != COMMAND_OK)
		return exit_code;
	pthread_mutex_init(&once.lock, NULL);
	pthread_rwlock_init(&once.registry_lock, NULL);
	exit_code = once_run(&once, &checked);
	for (size_t i = 0; i < once.n_inputs; i++) {
		struct once_input *input = &once.inputs[i];
		if (input->threaded)
			pthread_join(input->thread, NULL);
		if (input->self && input->plan->plugin->destroy)
			PLUGIN_CALL(input->plan->plugin->destroy(input->self));
		plugin_api_destroy(input->api);
	}
	free(once.inputs);
	for (size_t i = 0; i < once.n_batches; i++)
		batch_drop(once.batches[i]);
	free(once.batches);
	metrics_destroy(once.services.metrics);
	pthread_rwlock_destroy(&once.registry_lock);
	pthread_mutex_destroy(&once.lock);
	checked_destroy(&checked);
	return exit_code;
}
