/*
 * Makes the manifest match a spool that was just opened.  Neither file is flushed with the other,
 * so after a power cut either may be ahead: entries that only the spool has are added to the
 * manifest, as are those of a time before there was a manifest; entries that only the manifest has
 * are marked as dropped, unless their input replays them.  The manifest of another spool is
 * replaced.  Also the verification of entries at a start.  Called from start() and after a rebuild.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "spool.h"

struct match {
	struct spool *spool;
	struct manifest_index *known; /* NULL: a new manifest */
};

static int reconcile_entry(void *arg, const struct spool_store_entry *entry)
{
	struct match *match = arg;
	const struct spool_record record = {
		.type = RECORD_ENTRY,
		.sequence = entry->sequence,
		.count = entry->rows,
		.texts = {entry->table, entry->source, entry->position}};
	spool_manifest_add(&match->spool->manifest, &record);
	return 0;
}

static void reconcile_readers(const struct match *match)
{
	struct spool *spool = match->spool;
	for (uint32_t i = 0; i < spool->n_readers; i++) {
		struct spool_reader *reader = &spool->readers[i];
		const struct manifest_index_reader *known =
			match->known ? manifest_index_reader(match->known, reader->name) : NULL;
		if (known)
			reader->stored = known->stored;
		spool_record_reader(spool, reader);
	}
}

/* Lost in a power cut, together with their positions, so their inputs send them again. */
static void reconcile_missing(const struct match *match)
{
	struct spool *spool = match->spool;
	uint64_t after = spool_acked(spool, match->known->last_sequence);
	if (spool->store->newest > after)
		after = spool->store->newest;
	for (size_t i = manifest_index_after(match->known, after); i < match->known->n_entries; i++)
		if (match->known->entries[i].state == RECORD_ENTRY)
			spool_manifest_add(&spool->manifest,
					   &(struct spool_record){
						   .type = RECORD_DROPPED,
						   .sequence = match->known->entries[i].sequence});
}

int spool_reconcile(struct spool *spool)
{
	struct match match = {.spool = spool, .known = manifest_index_load(&spool->manifest)};
	uint64_t newest = 0;
	if (match.known && strcmp(match.known->producer, spool->store->producer) != 0) {
		manifest_index_destroy(match.known);
		match.known = NULL;
	}
	int r = match.known ? spool_manifest_open(&spool->manifest)
			    : spool_manifest_begin(&spool->manifest, spool->store->producer,
						   spool->store->last_sequence,
						   spool_acked(spool, spool->store->last_sequence));
	if (r < 0)
		tally_log(spool->ctx, TALLY_WARNING,
			  "%s; if the spool is damaged later, its losses cannot be counted",
			  tally_reason(spool->ctx));
	if (match.known && match.known->n_entries > 0)
		newest = match.known->entries[match.known->n_entries - 1].sequence;
	r = spool_store_origins(spool->store, newest, reconcile_entry, &match);
	if (r == 0)
		reconcile_readers(&match);
	if (r == 0 && match.known)
		reconcile_missing(&match);
	if (r == 0 && match.known)
		r = spool_replay_load(spool, match.known);
	manifest_index_destroy(match.known);
	return r;
}

/* ---- Whether all of it can be read --------------------------------------------- */

#define VERIFY_TIME (5 * CLOCK_SECOND)

static int verify_entry(void *arg, const struct spool_store_entry *entry)
{
	struct spool *spool = arg;
	struct tally_batch *batch = NULL;
	int r = tally_batch_decode(spool->ctx, entry->bytes, entry->len, &batch);
	if (batch)
		tally_batch_drop(spool->ctx, batch);
	return r;
}

int spool_verify(struct spool *spool)
{
	struct spool_store *store = spool->store;
	int64_t until = tally_monotonic(spool->ctx) + VERIFY_TIME;
	uint64_t sequence = store->passed;
	int r;
	/* Bounded by time and not by entries: a start must not wait until a disk is read whole.
	 * The rest is checked when it is read. */
	while ((r = spool_store_next(store, sequence, &sequence)) == 0 &&
	       tally_monotonic(spool->ctx) < until) {
		r = spool_store_read(store, sequence, verify_entry, spool);
		if (r < 0)
			break;
	}
	if (r == -EBADMSG)
		return tally_fail(spool->ctx, EBADMSG, "%s: entry %" PRIu64 " is damaged: %s",
				  spool->path, sequence, tally_reason(spool->ctx));
	return r == -ENOENT ? 0 : r;
}
