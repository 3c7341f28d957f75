/*
 * A delivery's turn, on its output's thread: wait until something is due → fetch, leaving out what
 * is not wanted → hand out on loan → acknowledge.  An entry that cannot be read is taken out and
 * passed over; an error of the plugin ends the turn only if nothing could be fetched before it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/clock.h"
#include "base/condition.h"

/* ---- When something is due ---------------------------------------------------- */

/* `blocked` makes any rows due: an input waits for the room that writing them would make. */
static bool journal_reader_is_due(const struct journal_reader *reader, int64_t now)
{
	const struct journal *journal = reader->journal;
	uint64_t rows = journal_reader_returned(reader);
	return rows > 0 && (rows >= (uint64_t)journal->settings.batch_size || journal->blocked ||
			    now - reader->since >= journal->settings.batch_timeout);
}

static bool journal_reader_woken(struct journal_reader *reader)
{
	bool woken = reader->wakes != reader->journal->wakes;
	reader->wakes = reader->journal->wakes;
	return woken;
}

void journal_pause(struct journal_reader *reader, int64_t until)
{
	struct journal *journal = reader->journal;
	pthread_mutex_lock(&journal->lock);
	while (!journal_reader_woken(reader) && clock_monotonic() < until)
		condition_wait(&reader->due, &journal->lock, until);
	pthread_mutex_unlock(&journal->lock);
}

uint64_t journal_waiting(struct journal_reader *reader)
{
	pthread_mutex_lock(&reader->journal->lock);
	uint64_t rows = reader->waiting;
	pthread_mutex_unlock(&reader->journal->lock);
	return rows;
}

/* ---- Taking ------------------------------------------------------------------- */

static bool journal_reader_wants(struct journal_reader *reader, const struct tally_entry *entry)
{
	const struct journal_table *table = journal_count_table(reader, entry->batch->table->name);
	return table && table->wanted && !journal_reader_is_done(reader, entry->sequence);
}

/*
 * Takes entries on loan until batch_size rows are reached or nothing is left.  Entries that this
 * reader does not want, or has acknowledged already, are passed over.  One that cannot be read is
 * dropped, or every later one would wait behind it for ever.
 */
static int journal_reader_take(struct journal_reader *reader)
{
	struct journal *journal = reader->journal;
	uint64_t size = (uint64_t)journal->settings.batch_size;
	uint32_t n = 1;
	int r = 0;
	while (n > 0 && reader->n_taken < JOURNAL_TAKE_MAX && reader->taken_rows < size) {
		struct tally_entry *next = reader->taken + reader->n_taken;
		r = PLUGIN_CALL(journal->buffer->fetch(journal->self, reader->id, false,
						       (uint32_t)(size - reader->taken_rows), next,
						       JOURNAL_TAKE_MAX - reader->n_taken, &n));
		if (r == -EBADMSG) {
			r = journal_drop_entry(journal, reader->given, "damaged");
			n = r == 0; /* try the one behind it */
			continue;
		}
		if (r < 0)
			break;
		for (uint32_t i = 0; i < n; i++) {
			struct tally_entry entry = next[i];
			reader->given = entry.sequence;
			if (!journal_reader_wants(reader, &entry))
				continue;
			reader->taken[reader->n_taken++] = entry;
			reader->taken_rows += entry.batch->n_rows;
		}
	}
	/* An error of the plugin waits for the next turn if this one has something to write. */
	if (r < 0 && reader->n_taken == 0)
		return r;
	r = journal_reader_advance(reader);
	return reader->n_taken == 0 && r < 0 ? r : (int)reader->n_taken;
}

/* Waits until a batch is due.  False: the deadline passed, or the journal was woken. */
static bool journal_reader_await(struct journal_reader *reader, int64_t deadline)
{
	struct journal *journal = reader->journal;
	if (deadline == JOURNAL_NOW)
		return journal_reader_returned(reader) > 0;
	while (!journal_reader_woken(reader)) {
		int64_t now = clock_monotonic();
		if (journal_reader_is_due(reader, now))
			return true;
		if (now >= deadline)
			return false;
		/* Rows that wait already may be due by their age before anybody signals. */
		int64_t until = deadline;
		int64_t of_age = reader->since + journal->settings.batch_timeout;
		if (journal_reader_returned(reader) > 0 && of_age < until)
			until = of_age;
		condition_wait(&reader->due, &journal->lock, until);
	}
	return false;
}

/* Entries are copied out, at most 256 of them, so that the output works on them
 * without the journal's lock; their rows are shared. */
int journal_fetch(struct journal_reader *reader, int64_t deadline,
		  struct tally_entry ret[JOURNAL_TAKE_MAX])
{
	pthread_mutex_lock(&reader->journal->lock);
	int n = (int)reader->n_taken;
	if (n == 0 && journal_reader_await(reader, deadline))
		n = journal_reader_take(reader);
	journal_count_damage(reader->journal);
	reader->writing = n > 0;
	if (n > 0)
		memcpy(ret, reader->taken, (size_t)n * sizeof(*ret));
	pthread_mutex_unlock(&reader->journal->lock);
	return n;
}

/* ---- Settling ----------------------------------------------------------------- */

/* Acknowledged, but behind one that is not.  false: no room to remember that. */
static bool journal_reader_remember(struct journal_reader *reader, uint64_t sequence)
{
	if (reader->n_done == sizeof(reader->done) / sizeof(reader->done[0]))
		return false;
	reader->done[reader->n_done++] = sequence;
	return true;
}

int journal_ack(struct journal_reader *reader, const struct journal_outcome *outcomes, uint32_t n)
{
	struct journal *journal = reader->journal;
	uint32_t kept = 0;
	struct tally_entry stored = {0};
	pthread_mutex_lock(&journal->lock);
	assert(n == reader->n_taken);
	metrics_begin(journal->metrics);
	for (uint32_t i = 0; i < n; i++) {
		struct tally_entry entry = reader->taken[i];
		/* The last of the unbroken run that the store really has: a rejected entry is
		 * not in its ledger, so it cannot be compared with. */
		if (outcomes[i].acked && kept == 0 && outcomes[i].rejected < entry.batch->n_rows)
			stored = entry;
		if (outcomes[i].acked &&
		    (kept == 0 || journal_reader_remember(reader, entry.sequence))) {
			uint32_t rows = entry.batch->n_rows;
			struct journal_table *table =
				journal_count_table(reader, entry.batch->table->name);
			assert(outcomes[i].rejected <= rows);
			journal_count_stored(reader, table, rows - outcomes[i].rejected);
			journal_count_dropped(reader, table, outcomes[i].rejected, "rejected");
			reader->taken_rows -= rows;
		} else
			reader->taken[kept++] = entry;
	}
	metrics_end(journal->metrics);
	reader->n_taken = kept;
	reader->writing = false;
	if (stored.batch)
		journal_confirm(reader, &stored);
	int r = journal_reader_advance(reader);
	journal_count_damage(journal);
	pthread_mutex_unlock(&journal->lock);
	return r;
}
