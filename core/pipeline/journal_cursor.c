/*
 * Where a reader is in its journal.  Its cursor stands before the first entry that is borrowed or
 * waits; it moves over everything that is acknowledged or not wanted, only ever over the longest
 * unbroken run of these, and never back but in journal_ledger.c.  Entries acknowledged behind one
 * that is not are remembered in `done`, so that they are neither given nor counted again.
 *
 * Called by all other parts of the journal, on the threads of inputs and outputs alike, with its
 * lock.  If the plugin cannot note a cursor, the cursor stays, and its next move makes up for it.
 */
#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/clock.h"

uint64_t journal_reader_returned(const struct journal_reader *reader)
{
	return reader->waiting - reader->taken_rows;
}

bool journal_reader_is_done(const struct journal_reader *reader, uint64_t sequence)
{
	for (uint32_t i = 0; i < reader->n_done; i++)
		if (reader->done[i] == sequence)
			return true;
	return false;
}

/*
 * Everything before the first borrowed entry is acknowledged.  With nothing borrowed: if no rows
 * wait, what is left in the journal is of tables that this reader does not want, so it may skip to
 * the end; else it stands behind what it has looked at.
 */
static uint64_t journal_reader_acked(const struct journal_reader *reader)
{
	if (reader->n_taken > 0)
		return reader->taken[0].sequence - 1;
	if (reader->waiting == 0)
		return reader->journal->last_sequence;
	return reader->given;
}

/* The slowest reader decides which position is safe: an input must not resume behind rows that one
 * output has and another one has not.  O(readers), of which there are a few. */
void journal_acked(struct journal *journal)
{
	uint64_t acked = journal->last_sequence;
	for (const struct journal_reader *r = journal->readers; r; r = r->next)
		if (r->cursor < acked)
			acked = r->cursor;
	if (!journal->buffer->durable && journal->positions)
		positions_acknowledge(journal->positions, journal, acked);
	journal_show_usage(journal);
	if (!journal->failing)
		journal_accepts(journal);
	if (journal->blocked)
		pthread_cond_broadcast(&journal->room);
}

int journal_reader_advance(struct journal_reader *reader)
{
	struct journal *journal = reader->journal;
	uint64_t acked = journal_reader_acked(reader);
	if (acked <= reader->cursor)
		return 0;
	int r = PLUGIN_CALL(journal->buffer->ack(journal->self, reader->id, acked));
	if (r < 0)
		return r; /* the next one goes further and makes up for it */
	reader->cursor = acked;
	if (reader->given < acked)
		reader->given = acked;
	/* What the cursor has passed need not be remembered. */
	uint32_t n = 0;
	for (uint32_t i = 0; i < reader->n_done; i++)
		if (reader->done[i] > reader->cursor)
			reader->done[n++] = reader->done[i];
	reader->n_done = n;
	journal_acked(journal);
	return 0;
}

void journal_reader_return(struct journal_reader *reader)
{
	const struct journal *journal = reader->journal;
	struct tally_entry none;
	uint32_t n;
	reader->n_taken = 0;
	reader->taken_rows = 0;
	reader->writing = false;
	reader->given = reader->cursor;
	/* Room for no entry: this only rewinds the plugin's own reader to its cursor. */
	PLUGIN_CALL(journal->buffer->fetch(journal->self, reader->id, true, 0, &none, 0, &n));
}

void journal_reader_notice(struct journal_reader *reader, uint64_t rows)
{
	uint64_t size = (uint64_t)reader->journal->settings.batch_size;
	uint64_t after = journal_reader_returned(reader), before = after - rows;
	if (before == 0)
		reader->since = clock_monotonic();
	/* Only when a limit is crossed: a signal per push would wake the output for every row. */
	if (before == 0 || (before < size && after >= size))
		pthread_cond_signal(&reader->due);
}
