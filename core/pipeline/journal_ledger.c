/*
 * A store that is behind what it had confirmed: it was restored from a backup, or another server
 * took over that had not got everything.  The output's ledger tells, whenever its connection may be
 * a new one; the buffer knows what it had confirmed and what is kept of that.
 *
 * What is missing was counted as stored, and stays so.  What is offered again counts as routed once
 * more, so that the balance holds; what is not kept any more counts as lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "plugin/reason.h"
#include "base/clock.h"

static const int64_t journal_compare_time = 10 * CLOCK_SECOND;

const char *journal_producer(struct journal_reader *reader)
{
	const struct journal *journal = reader->journal;
	if (!JOURNAL_HAS(journal, producer) || !JOURNAL_HAS(journal, behind))
		return NULL;
	pthread_mutex_lock(&reader->journal->lock);
	const char *producer = journal->buffer->producer(journal->self);
	pthread_mutex_unlock(&reader->journal->lock);
	return producer;
}

void journal_confirm(struct journal_reader *reader, const struct tally_entry *entry)
{
	const struct journal *journal = reader->journal;
	if (JOURNAL_HAS(journal, stored))
		(void)PLUGIN_CALL(
			journal->buffer->stored(journal->self, reader->id, entry->sequence));
}

/* ---- What is missing ----------------------------------------------------------- */

struct journal_comparison {
	struct journal_reader *reader;
	struct journal_missing *missing;
};

/* Tables that the output no longer wants are not missing: it would not get them again either. */
static int journal_miss(void *arg, const struct tally_missing *entry)
{
	const struct journal_comparison *comparison = arg;
	struct journal_missing *missing = comparison->missing;
	struct journal_table *table = journal_count_table(comparison->reader, entry->table);
	if (!table || !table->wanted)
		return 0;
	missing->rows += entry->rows;
	if (!entry->kept) {
		missing->lost += entry->rows;
		metric_add(table->lost, entry->rows);
	}
	if (entry->first && (!missing->first || entry->first < missing->first))
		missing->first = entry->first;
	if (entry->last > missing->last)
		missing->last = entry->last;
	return 0;
}

/* With the lock held over the whole, or rows could be acknowledged between the comparison and
 * the rewind. */
int journal_compare(struct journal_reader *reader, const struct tally_ledger *ledger,
		    struct journal_missing *ret)
{
	struct journal *journal = reader->journal;
	struct journal_comparison comparison = {reader, ret};
	*ret = (struct journal_missing){0};
	pthread_mutex_lock(&journal->lock);
	int r = 0;
	if (ledger && JOURNAL_HAS(journal, behind)) {
		metrics_begin(journal->metrics);
		r = PLUGIN_CALL(journal->buffer->behind(journal->self, reader->id, ledger,
							journal_miss, &comparison));
		metrics_end(journal->metrics);
	}
	ret->behind = r > 0;
	ret->unknown = r > 1;
	if (r > 0) {
		uint64_t before = reader->waiting;
		/* The cursor never goes forward here: a ledger that is ahead belongs to a write
		 * whose acknowledgement was lost, and offering that once more is absorbed. */
		if (reader->cursor > ledger->sequence)
			reader->cursor = ledger->sequence;
		reader->n_done = 0;
		r = journal_reader_rescan(reader);
		ret->offered = reader->waiting > before ? reader->waiting - before : 0;
	}
	journal_count_damage(journal);
	if (r == 0)
		reader->compared = true;
	pthread_mutex_unlock(&journal->lock);
	return r;
}

/* ---- Where inputs begin again -------------------------------------------------- */

/* For a while: where an input begins again depends on what the stores have. */
static bool journal_awaits_ledgers(const struct journal *journal)
{
	bool awaits = false;
	for (const struct journal_reader *r = journal->readers; r; r = r->next)
		awaits = awaits || (r->attached && !r->compared);
	return awaits && clock_monotonic() - journal->created < journal_compare_time;
}

/* Only known once every output has compared its ledger, hence -EAGAIN; after
 * journal_compare_time the input begins without, since an output that is down must not stop
 * collection. */
int journal_resume(struct journal *journal, const char *source, char *ret, size_t size)
{
	const char *position = NULL;
	if (!JOURNAL_HAS(journal, resume))
		return -ENOENT;
	pthread_mutex_lock(&journal->lock);
	int r = PLUGIN_CALL(journal->buffer->resume(journal->self, source, &position));
	if (r == 0 && journal_awaits_ledgers(journal))
		r = -EAGAIN;
	if (r == 0 && strlen(position) >= size)
		r = -ERANGE;
	if (r == 0)
		memcpy(ret, position, strlen(position) + 1);
	pthread_mutex_unlock(&journal->lock);
	return r;
}
