/*
 * Entries that all outputs have acknowledged stay for a while (option keep), to be offered again to
 * a store that lost them: a database that was restored from a backup, or failed over to a server
 * that is behind.  They go when they are old enough, when they take more than a third of the room,
 * and at once when new rows need their place.
 *
 * Ages are measured from the acknowledgement, by the monotonic clock, which does not survive a
 * restart: what is there at a start is kept for one more period.  Called under the journal's lock.
 * What can fail: reading the manifest; then a store that is behind gets everything that is still
 * kept.
 */
#include <errno.h>
#include <string.h>

#include "spool.h"

/* ---- How long ------------------------------------------------------------------ */

uint64_t spool_retention_until(struct spool *spool, uint64_t acked)
{
	struct spool_retention *keep = &spool->retention;
	int64_t period = atomic_load(&keep->period), now = tally_monotonic(spool->ctx);
	uint32_t old = 0;
	if (period == 0)
		return acked;
	while (old < keep->n && keep->marks[old].at <= now - period)
		keep->released = keep->marks[old++].acked;
	memmove(keep->marks, keep->marks + old, (keep->n - old) * sizeof(*keep->marks));
	keep->n -= old;
	/* Few marks over the whole period instead of one per acknowledgement: an entry is then kept
	 * for up to a 64th longer, and memory stays the same however fast entries come. */
	if (keep->n == 0 || now - keep->marks[keep->n - 1].at >= period / SPOOL_RETENTION_MARKS) {
		if (keep->n == SPOOL_RETENTION_MARKS)
			memmove(keep->marks, keep->marks + 1, --keep->n * sizeof(*keep->marks));
		keep->marks[keep->n++] = (struct spool_retention_mark){now, acked};
	}
	return keep->released < acked ? keep->released : acked;
}

/* ---- How much ------------------------------------------------------------------ */

/* Retained entries are a service, waiting ones a promise: so a push that finds no room takes
 * theirs. */
bool spool_retention_shrink(struct spool *spool)
{
	struct spool_store *store = spool->store;
	uint64_t oldest, acked = spool_acked(spool, store->last_sequence);
	if (store->retained_entries == 0 || spool_store_next(store, 0, &oldest) < 0 ||
	    oldest > acked)
		return false;
	/* Halves, so that a large push finds room in few transactions. */
	uint64_t up_to = oldest + (acked - oldest) / 2;
	return spool_store_ack(store, NULL, 0, acked, up_to) == 0;
}

/* ---- For a store that is behind ------------------------------------------------- */

static bool ledger_has(const struct tally_ledger *ledger, uint64_t sequence)
{
	if (sequence <= ledger->sequence)
		return true;
	for (uint32_t i = 0; i < ledger->n_ahead; i++)
		if (ledger->ahead[i] == sequence)
			return true;
	return false;
}

/* Reports every entry that the reader had and its store's ledger lacks.  Returns their number. */
static int retention_report_all(struct spool *spool, const struct manifest_index *known,
				const struct spool_reader *reader,
				const struct tally_ledger *ledger, tally_missing_fn *each,
				void *arg)
{
	int missing = 0;
	for (size_t i = manifest_index_after(known, ledger->sequence); i < known->n_entries; i++) {
		const struct manifest_index_entry *entry = &known->entries[i];
		uint64_t there = 0;
		if (entry->sequence > reader->stored)
			break;
		if (entry->state != RECORD_ENTRY || ledger_has(ledger, entry->sequence))
			continue;
		bool kept = spool_store_next(spool->store, entry->sequence - 1, &there) == 0 &&
			    there == entry->sequence;
		int r = each(arg, &(struct tally_missing){.table = entry->table,
							  .sequence = entry->sequence,
							  .first = entry->first,
							  .last = entry->last,
							  .rows = entry->rows,
							  .kept = kept});
		if (r != 0)
			return r;
		missing++;
	}
	return missing;
}

int spool_behind(void *self, uint32_t reader_id, const struct tally_ledger *ledger,
		 tally_missing_fn *each, void *arg)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	if (ledger->sequence >= reader->stored) {
		reader->stored = ledger->sequence;
		return 0;
	}
	struct manifest_index *known = manifest_index_load(&spool->manifest);
	int r = known ? retention_report_all(spool, known, reader, ledger, each, arg) : 0;
	bool unknown = !known || known->thinned > ledger->sequence;
	manifest_index_destroy(known);
	if (r < 0)
		return r;
	if (r == 0 && (!unknown || ledger_has(ledger, reader->stored)))
		return 0;
	/* Back to where the store is, but never forward: what the reader has not acknowledged stays
	 * its own, whatever the ledger says. */
	uint64_t acked = reader->acked < ledger->sequence ? reader->acked : ledger->sequence;
	r = spool_store_rewind(spool->store, reader->name, acked, spool_acked(spool, acked));
	if (r < 0)
		return r;
	reader->acked = reader->fetched = acked;
	reader->stored = ledger->sequence;
	spool_record_reader(spool, reader);
	return 1 + unknown;
}

const char *spool_producer(void *self)
{
	const struct spool *spool = self;
	return spool->store->producer;
}

int spool_stored(void *self, uint32_t reader_id, uint64_t sequence)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	if (sequence > reader->stored)
		reader->stored = sequence;
	return 0;
}
