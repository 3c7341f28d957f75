/*
 * What a buffer loses, and who of its readers had still to get it.  Either an entry is taken out
 * here, by policy (journal.c: it is full, on_full = drop_oldest) or because it cannot be read
 * (journal_fetch.c); or a buffer on disk finds that something is gone.  The latter is asked of it
 * after every call that may have found some, and counted as dropped, reason "damaged".  What was
 * lost before a reader came was never counted as routed in this life of the daemon; so it is now.
 *
 * With the journal's lock, on the thread of whoever pushed or fetched.
 */
#include "pipeline/batch.h"
#include "pipeline/journal_parts.h"
#include "plugin/reason.h"

/* ---- Taken out ---------------------------------------------------------------- */

int journal_drop_entry(struct journal *journal, uint64_t after_sequence, const char *reason)
{
	struct tally_entry entry;
	int r = PLUGIN_CALL(journal->buffer->drop_oldest(journal->self, after_sequence, &entry));
	if (r < 0)
		return r;
	/* The plugin has taken it out: whoever still waited for it has lost it. */
	const struct tally_batch *batch = entry.batch;
	metrics_begin(journal->metrics);
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		struct journal_table *table = journal_count_table(reader, batch->table->name);
		if (table && table->wanted && entry.sequence > reader->cursor &&
		    !journal_reader_is_done(reader, entry.sequence))
			journal_count_dropped(reader, table, batch->n_rows, reason);
	}
	metrics_end(journal->metrics);
	batch_drop(entry.batch);
	return 0;
}

/* ---- Found to be gone --------------------------------------------------------- */

struct journal_damage {
	struct journal_reader *reader;
	bool unknown; /* nothing of it was counted as routed yet */
};

/* Rows that this reader has acknowledged behind its cursor are stored already, although the
 * buffer has lost them. */
static int journal_damage_count(void *arg, const char *name, uint64_t sequence, uint32_t rows)
{
	const struct journal_damage *damage = arg;
	struct journal_reader *reader = damage->reader;
	struct journal_table *table = journal_count_table(reader, name);
	if (!table || !table->wanted || journal_reader_is_done(reader, sequence))
		return 0;
	if (damage->unknown)
		journal_count_routed(reader, table, rows);
	journal_count_dropped(reader, table, rows, "damaged");
	return 0;
}

void journal_reader_count_damage(struct journal_reader *reader, bool unknown)
{
	const struct journal *journal = reader->journal;
	struct journal_damage damage = {reader, unknown};
	if (!JOURNAL_HAS(journal, lost))
		return;
	metrics_begin(journal->metrics);
	/* Says nothing of its own, so that what a call before it said stays. */
	journal->buffer->lost(journal->self, reader->id, journal_damage_count, &damage);
	metrics_end(journal->metrics);
}

/* With what is lost a reader may have nothing left before its cursor. */
void journal_count_damage(struct journal *journal)
{
	if (!JOURNAL_HAS(journal, lost))
		return;
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next) {
		uint64_t before = reader->waiting;
		journal_reader_count_damage(reader, false);
		if (reader->waiting != before)
			journal_reader_advance(reader);
	}
}
