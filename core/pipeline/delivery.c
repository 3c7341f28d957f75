/*
 * One attempt: prepare tables not met before → write → judge each entry → acknowledge.  While
 * anything is left to be retried the delivery is failing: logged when it begins, about once a
 * minute while it lasts, and when it is over; meanwhile it backs off and offers the same entries
 * again.
 *
 * Runs on its output's thread from start() to stop(); delivery_waiting() and delivery_trouble() are
 * for any. Whatever fails, entries stay in the journal until they are acknowledged, so rows are
 * dropped by a verdict only: the worst that a failure does is to offer them again, which outputs
 * absorb.
 */
#include "pipeline/delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/delivery_prepared.h"
#include "process/log.h"
#include "plugin/reason.h"
#include "base/rfc3339.h"
#include "base/backoff.h"
#include "base/clock.h"

static const int64_t delivery_poll_interval =
	CLOCK_SECOND; /* how long at most without looking around */

struct delivery {
	struct delivery_setup setup;
	struct call own_call; /* if the setup has none */
	struct journal_reader *reader;
	struct delivery_prepared prepared;
	struct delivery_prepared refused_told; /* tables that the output cannot take */
	struct metric *writes, *errors, *time;
	bool told_garbage;
	bool compared; /* with the store's ledger, since it began or failed */

	bool (*stopping)(void *arg); /* of delivery_run() */
	void *arg;
	const int64_t *drain_deadline;

	struct trouble trouble; /* writing fails */
	struct backoff backoff;
	bool hurried; /* stopping has cut a back-off short */

	struct tally_entry entries[JOURNAL_TAKE_MAX];
	uint8_t verdicts[JOURNAL_TAKE_MAX];
	struct journal_outcome outcomes[JOURNAL_TAKE_MAX];
	bool refused[JOURNAL_TAKE_MAX]; /* with their tables: they are not written */
	char *why[JOURNAL_TAKE_MAX];    /* that one is rejected; NULL: not said */
	uint32_t n;                     /* of the attempt that is under way */
};

/* ---- Life --------------------------------------------------------------------- */

static struct metric *delivery_counter(const struct delivery *delivery, const char *name,
				       const char *unit, const char *help)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "output", delivery->setup.name);
	return metrics_counter(delivery->setup.metrics, name, labels, unit, help);
}

struct delivery *delivery_create(const struct delivery_setup *setup, struct error *error)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));
	if (!delivery) {
		error_set(error, ENOMEM, "%s: out of memory", setup->name);
		return NULL;
	}
	delivery->setup = *setup;
	delivery->backoff = (struct backoff){.first = CLOCK_SECOND / 2, .most = 30 * CLOCK_SECOND};
	if (!setup->call)
		delivery->setup.call = &delivery->own_call;
	if (journal_attach(setup->journal, setup->name, setup->tables, &delivery->reader, error) <
	    0) {
		free(delivery);
		return NULL;
	}
	trouble_init(&delivery->trouble);
	delivery->writes =
		delivery_counter(delivery, "tallyd_writes_total", NULL, "Write attempts.");
	delivery->errors = delivery_counter(delivery, "tallyd_write_errors_total", NULL,
					    "Write attempts that left rows unwritten.");
	delivery->time = delivery_counter(delivery, "tallyd_write_seconds_total", "ns",
					  "Time spent writing.");
	return delivery;
}

void delivery_destroy(struct delivery *delivery)
{
	if (!delivery)
		return;
	journal_detach(delivery->reader);
	free(delivery->prepared.fingerprints);
	free(delivery->refused_told.fingerprints);
	trouble_done(&delivery->trouble);
	free(delivery);
}

uint64_t delivery_waiting(struct delivery *delivery)
{
	return journal_waiting(delivery->reader);
}

bool delivery_must_flush(const struct delivery *delivery)
{
	return journal_must_flush(delivery->setup.journal);
}

/* ---- Stopping ----------------------------------------------------------------- */

static bool delivery_is_stopping(const struct delivery *delivery)
{
	return delivery->stopping(delivery->arg);
}

static int64_t delivery_deadline(const struct delivery *delivery)
{
	return __atomic_load_n(delivery->drain_deadline, __ATOMIC_RELAXED);
}

/* Stopping ends a delivery when nothing waits any more, or at the drain deadline (0: there is none
 * yet). */
static bool delivery_is_over(struct delivery *delivery)
{
	if (!delivery_is_stopping(delivery))
		return false;
	int64_t deadline = delivery_deadline(delivery);
	return (deadline != 0 && clock_monotonic() >= deadline) || delivery_waiting(delivery) == 0;
}

/* ---- Telling ------------------------------------------------------------------ */

/* An output that is down for a night would fill the log with one line per attempt; the trouble
 * decides which of them are worth one. */
static void delivery_failed(struct delivery *delivery, const struct error *error)
{
	const char *name = delivery->setup.name;
	struct trouble_state state;
	char age[32];
	metric_add(delivery->errors, 1);
	/* The next connection may be to another server, or to this one restored from a backup. */
	delivery->compared = false;
	enum trouble_change news = trouble_note(&delivery->trouble, error->text, &state);
	trouble_age(&state, age, sizeof(age));
	if (news == TROUBLE_BEGINS)
		log_message(TALLY_ERROR, name, "cannot write: %s; keeping the rows and retrying",
			    error->text);
	else if (news != TROUBLE_NOTHING)
		log_message(TALLY_ERROR, name,
			    "still cannot write after %u attempts in %s, %" PRIu64
			    " rows waiting: %s",
			    state.failures, age, delivery_waiting(delivery), error->text);
}

/* The first write that succeeds after failures.  waited: rows at the start of the attempt, which
 * is what an operator wants to know of an outage; by now they are written. */
static void delivery_works(struct delivery *delivery, uint64_t waited)
{
	struct trouble_state state;
	char age[32];
	if (!trouble_end(&delivery->trouble, &state))
		return;
	trouble_age(&state, age, sizeof(age));
	log_message(TALLY_INFO, delivery->setup.name,
		    "writes again after %u failed attempts in %s; %" PRIu64 " rows were waiting",
		    state.failures, age, waited);
}

bool delivery_trouble(struct delivery *delivery, struct trouble_state *ret)
{
	return trouble_read(&delivery->trouble, ret);
}

/* What the plugin said of a call that has just failed. */
static void delivery_explain(int r, const char *what, struct error *error)
{
	reason_explain(r, error);
	error_prefix(error, "%s", what);
}

/* ---- Backing off -------------------------------------------------------------- */

static int64_t delivery_earlier(int64_t until, int64_t deadline)
{
	return deadline != 0 && deadline < until ? deadline : until;
}

/* Stopping cuts a back-off short, once: what is left of the time is for attempts. */
static bool delivery_hurries(struct delivery *delivery)
{
	if (delivery->hurried || !delivery_is_stopping(delivery))
		return false;
	delivery->hurried = true;
	backoff_reset(&delivery->backoff);
	return true;
}

static void delivery_back_off(struct delivery *delivery)
{
	int64_t until = clock_monotonic() + backoff_next(&delivery->backoff);
	while (clock_monotonic() < until && !delivery_hurries(delivery) &&
	       !delivery_is_over(delivery)) {
		int64_t look_up = clock_monotonic() + delivery_poll_interval;
		if (delivery->hurried)
			look_up = delivery_earlier(look_up, delivery_deadline(delivery));
		journal_pause(delivery->reader, delivery_earlier(look_up, until));
	}
}

/* ---- Verdicts ----------------------------------------------------------------- */

/* What becomes of an entry: the policy for every verdict, to be read in one place. */
static void delivery_judge(struct delivery *delivery, uint32_t i)
{
	const struct tally_batch *batch = delivery->entries[i].batch;
	const char *name = delivery->setup.name, *why = delivery->why[i];
	struct journal_outcome *outcome = &delivery->outcomes[i];
	if (delivery->refused[i]) {
		/* Logged when the table was refused. */
		*outcome = (struct journal_outcome){true, batch->n_rows};
		return;
	}
	switch (delivery->verdicts[i]) {
	case TALLY_DONE:
		/* Rows that were rejected one by one have been counted into it already. */
		outcome->acked = true;
		break;
	case TALLY_REJECT:
		/* Only what the plugin said of these rows: what it said in write() may also be
		 * why the call failed as a whole, and is then about the connection. */
		*outcome = (struct journal_outcome){true, batch->n_rows};
		log_message(TALLY_WARNING, name, "%u rows of %s rejected: %s", batch->n_rows,
			    batch->table->name, why ? why : "no reason given");
		break;
	case TALLY_RETRY:
		/* Rows rejected before the retry are offered again with the others; they count
		 * when it is acknowledged. */
		outcome->acked = false;
		break;
	default:
		/* Rows must not be lost by a bug of a plugin, so what is not a verdict counts as
		 * RETRY. */
		if (!delivery->told_garbage)
			log_message(TALLY_ERROR, name,
				    "plugin bug: invalid verdict %u; the rows are offered again",
				    delivery->verdicts[i]);
		delivery->told_garbage = true;
		outcome->acked = false;
	}
}

/* Called from within write(), on this thread: `n` and `entries` are those of the attempt under
 * way, and outside of one there is nothing to find. */
void delivery_reject_row(struct delivery *delivery, const struct tally_batch *batch, uint32_t row,
			 const char *why)
{
	for (uint32_t i = 0; i < delivery->n; i++) {
		if (delivery->entries[i].batch != batch)
			continue;
		if (row >= batch->n_rows || delivery->outcomes[i].rejected == batch->n_rows)
			return;
		delivery->outcomes[i].rejected++;
		log_message(TALLY_WARNING, delivery->setup.name, "a row of %s rejected: %s",
			    batch->table->name, why);
		return;
	}
}

/* By its sequence, which no two entries of a write share: an output may have copied the entry. */
void delivery_reject_entry(struct delivery *delivery, const struct tally_entry *entry,
			   const char *why)
{
	uint32_t i = 0;
	while (i < delivery->n && delivery->entries[i].sequence != entry->sequence)
		i++;
	if (i == delivery->n)
		return;
	free(delivery->why[i]);
	delivery->why[i] = strdup(why);
}

/* ---- Writing ------------------------------------------------------------------ */

/* By the fingerprint of its columns and not by name, since a reload may bring another version of
 * a table under the same name. */
static int delivery_prepare_entry(struct delivery *delivery, uint32_t i, struct error *error)
{
	const struct tally_table *table = delivery->entries[i].batch->table;
	uint64_t fingerprint = delivery_fingerprint(table);
	if (delivery_is_prepared(&delivery->prepared, fingerprint))
		return 0;
	int r = NAMED_CALL(delivery->setup.call, "prepare",
			   delivery->setup.output->prepare(delivery->setup.self, table));
	if (r >= 0) {
		delivery_remember_prepared(&delivery->prepared, fingerprint);
		return 0;
	}
	reason_explain(r, error);
	error_prefix(error, "table %s: ", table->name);
	/* -EINVAL stays so whatever is tried, and must not hold up the other tables.  The output
	 * is asked again each time all the same, since whoever is at fault may mend it. */
	if (r != -EINVAL)
		return r;
	delivery->refused[i] = true;
	if (!delivery_is_prepared(&delivery->refused_told, fingerprint))
		log_message(TALLY_ERROR, delivery->setup.name,
			    "%s; its rows are rejected and counted", error->text);
	delivery_remember_prepared(&delivery->refused_told, fingerprint);
	return 0;
}

/* The entries that are not refused, in a row. */
static int delivery_write_entries(struct delivery *delivery)
{
	struct tally_entry entries[JOURNAL_TAKE_MAX];
	uint8_t verdicts[JOURNAL_TAKE_MAX];
	uint32_t places[JOURNAL_TAKE_MAX], n = 0;
	memset(verdicts, TALLY_RETRY, sizeof(verdicts));
	for (uint32_t i = 0; i < delivery->n; i++) {
		if (delivery->refused[i])
			continue;
		entries[n] = delivery->entries[i];
		places[n++] = i;
	}
	if (n == 0)
		return 0;
	int r = NAMED_CALL(
		delivery->setup.call, "write",
		delivery->setup.output->write(delivery->setup.self, entries, n, verdicts));
	for (uint32_t i = 0; i < n; i++)
		delivery->verdicts[places[i]] = verdicts[i];
	return r;
}

/* Prepares before every write and not once at the start: a batch may bring a table that no
 * configured input declares, such as one that an earlier configuration left in the buffer.  Only
 * write() is timed: preparing happens once per table and would spoil the average. */
static int delivery_write(struct delivery *delivery, struct error *error)
{
	int r = 0;
	if (delivery->setup.output->prepare)
		for (uint32_t i = 0; i < delivery->n && r == 0; i++)
			r = delivery_prepare_entry(delivery, i, error);
	if (r < 0)
		return r;
	int64_t before = clock_monotonic();
	r = delivery_write_entries(delivery);
	metric_add(delivery->writes, 1);
	metric_add(delivery->time, (uint64_t)(clock_monotonic() - before));
	if (r < 0)
		reason_explain(r, error);
	return r < 0 ? r : 0;
}

/* Whatever write() returned, each entry's verdict decides what becomes of it: an output that
 * wrote half of the entries before its connection broke has them acknowledged. */
static void delivery_attempt(struct delivery *delivery, uint32_t n)
{
	struct error error;
	struct trouble_state failing;
	uint32_t again = 0; /* how many are to be offered again */
	delivery->n = n;
	memset(delivery->verdicts, TALLY_RETRY, n);
	memset(delivery->outcomes, 0, n * sizeof(delivery->outcomes[0]));
	memset(delivery->refused, 0, n * sizeof(delivery->refused[0]));
	int r = delivery_write(delivery, &error);
	uint64_t waited = delivery_trouble(delivery, &failing) ? delivery_waiting(delivery) : 0;
	for (uint32_t i = 0; i < n; i++) {
		delivery_judge(delivery, i);
		again += !delivery->outcomes[i].acked;
		free(delivery->why[i]);
		delivery->why[i] = NULL;
	}
	/* As long as some of it moves, attempts must not become rarer and rarer. */
	if (again < n)
		backoff_reset(&delivery->backoff);
	int acked = journal_ack(delivery->reader, delivery->outcomes, n);
	delivery->n = 0;
	if (r == 0 && again > 0)
		r = error_set(&error, EAGAIN, "%u of %u batches must be retried", again, n);
	else if (r == 0 && acked < 0)
		delivery_explain(r = acked, "the buffer cannot record what was written: ", &error);
	if (r == 0) {
		delivery_works(delivery, waited);
		return;
	}
	delivery_failed(delivery, &error);
	delivery_back_off(delivery);
}

/* ---- A store that is behind ---------------------------------------------------- */

static bool delivery_has_ledger(const struct delivery *delivery)
{
	const struct tally_output *output = delivery->setup.output;
	return output->size >= offsetof(struct tally_output, ledger) + sizeof(output->ledger) &&
	       output->ledger;
}

/* A store may be behind only in tables that this output no longer wants: nothing to report. */
static void delivery_log_missing(const struct delivery *delivery,
				 const struct journal_missing *missing)
{
	char first[RFC3339_SIZE], last[RFC3339_SIZE], times[80] = "";
	if (!missing->behind || (missing->rows == 0 && !missing->unknown))
		return;
	rfc3339_format(missing->first / CLOCK_SECOND * CLOCK_SECOND, first);
	rfc3339_format(missing->last / CLOCK_SECOND * CLOCK_SECOND, last);
	if (missing->first)
		snprintf(times, sizeof(times), " of %s to %s", first, last);
	log_message(TALLY_WARNING, delivery->setup.name,
		    "the store lacks rows that it had confirmed (restored from a backup, or "
		    "another server?): %s%" PRIu64 " rows%s are missing; %" PRIu64
		    " rows are offered again, %" PRIu64 " are no longer in the buffer and are lost",
		    missing->unknown ? "at least " : "", missing->rows, times, missing->offered,
		    missing->lost);
}

/* Before the first write and after every failure, because each new connection may reach another
 * server: only then can it differ from what was confirmed. */
static int delivery_compare(struct delivery *delivery, struct error *error)
{
	struct tally_ledger ledger = {0};
	struct journal_missing missing;
	const char *producer = journal_producer(delivery->reader);
	bool known = producer && delivery_has_ledger(delivery);
	int r = known ? NAMED_CALL(delivery->setup.call, "ledger",
				   delivery->setup.output->ledger(delivery->setup.self, producer,
								  &ledger))
		      : 0;
	if (r < 0) {
		reason_explain(r, error);
		return r;
	}
	r = journal_compare(delivery->reader, known ? &ledger : NULL, &missing);
	if (r < 0)
		return error_set(error, -r, "cannot rewind the buffer: %s", strerror(-r));
	delivery_log_missing(delivery, &missing);
	delivery->compared = true;
	return 0;
}

static void delivery_once(struct delivery *delivery)
{
	/* While stopping, what waits is due at once: there is no time to fill a batch. */
	int64_t deadline = delivery_is_stopping(delivery)
				   ? JOURNAL_NOW
				   : clock_monotonic() + delivery_poll_interval;
	struct error error;
	if (!delivery->compared && delivery_compare(delivery, &error) < 0) {
		delivery_failed(delivery, &error);
		delivery_back_off(delivery);
		return;
	}
	int n = journal_fetch(delivery->reader, deadline, delivery->entries);
	if (n > 0) {
		delivery_attempt(delivery, (uint32_t)n);
	} else if (n < 0) {
		delivery_explain(n, "cannot read the buffer: ", &error);
		delivery_failed(delivery, &error);
		delivery_back_off(delivery);
	}
}

uint64_t delivery_run(struct delivery *delivery, bool (*stopping)(void *arg), void *arg,
		      const int64_t *drain_deadline)
{
	delivery->stopping = stopping;
	delivery->arg = arg;
	delivery->drain_deadline = drain_deadline;
	delivery->hurried = false;
	while (!delivery_is_over(delivery))
		delivery_once(delivery);
	return delivery_waiting(delivery);
}
