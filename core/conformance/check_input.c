/*
 * Checks of what an input does while it works, and of work that is cut short, which is the same for
 * an output.  Each is called in a child of its own, on its main thread, with a plugin that is
 * loaded and has its section.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "conformance/checks.h"
#include "conformance/measure.h"
#include "conformance/rows.h"
#include "pipeline/batch.h"

/* ---- Cut short ---- */

/* interrupt() may come at any time between start() and stop(), and again. */
static void interrupt_idle(struct subject *subject)
{
	enum { TIMES = 100 };
	for (int i = 0; subject->plugin->interrupt && i < TIMES; i++)
		SUBJECT_DO(subject, "interrupt() while nothing blocks",
			   subject->plugin->interrupt(subject->self));
}

void check_interrupt(struct subject *subject)
{
	struct subject_thread thread;
	const struct timespec moment = clock_timespec(50 * CLOCK_MS);
	if (!subject_create(subject) || !subject_start(subject))
		return;
	if (!subject_thread_start(&thread, subject, subject_call_work))
		return;
	nanosleep(&moment, NULL); /* so that a call that blocks does */
	if (!subject_thread_stop(&thread, subject_work_name(subject)))
		return;
	interrupt_idle(subject);
	subject_stop(subject);
	/* What was interrupted can be started again. */
	plugin_api_resume(subject->api);
	if (subject_start(subject)) {
		subject_work(subject);
		subject_stop(subject);
	} else {
		subject_found(subject, SUBJECT_READ_LIFE, "after interrupt() and stop(), %s",
			      subject->shared->skipped);
	}
	subject->shared->skipped[0] = '\0';
	subject_destroy(subject);
}

/* ---- Rows ---- */

static bool input_begins(struct subject *subject)
{
	if (subject->kind != PLAN_INPUT || !subject->plugin->input) {
		subject_not_for(subject, "it is no input");
		return false;
	}
	return subject_create(subject) && subject_start(subject);
}

static void input_ends(struct subject *subject)
{
	subject_stop(subject);
	subject_destroy(subject);
}

void check_rows(struct subject *subject)
{
	if (!input_begins(subject))
		return;
	bool worked = subject_work(subject);
	if (worked)
		worked = subject_work(subject); /* and once more, as the next tick would */
	for (uint32_t i = 0; i < subject->n_batches; i++)
		rows_look_over(subject, subject->batches[i]);
	if (worked && !subject->n_batches)
		subject_skip(subject, "it emits nothing here");
	input_ends(subject);
}

/* A buffer that is full and a daemon that stops: the rows are not taken, but the batch is. */
void check_refused_rows(struct subject *subject)
{
	struct subject_thread thread;
	const struct timespec moment = clock_timespec(50 * CLOCK_MS);
	if (!input_begins(subject))
		return;
	subject->refuse = -ECANCELED;
	subject_hint(subject,
		     "tally_emit() had returned -ECANCELED: the batch is taken all the same");
	if (!subject_thread_start(&thread, subject, subject_call_work))
		return;
	nanosleep(&moment, NULL);
	if (!subject_thread_stop(&thread, "with tally_emit() refused, the call"))
		return;
	subject->refuse = 0;
	input_ends(subject);
	if (subject->owned > 0)
		subject_found(subject, SUBJECT_READ_OWNERSHIP,
			      "%lld batches are left when tally_emit() refuses them",
			      (long long)subject->owned);
}

/* ---- A reload while rows wait ---- */

/* The rows as they are read now; a text may be nowhere by then. */
static void waiting_compare(struct subject *subject, const uint64_t *hashes)
{
	subject_hint(subject,
		     "a row that waits in a buffer points to memory that destroy() has freed: "
		     "use tally_put_text(), which copies");
	subject_enter(subject, "reading its rows after destroy()");
	for (uint32_t i = 0; i < subject->n_batches; i++)
		if (rows_hash(subject->batches[i]) != hashes[i])
			subject_found(
				subject, SUBJECT_READ_OWNERSHIP,
				"a row of %s changed after destroy(): a text of it is in memory "
				"of the instance; use tally_put_text(), which copies",
				subject->batches[i]->table->name);
	subject->shared->doing[0] = '\0';
}

void check_waiting_rows(struct subject *subject)
{
	if (!input_begins(subject))
		return;
	measure_perturb();
	subject_work(subject);
	uint64_t *hashes = calloc(subject->n_batches + 1, sizeof(*hashes));
	if (!hashes)
		abort();
	for (uint32_t i = 0; i < subject->n_batches; i++)
		hashes[i] = rows_hash(subject->batches[i]);
	uint32_t n = subject->n_batches;
	input_ends(subject);
	measure_churn();
	/* The instance that takes its place. */
	if (subject_create(subject)) {
		if (subject_start(subject))
			subject_stop(subject);
		subject_destroy(subject);
	}
	uint32_t all = subject->n_batches;
	subject->n_batches = n;
	waiting_compare(subject, hashes);
	subject->n_batches = all;
	subject_forget(subject); /* calls what free functions it gave */
	free(hashes);
	if (!n && !subject->shared->skipped[0])
		subject_skip(subject, "it emits nothing here");
}
