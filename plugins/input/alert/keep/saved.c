/*
 * As rows of a table that is never emitted: the format is the daemon's own, with a checksum.  A row
 * with the number 0 is an alert, any other one a change on its way.
 */
#include "keep/saved.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "state_file.h"

enum saved_column {
	SAVED_TIME,
	SAVED_HOST,
	SAVED_SUBJECT,
	SAVED_SEQUENCE,
	SAVED_PHASE,
	SAVED_SINCE,
	SAVED_TOLD,
	SAVED_RESOLVED,
	SAVED_VALUE,
	SAVED_TELL,
	SAVED_COLUMNS
};

static const struct tally_column saved_columns[SAVED_COLUMNS] = {
	[SAVED_TIME] = {.name = "time", .type = TALLY_TIME},
	[SAVED_HOST] = {.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	[SAVED_SUBJECT] = {.name = "subject", .type = TALLY_TEXT, .role = TALLY_TAG},
	[SAVED_SEQUENCE] = {.name = "sequence", .type = TALLY_INT, .role = TALLY_TAG},
	[SAVED_PHASE] = {.name = "phase", .type = TALLY_INT},
	[SAVED_SINCE] = {.name = "since", .type = TALLY_TIME},
	[SAVED_TOLD] = {.name = "told", .type = TALLY_BOOL},
	[SAVED_RESOLVED] = {.name = "resolved", .type = TALLY_BOOL},
	[SAVED_VALUE] = {.name = "value", .type = TALLY_REAL},
	[SAVED_TELL] = {.name = "tell", .type = TALLY_TEXT},
};

static const struct tally_table saved_table = {.name = "alert_state",
					       .help = "What a rule knows over a restart",
					       .columns = saved_columns,
					       .n_columns = SAVED_COLUMNS,
					       .kind = TALLY_STATE,
					       .revision = 2};

/* ---- Writing ----------------------------------------------------------------- */

struct collecting {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
};

static int collect(void *arg, const struct engine_change *change, uint64_t sequence)
{
	struct collecting *collecting = arg;
	struct tally_ctx *ctx = collecting->ctx;
	struct tally_batch *batch = collecting->batch;
	struct tally_cell *row = tally_batch_row(ctx, batch);
	if (!row)
		return -ENOMEM;
	tally_put_int(row, SAVED_TIME, change->time);
	tally_put_text(ctx, batch, row, SAVED_HOST, change->host, strlen(change->host));
	tally_put_text(ctx, batch, row, SAVED_SUBJECT, change->subject, strlen(change->subject));
	tally_put_int(row, SAVED_SEQUENCE, (int64_t)sequence);
	tally_put_int(row, SAVED_PHASE, change->phase.name);
	tally_put_int(row, SAVED_SINCE, change->since);
	tally_put_int(row, SAVED_TOLD, change->told);
	tally_put_int(row, SAVED_RESOLVED, change->resolved);
	if (change->has_value)
		tally_put_real(row, SAVED_VALUE, change->value);
	if (change->told_text)
		tally_put_text(ctx, batch, row, SAVED_TELL, change->told_text,
			       strlen(change->told_text));
	return 0;
}

static int collect_alert(void *arg, const struct engine_change *change)
{
	return collect(arg, change, 0);
}

struct tally_batch *saved_collect(struct tally_ctx *ctx, const struct engine *engine,
				  const struct outbox *outbox)
{
	struct collecting collecting = {ctx, tally_batch_new(ctx, &saved_table)};
	if (!collecting.batch)
		return NULL;
	int r = engine_each_alert(engine, collect_alert, &collecting);
	for (size_t i = 0; r == 0 && i < outbox->n; i++) {
		const struct outbox_item *item = &outbox->items[i];
		const struct engine_change change = {.host = item->host,
						     .subject = item->subject,
						     .phase = {.name = item->phase},
						     .resolved = item->resolved,
						     .told = item->told,
						     .has_value = item->has_value,
						     .value = item->value,
						     .since = item->since,
						     .time = item->time,
						     .told_text = item->tell};
		r = collect(&collecting, &change, item->sequence);
	}
	if (r == 0)
		return collecting.batch;
	tally_batch_drop(ctx, collecting.batch);
	return NULL;
}

int saved_write(struct tally_ctx *ctx, struct tally_batch *batch)
{
	auto_free void *bytes = NULL;
	size_t len = 0;
	int r = tally_batch_encode(ctx, batch, &bytes, &len);
	tally_batch_drop(ctx, batch);
	return r < 0 ? r : state_file_write(ctx, bytes, len);
}

/* ---- Reading ----------------------------------------------------------------- */

static int restore(const struct tally_cell *row, struct engine *engine, struct outbox *outbox)
{
	auto_free char *host = strndup(row[SAVED_HOST].text, row[SAVED_HOST].len);
	auto_free char *subject = strndup(row[SAVED_SUBJECT].text, row[SAVED_SUBJECT].len);
	const struct tally_cell *text = &row[SAVED_TELL];
	auto_free char *tell = text->set ? strndup(text->text, text->len) : NULL;
	int64_t phase = row[SAVED_PHASE].i;
	if (!host || !subject)
		return -ENOMEM;
	const struct engine_change change = {
		.host = host,
		.subject = subject,
		.phase = {.name = phase == PHASE_PENDING  ? PHASE_PENDING
				  : phase == PHASE_FIRING ? PHASE_FIRING
							  : PHASE_QUIET,
			  .since = row[SAVED_SINCE].i,
			  .told = row[SAVED_TOLD].i},
		.resolved = row[SAVED_RESOLVED].i,
		.told = row[SAVED_TOLD].i,
		.has_value = row[SAVED_VALUE].set,
		.value = row[SAVED_VALUE].set ? row[SAVED_VALUE].f : 0,
		.since = row[SAVED_SINCE].i,
		.time = row[SAVED_TIME].i,
		.told_text = tell};
	if (row[SAVED_SEQUENCE].i > 0)
		return outbox_add_numbered(outbox, &change, (uint64_t)row[SAVED_SEQUENCE].i);
	return engine_restore(engine, &change);
}

int saved_read(struct tally_ctx *ctx, struct engine *engine, struct outbox *outbox)
{
	struct tally_batch *batch = NULL;
	int result = 0;
	if (state_file_read(ctx, &saved_table, &batch) < 0)
		return 0;
	for (uint32_t i = 0; i < batch->n_rows; i++) {
		const struct tally_cell *row = batch->cells + (size_t)i * SAVED_COLUMNS;
		bool whole = row[SAVED_HOST].set && row[SAVED_SUBJECT].set;
		int r = whole ? restore(row, engine, outbox) : 0;
		if (r < 0)
			result = r;
	}
	tally_batch_drop(ctx, batch);
	return result;
}
