/*
 * Inputs' side.  A push: the plugin takes the entry → every reader that wants the table counts it
 * as routed, the others pass over it → readers with enough for a batch are woken.  What can go
 * wrong: the buffer is full or the plugin fails (on_full: journal_block.c waits, or the rows are
 * dropped), the batch is larger than the whole buffer or cannot be kept at all (dropped).
 *
 * On the thread of the input that emits, under the journal's lock from the first attempt to the
 * last, but for the waits.  A journal's functions for outputs are in journal_fetch.c.
 */
#include "pipeline/journal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/clock.h"

const struct tally_option journal_options[] = {
	{.name = "batch_size",
	 .fallback = "500",
	 .accepts = "1..1000000",
	 .help = "Rows in a full batch; an output gets one as soon as so many wait.",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct journal_settings, batch_size)},
	{.name = "batch_timeout",
	 .fallback = "1s",
	 .accepts = "1ms..1h",
	 .help = "How long a row waits at most for its batch to fill.",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct journal_settings, batch_timeout)},
	{.name = "on_full",
	 .fallback = "block",
	 .accepts = "block|drop_oldest|drop_newest",
	 .help = "When the buffer is full: block the inputs, or drop rows and count them.",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct journal_settings, on_full)},
	{0},
};

/* ---- Life --------------------------------------------------------------------- */

static struct metric *journal_gauge(struct journal *journal, const char *name, const char *unit,
				    const char *help)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "buffer", journal->name);
	return metrics_gauge(journal->metrics, name, labels, unit, help);
}

/* Series are made here and not at the first push, so that they are there at 0 from the start and
 * a rate() sees the first change. */
int journal_create(const struct journal_setup *setup, const struct journal_settings *settings,
		   struct journal **ret, struct error *error)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	if (journal)
		journal->name = strdup(setup->name);
	if (!journal || !journal->name) {
		free(journal);
		return error_set(error, ENOMEM, "out of memory");
	}
	journal->buffer = setup->buffer;
	journal->self = setup->self;
	journal->metrics = setup->metrics;
	journal->positions = setup->positions;
	journal->settings = *settings;
	journal->created = clock_monotonic();
	pthread_mutex_init(&journal->lock, NULL);
	trouble_init(&journal->trouble);
	pthread_cond_init(&journal->room, NULL);
	journal->shown_bytes = journal_gauge(journal, "tallyd_buffer_bytes", NULL,
					     "Bytes in the buffer, as its plugin counts them.");
	journal->shown_capacity = journal_gauge(journal, "tallyd_buffer_capacity_bytes", NULL,
						"Bytes that the buffer may hold.");
	journal->shown_blocked = journal_gauge(
		journal, "tallyd_buffer_blocked", NULL,
		"1 while the buffer accepts no rows: it fails, or is full with on_full = block.");
	journal->shown_blocked_since = journal_gauge(
		journal, "tallyd_buffer_blocked_since_seconds", "ns",
		"Unix time at which the buffer stopped accepting rows; 0 while it accepts them.");
	journal_show_usage(journal);
	*ret = journal;
	return 0;
}

/* Readers are detached already, but stay in the list until now: their cursors are the plugin's
 * and may be read again after a restart. */
void journal_destroy(struct journal *journal)
{
	if (!journal)
		return;
	while (journal->readers) {
		struct journal_reader *reader = journal->readers;
		assert(!reader->attached);
		journal->readers = reader->next;
		journal_reader_free(reader);
	}
	if (journal->positions)
		positions_forget(journal->positions, journal);
	pthread_cond_destroy(&journal->room);
	pthread_mutex_destroy(&journal->lock);
	trouble_done(&journal->trouble);
	free(journal->name);
	free(journal);
}

/* `wakes` and not a flag: each waiter compares with what it saw last, so that none misses a
 * wake-up that another one has consumed. */
static void journal_wake_locked(struct journal *journal)
{
	journal->wakes++;
	pthread_cond_broadcast(&journal->room);
	for (struct journal_reader *r = journal->readers; r; r = r->next)
		pthread_cond_broadcast(&r->due);
}

void journal_wake(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	journal_wake_locked(journal);
	pthread_mutex_unlock(&journal->lock);
}

void journal_configure(struct journal *journal, const struct journal_settings *settings)
{
	pthread_mutex_lock(&journal->lock);
	journal->settings = *settings;
	journal_show_usage(journal);
	journal_wake_locked(journal);
	pthread_mutex_unlock(&journal->lock);
}

bool journal_durable(const struct journal *journal)
{
	return journal->buffer->durable != 0;
}

bool journal_must_flush(const struct journal *journal)
{
	return journal_durable(journal) || atomic_load(&journal->resumable);
}

/* Of a durable buffer only, which keeps positions beside the rows in one transaction: that is
 * newer than the file of positions can be. */
int journal_position(struct journal *journal, const char *source, char *ret, size_t size)
{
	const char *position = NULL;
	if (!journal_durable(journal))
		return -ENOENT;
	pthread_mutex_lock(&journal->lock);
	int r = PLUGIN_CALL(journal->buffer->position(journal->self, source, &position));
	size_t needed = r == 0 ? strlen(position) + 1 : 0;
	if (needed > size)
		r = -ERANGE;
	if (r == 0)
		memcpy(ret, position, needed);
	pthread_mutex_unlock(&journal->lock);
	return r;
}

/* ---- Pushing ------------------------------------------------------------------ */

/* Has every reader's count of that table ready.  -ENOENT: none wants it. */
static int journal_find_readers(struct journal *journal, const char *table)
{
	int r = -ENOENT;
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		const struct journal_table *count = journal_count_table(reader, table);
		if (!count)
			return -ENOMEM;
		if (count->wanted)
			r = 0;
	}
	return r;
}

/* For rows that another journal has and this one was passed over with.  They count as routed
 * here as well, so that the balance of each output holds by itself. */
void journal_refuse(struct journal *journal, const struct tally_batch *batch, const char *reason)
{
	pthread_mutex_lock(&journal->lock);
	journal_count_push(journal, batch, NULL, reason);
	pthread_mutex_unlock(&journal->lock);
}

/* An output that failed has them on loan until it tries again, but in nobody's hands. */
static bool journal_return_idle(struct journal *journal)
{
	bool any = false;
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		if (reader->writing || reader->n_taken == 0)
			continue;
		journal_reader_return(reader);
		any = true;
	}
	return any;
}

static int journal_drop_oldest(struct journal *journal)
{
	int r = journal_drop_entry(journal, 0, "buffer_full");
	if (r == -ENOENT && journal_return_idle(journal))
		r = journal_drop_entry(journal, 0, "buffer_full");
	if (r == -ENOENT)
		return -ENOSPC; /* all of it is being written: the new one goes instead */
	if (r < 0)
		return r;
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next)
		journal_reader_advance(reader);
	return 0;
}

/* Trying again would not help. */
static bool journal_is_final(int r)
{
	return r == -ENOENT || r == -EMSGSIZE || r == -EINVAL || r == -E2BIG || r == -EOVERFLOW;
}

/* 0: try again. */
static int journal_make_room(struct journal *journal, const struct journal_origin *origin,
			     struct journal_wait *wait, int r)
{
	struct tally_usage usage = {0};
	bool said = reason_last()->text[0];
	PLUGIN_CALL(journal->buffer->usage(journal->self, &usage));
	if (r == -ENOSPC && !said && usage.entries == 0)
		return -EMSGSIZE;
	switch (journal->settings.on_full) {
	case JOURNAL_BLOCK:
		return journal_wait(journal, origin, wait);
	case JOURNAL_DROP_OLDEST:
		return r == -ENOSPC ? journal_drop_oldest(journal) : r;
	default:
		return r;
	}
}

/* One attempt.  -ENOENT: no reader wants the table. */
static int journal_try(struct journal *journal, const struct tally_batch *batch,
		       const struct journal_origin *origin, uint64_t *ret_sequence)
{
	reason_clear();
	int r = journal_find_readers(journal, batch->table->name);
	/* With the first push every output is attached: what is still kept for others, nobody
	 * will ask for. */
	if (r == 0 && !journal->pushed_to) {
		if (JOURNAL_HAS(journal, forget_absent))
			r = PLUGIN_CALL(journal->buffer->forget_absent(journal->self));
		journal->pushed_to = r == 0;
	}
	if (r == 0)
		r = PLUGIN_CALL(journal->buffer->push(journal->self, batch, origin->source,
						      origin->position, ret_sequence));
	return r;
}

/* Into the plugin, with as much waiting and dropping as that takes. */
static int journal_store(struct journal *journal, const struct tally_batch *batch,
			 const struct journal_origin *origin, uint64_t *ret_sequence)
{
	struct journal_wait wait = {0};
	int r;
	if (journal_rests(journal, origin))
		return -EAGAIN;
	do {
		r = journal_try(journal, batch, origin, ret_sequence);
		if (r == 0)
			journal_accepts(journal);
		if (r == 0 || journal_is_final(r))
			break;
		if (journal->settings.on_full == JOURNAL_BLOCK || r != -ENOSPC)
			journal_refused(journal, r);
		r = journal_make_room(journal, origin, &wait, r);
	} while (r == 0);
	journal_wait_end(journal, &wait);
	return r;
}

/* Readers that want the new entry may have a batch now; the others step over it, so that it does
 * not hold back their cursors. */
static void journal_tell_readers(struct journal *journal, const struct tally_batch *batch)
{
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		if (journal_count_table(reader, batch->table->name)->wanted)
			journal_reader_notice(reader, batch->n_rows);
		else
			journal_reader_advance(reader);
	}
}

static const char *journal_drop_reason(int r)
{
	if (r == -EMSGSIZE)
		return "too_large";
	return r == -ENOSPC ? "buffer_full" : "buffer_error";
}

/*
 * Three outcomes: taken, dropped by policy, or left with the caller (-ENOENT, -EAGAIN,
 * -ECANCELED).  They are counted here and nowhere else, in one step, so that routed = stored +
 * waiting + dropped holds whenever the metrics are read.
 */
int journal_push(struct journal *journal, const struct tally_batch *batch,
		 const struct journal_origin *origin)
{
	uint64_t sequence;
	pthread_mutex_lock(&journal->lock);
	int r = journal_store(journal, batch, origin, &sequence);
	journal_count_damage(journal);
	if (r != -ENOENT && r != -EAGAIN && r != -ECANCELED) {
		journal_count_push(journal, batch, origin->collected,
				   r < 0 ? journal_drop_reason(r) : NULL);
		if (r == 0) {
			journal->last_sequence = sequence;
			if (origin->mark && !journal_durable(journal)) {
				positions_hold(journal->positions, origin->mark, journal, sequence);
				atomic_store(&journal->resumable, true);
			}
			journal_tell_readers(journal, batch);
			journal_show_usage(journal);
		}
		r = 0;
	}
	pthread_mutex_unlock(&journal->lock);
	return r;
}
