/*
 * Takes the oldest entry out because the spool is full and on_full = drop_oldest.  Called under the
 * journal's lock, on the thread of whichever input pushes.  The core counts the rows of what it
 * gets as dropped: so the batch is loaded before it is deleted, and an entry that cannot be read is
 * lost, which is counted elsewhere (spool_lost.c), instead of dropped.  Borrowed entries are
 * skipped, since their output may be writing them at this moment.
 */
#include <errno.h>

#include "spool.h"

/* The oldest entry after a sequence that a reader waits for and none has borrowed. */
static int spool_oldest(struct spool *spool, uint64_t after, uint64_t *ret)
{
	for (;;) {
		int r = spool_store_next(spool->store, after, ret);
		const struct spool_reader *reader =
			r == 0 ? spool_find_borrower(spool, *ret) : NULL;
		if (!reader)
			return r;
		after = reader->fetched;
	}
}

static int spool_drop_once(struct spool *spool, uint64_t after, struct tally_entry *ret)
{
	uint64_t sequence;
	/* What all readers have acknowledged waits for nobody: dropping it would count rows as lost
	 * that every output has. */
	if (after < spool->store->passed)
		after = spool->store->passed;
	int r = spool_oldest(spool, after, &sequence);
	if (r == 0)
		r = spool_load(spool, sequence);
	if (r < 0)
		return r;
	const struct tally_batch *batch = spool_cache_find(&spool->cache, sequence)->batch;
	r = spool_store_delete(spool->store, sequence, batch->n_rows);
	if (r < 0)
		return r;
	/* A reference for the caller, which counts the rows; the cache's own goes with the
	 * entry. */
	tally_batch_keep(spool->ctx, batch);
	spool_cache_remove(&spool->cache, sequence);
	spool_manifest_add(&spool->manifest,
			   &(struct spool_record){.type = RECORD_DROPPED, .sequence = sequence});
	*ret = (struct tally_entry){
		.batch = batch, .sequence = sequence, .producer = spool->store->producer};
	return 0;
}

int spool_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret)
{
	struct spool *spool = self;
	int r = spool_drop_once(spool, after_sequence, ret);
	while (spool_recovered(spool, r))
		r = spool_drop_once(spool, after_sequence, ret);
	return r;
}
