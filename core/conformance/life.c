/*
 * The life of an instance under test, and what it does in between, also on a thread that is cut
 * short: what every check is made of.  A call that fails is not a fault by itself: where a service
 * is missing start() may fail for ever, and a check that needs it is skipped with the plugin's
 * words.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "conformance/rows.h"
#include "conformance/subject.h"
#include "pipeline/batch.h"

static const int64_t subject_grace = 5 * CLOCK_SECOND; /* for a call that is to return at once */
static const int64_t subject_run_time = 30 * CLOCK_MS;

bool subject_create(struct subject *subject)
{
	plugin_api_resume(subject->api);
	subject->self = NULL;
	int r = SUBJECT_CALL(subject, "create()",
			     subject->plugin->create(plugin_api_ctx(subject->api), subject->config,
						     &subject->self));
	if (r < 0)
		subject_skip(subject, "create() refuses this configuration: %s",
			     reason_last()->text);
	return r >= 0;
}

bool subject_start(struct subject *subject)
{
	if (!subject->plugin->start)
		return true;
	int r = SUBJECT_CALL(subject, "start()", subject->plugin->start(subject->self));
	if (r < 0)
		subject_skip(subject, "start() fails here: %s", reason_last()->text);
	return r >= 0;
}

void subject_stop(struct subject *subject)
{
	if (subject->plugin->stop)
		SUBJECT_DO(subject, "stop()", subject->plugin->stop(subject->self));
}

void subject_destroy(struct subject *subject)
{
	SUBJECT_DO(subject, "destroy()", subject->plugin->destroy(subject->self));
	subject->self = NULL;
}

void subject_forget(struct subject *subject)
{
	for (uint32_t i = 0; i < subject->n_batches; i++)
		batch_drop(subject->batches[i]);
	subject->n_batches = 0;
}

/* ---- Calls that are cut short ---- */

static void *subject_thread_main(void *arg)
{
	struct subject_thread *thread = arg;
	thread->r = thread->call(thread->subject);
	atomic_store(&thread->done, true);
	return NULL;
}

bool subject_thread_start(struct subject_thread *thread, struct subject *subject,
			  subject_call_fn *call)
{
	*thread = (struct subject_thread){.subject = subject, .call = call};
	if (pthread_create(&thread->thread, NULL, subject_thread_main, thread) == 0)
		return true;
	subject_skip(subject, "no thread");
	return false;
}

bool subject_wait(atomic_bool *flag, int64_t timeout)
{
	const struct timespec turn = clock_timespec(CLOCK_MS);
	int64_t deadline = clock_monotonic() + timeout;
	while (!atomic_load(flag) && clock_monotonic() < deadline)
		nanosleep(&turn, NULL);
	return atomic_load(flag);
}

bool subject_thread_stop(struct subject_thread *thread, const char *what)
{
	struct subject *subject = thread->subject;
	plugin_api_stop(subject->api);
	if (subject->plugin->interrupt)
		PLUGIN_CALL(subject->plugin->interrupt(subject->self));
	if (subject_wait(&thread->done, subject_grace)) {
		pthread_join(thread->thread, NULL);
		plugin_api_resume(subject->api);
		return true;
	}
	subject_found(
		subject, SUBJECT_READ_THREADS,
		"%s did not return within %d s after tally_stopping() had become true%s", what,
		(int)(subject_grace / CLOCK_SECOND),
		subject->plugin->interrupt
			? " and interrupt() was called: interrupt() must end what blocks it"
			: ": poll tally_stop_fd(), sleep with tally_sleep(), or have interrupt()");
	atomic_store(&subject->shared->hangs, true);
	return false;
}

/* ---- Work ---- */

const char *subject_work_name(const struct subject *subject)
{
	const struct tally_input *input = subject->plugin->input;
	if (subject->kind == PLAN_INPUT && input)
		return input->run ? "run()" : "gather()";
	return subject->kind == PLAN_OUTPUT && subject->plugin->output ? "write()" : "its work";
}

int subject_call_work(struct subject *subject)
{
	const struct tally_plugin *plugin = subject->plugin;
	if (subject->kind == PLAN_INPUT && plugin->input && plugin->input->run)
		return SUBJECT_CALL(subject, "run()", plugin->input->run(subject->self));
	if (subject->kind == PLAN_INPUT && plugin->input)
		return SUBJECT_CALL(subject, "gather()", plugin->input->gather(subject->self));
	if (subject->kind == PLAN_OUTPUT && plugin->output)
		return rows_write_simple(subject);
	return 0;
}

/* Until it has emitted something, or for a moment. */
static bool subject_work_run(struct subject *subject)
{
	struct subject_thread thread;
	const struct timespec turn = clock_timespec(CLOCK_MS);
	uint32_t before = subject->emitted_rows;
	if (!subject_thread_start(&thread, subject, subject_call_work))
		return false;
	int64_t deadline = clock_monotonic() + subject_run_time;
	while (clock_monotonic() < deadline && !atomic_load(&thread.done)) {
		pthread_mutex_lock(&subject->lock);
		bool some = subject->emitted_rows != before;
		pthread_mutex_unlock(&subject->lock);
		if (some)
			break;
		nanosleep(&turn, NULL);
	}
	bool early = atomic_load(&thread.done);
	if (!subject_thread_stop(&thread, "run()"))
		return false;
	if (early && thread.r >= 0)
		subject_found(
			subject, SUBJECT_READ_ERRORS,
			"run() returned %d although nobody had stopped it: it is to follow its "
			"source until tally_stopping(), or to fail with a reason",
			thread.r);
	return thread.r >= 0;
}

bool subject_work(struct subject *subject)
{
	const struct tally_input *input = subject->plugin->input;
	if (subject->kind == PLAN_INPUT && input && input->run)
		return subject_work_run(subject);
	int r = subject_call_work(subject);
	if (r < 0)
		subject_skip(subject, "%s fails here: %s", subject_work_name(subject),
			     reason_last()->text);
	return r >= 0;
}
