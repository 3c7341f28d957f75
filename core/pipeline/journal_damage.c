/*
 * What a buffer on disk has lost to damage: asked of it after every call that may have found some,
 * with the journal's lock, and counted as dropped, reason "damaged".  What was lost before a reader
 * came was never counted as routed in this life of the daemon; so it is now.
 */
#include "pipeline/journal_parts.h"

struct journal_damage {
	struct journal_reader *reader;
	bool unknown; /* nothing of it was counted as routed yet */
};

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
