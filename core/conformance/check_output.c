/*
 * Checks of an output: rows of each kind of table, NULL cells, the ends of types, text without a
 * NUL, verdicts, and entries that are offered again.  Each is called in a child of its own, on its
 * main thread, with a plugin that is loaded and has its section.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/checks.h"
#include "conformance/rows.h"
#include "pipeline/batch.h"

enum { OUTPUT_CANARY = 0xa5, OUTPUT_MORE = 64, OUTPUT_TRIES = 4, OUTPUT_ENTRIES = 6 };

static bool output_begins(struct subject *subject)
{
	if (subject->kind != PLAN_OUTPUT || !subject->plugin->output) {
		subject_not_for(subject, "it is no output that writes");
		return false;
	}
	return subject_create(subject) && subject_start(subject);
}

static void output_ends(struct subject *subject)
{
	subject_stop(subject);
	subject_destroy(subject);
	if (subject->owned > 0)
		subject_found(
			subject, SUBJECT_READ_OWNERSHIP,
			"%lld batches that it kept were not dropped when destroy() had returned",
			(long long)subject->owned);
}

static void output_check_verdicts(struct subject *subject, const struct tally_entry *entries,
				  uint32_t n, const uint8_t *verdicts)
{
	uint32_t rejected = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (verdicts[i] > TALLY_REJECT)
			subject_found(subject, SUBJECT_READ_OUTPUT,
				      "write() gave the verdict %u, which is none of TALLY_RETRY, "
				      "TALLY_DONE and TALLY_REJECT",
				      verdicts[i]);
		rejected += verdicts[i] == TALLY_REJECT;
	}
	if (rejected > subject->rejected)
		subject_warn(subject, SUBJECT_READ_OUTPUT,
			     "write() gave TALLY_REJECT for rows of %s and did not say why: call "
			     "tally_reject_entry()",
			     entries[0].batch->table->name);
	for (uint32_t i = n; i < n + OUTPUT_MORE; i++)
		if (verdicts[i] != OUTPUT_CANARY) {
			subject_found(
				subject, SUBJECT_READ_OUTPUT,
				"write() set verdicts of more entries than the %u it was given", n);
			return;
		}
}

/* As delivery.c calls it, and looks at what comes back.  ret: the verdicts. */
static int output_write(struct subject *subject, const struct tally_entry *entries, uint32_t n,
			uint8_t *ret)
{
	uint8_t verdicts[OUTPUT_ENTRIES + OUTPUT_MORE];
	uint64_t before[OUTPUT_ENTRIES] = {0};
	memset(verdicts, OUTPUT_CANARY, sizeof(verdicts));
	memset(verdicts, TALLY_RETRY, n);
	for (uint32_t i = 0; i < n; i++)
		before[i] = rows_hash(entries[i].batch);
	subject->rejected = 0;
	int r = SUBJECT_CALL(subject, "write()",
			     subject->plugin->output->write(subject->self, entries, n, verdicts));
	for (uint32_t i = 0; i < n; i++)
		if (rows_hash(entries[i].batch) != before[i])
			subject_found(
				subject, SUBJECT_READ_OWNERSHIP,
				"write() changed the rows that it was given: other outputs read "
				"the same ones");
	output_check_verdicts(subject, entries, n, verdicts);
	memcpy(ret, verdicts, n);
	return r;
}

/* Until it is done with it, as a daemon that never gives up would.  -EAGAIN: it never was. */
static int output_deliver(struct subject *subject, struct tally_batch *batch, uint64_t sequence,
			  uint8_t *ret_verdict)
{
	const struct tally_entry entry = {
		.batch = batch, .sequence = sequence, .producer = "conformance"};
	int r = 0;
	*ret_verdict = TALLY_RETRY;
	for (int i = 0; i < OUTPUT_TRIES && r == 0 && *ret_verdict == TALLY_RETRY; i++)
		r = output_write(subject, &entry, 1, ret_verdict);
	return r < 0 ? r : *ret_verdict == TALLY_RETRY ? -EAGAIN : 0;
}

/* ---- Each kind of table, each kind of row ---- */

static const char *const output_variants[] = {
	[ROWS_PLAIN] = "plain rows",
	[ROWS_NULLS] = "rows with NULL cells",
	[ROWS_ENDS] = "rows with the ends of types, odd text, and text without a NUL"};

static void output_judge(struct subject *subject, enum tally_kind kind, enum rows_variant variant,
			 int r, uint8_t verdict)
{
	const char *table = rows_table(kind)->name, *what = output_variants[variant];
	if (r == -EAGAIN)
		subject_found(
			subject, SUBJECT_READ_OUTPUT,
			"write() returns 0 and leaves %s of %s at TALLY_RETRY, again and again: "
			"they would wait for ever; return tally_fail() if it failed",
			what, table);
	else if (r < 0)
		subject_found(
			subject, SUBJECT_READ_OUTPUT,
			"write() takes plain rows but fails for %s of %s (%s): they would hold "
			"up the others for ever; store them, or reject them with a reason",
			what, table, reason_last()->text);
	else if (verdict == TALLY_REJECT && variant == ROWS_NULLS)
		subject_warn(subject, SUBJECT_READ_TABLES,
			     "write() rejects %s of %s: NULL is an ordinary value", what, table);
}

/* False: it cannot be prepared, or takes not even plain rows. */
static bool output_try_kind(struct subject *subject, enum tally_kind kind, uint64_t *sequence)
{
	const struct tally_output *output = subject->plugin->output;
	for (int i = 0; i < 2; i++) { /* again, as after a new start */
		int r = SUBJECT_CALL(subject, "prepare()",
				     output->prepare(subject->self, rows_table(kind)));
		if (r == -EINVAL)
			return true; /* a table that it does not want */
		if (r < 0)
			subject_skip(subject, "prepare() fails here: %s", reason_last()->text);
		if (r < 0)
			return false;
	}
	for (enum rows_variant variant = ROWS_PLAIN; variant <= ROWS_ENDS; variant++) {
		uint8_t verdict;
		struct tally_batch *batch = rows_batch(kind, variant, 12);
		if (variant == ROWS_PLAIN)
			subject_hint(subject, "%s", "");
		else
			subject_hint(subject, "it was given %s: look at cell.set and cell.len",
				     output_variants[variant]);
		int r = output_deliver(subject, batch, ++*sequence, &verdict);
		batch_drop(batch);
		subject->shared->hint[0] = '\0';
		if (variant == ROWS_PLAIN && r < 0 && r != -EAGAIN) {
			subject_skip(subject, "write() fails here: %s", reason_last()->text);
			return false;
		}
		output_judge(subject, kind, variant, r, verdict);
		if (variant == ROWS_PLAIN && r < 0)
			return false;
	}
	return true;
}

void check_writing(struct subject *subject)
{
	uint64_t sequence = 0;
	if (!output_begins(subject))
		return;
	for (enum tally_kind kind = TALLY_SERIES; kind <= TALLY_LOG; kind++)
		if (!output_try_kind(subject, kind, &sequence))
			break;
	output_ends(subject);
}

/* ---- Again ---- */

static void output_repeat(struct subject *subject, const struct tally_entry *entries)
{
	uint8_t verdicts[OUTPUT_ENTRIES];
	int r = output_write(subject, entries, OUTPUT_ENTRIES, verdicts);
	if (r < 0) {
		subject_skip(subject, "write() fails here: %s", reason_last()->text);
		return;
	}
	/* A daemon that crashed before it noted the verdicts asks again, also after a restart. */
	for (int i = 0; i < 2; i++) {
		if (i == 1) {
			subject_stop(subject);
			if (!subject_start(subject))
				return;
			SUBJECT_CALL(subject, "prepare()",
				     subject->plugin->output->prepare(subject->self,
								      entries[0].batch->table));
		}
		subject_hint(subject, "it was offered entries that it had written before");
		r = output_write(subject, entries, OUTPUT_ENTRIES, verdicts);
		if (r < 0 || verdicts[0] == TALLY_RETRY)
			subject_found(subject, SUBJECT_READ_OUTPUT,
				      "write() fails when entries that it has written are offered "
				      "again (%s): that happens after a crash; give TALLY_DONE",
				      r < 0 ? reason_last()->text : "TALLY_RETRY");
	}
}

void check_writing_again(struct subject *subject)
{
	struct tally_entry entries[OUTPUT_ENTRIES];
	if (!output_begins(subject))
		return;
	int r = SUBJECT_CALL(
		subject, "prepare()",
		subject->plugin->output->prepare(subject->self, rows_table(TALLY_SERIES)));
	for (uint32_t i = 0; i < OUTPUT_ENTRIES; i++)
		entries[i] =
			(struct tally_entry){.batch = rows_batch(TALLY_SERIES, ROWS_PLAIN, 500),
					     .sequence = 1000 + i,
					     .producer = "conformance"};
	if (r >= 0)
		output_repeat(subject, entries);
	else
		subject_skip(subject, "prepare() fails here: %s", reason_last()->text);
	for (uint32_t i = 0; i < OUTPUT_ENTRIES; i++)
		batch_drop(entries[i].batch);
	output_ends(subject);
}
