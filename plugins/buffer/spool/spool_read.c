/*
 * The journal's functions for outputs: open a reader, fetch, scan, acknowledge.  Called under the
 * journal's lock, on the output's thread.
 *
 * A reader that keeps up gets batches from memory, by reference; else they are read from the file
 * and decoded.  An entry read from the file is copied twice: SQLite gathers its overflow pages into
 * one block, which is valid only until the statement is reset, and tally_batch_decode() copies the
 * rows out of it into the batch that the output keeps.  Reading with sqlite3_blob_read() would put
 * the first copy into memory of our own and save nothing, since decoding needs all bytes in one
 * piece.
 *
 * What every reader has acknowledged is deleted in the transaction that moves the last cursor. What
 * can fail: the file cannot be read, which is returned; it is damaged, then it is rebuilt and the
 * call made again (spool_rebuild.c); the disk is full, then no cursor moves, and the next
 * acknowledgement makes up for it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

/* ---- Readers ------------------------------------------------------------------ */

static bool spool_is_borrowed(const void *arg, uint64_t sequence)
{
	return spool_find_borrower(arg, sequence) != NULL;
}

void spool_shrink(struct spool *spool)
{
	spool_cache_shrink(&spool->cache, SPOOL_CACHE_BYTES, spool_is_borrowed, spool);
}

static int spool_find_or_begin(struct spool *spool, const char *name, struct spool_reader **ret,
			       uint64_t *ret_rows)
{
	struct spool_store *store = spool->store;
	struct spool_reader *reader = spool_find_reader(spool, name);
	if (!reader) {
		uint64_t oldest;
		int r = spool_store_next(store, 0, &oldest);
		if (r < 0 && r != -ENOENT)
			return r;
		/* A new reader begins with the oldest entry that still waits for another reader:
		 * what is only retained was acknowledged before it came. */
		uint64_t acked = r == 0 ? oldest - 1 : store->last_sequence;
		if (spool->n_readers > 0 && acked < spool_acked(spool, store->last_sequence))
			acked = spool_acked(spool, store->last_sequence);
		r = spool_store_ack(store, name, acked, 0, 0);
		if (r < 0)
			return r;
		reader = spool_add_reader(spool, name, acked);
		if (!reader)
			return tally_fail(spool->ctx, ENOMEM, "no memory");
		spool_record_reader(spool, reader);
	}
	*ret = reader;
	return spool_store_waiting(store, reader->acked, ret_rows);
}

int spool_open_reader(void *self, const char *name, uint32_t *ret_reader, uint64_t *ret_rows)
{
	struct spool *spool = self;
	struct spool_reader *reader;
	uint64_t rows;
	int r = spool_find_or_begin(spool, name, &reader, &rows);
	while (spool_recovered(spool, r))
		r = spool_find_or_begin(spool, name, &reader, &rows);
	if (r < 0)
		return r;
	reader->fetched = reader->acked;
	reader->open = true;
	*ret_reader = (uint32_t)(reader - spool->readers);
	*ret_rows = rows;
	return 0;
}

/* With no reader left, nothing waits. */
static int spool_forget(struct spool *spool, struct spool_reader *reader)
{
	uint64_t passed = spool_passed(spool, reader, spool->store->last_sequence);
	int r;
	do
		r = spool_store_forget(spool->store, reader->name, passed);
	while (spool_recovered(spool, r));
	if (r < 0)
		return r;
	spool_manifest_add(&spool->manifest,
			   &(struct spool_record){.type = RECORD_FORGET, .texts = {reader->name}});
	spool_remove_reader(reader);
	spool_cache_forget(&spool->cache, passed);
	return 0;
}

int spool_forget_reader(void *self, const char *name)
{
	struct spool *spool = self;
	struct spool_reader *reader = spool_find_reader(spool, name);
	return reader ? spool_forget(spool, reader) : -ENOENT;
}

int spool_forget_absent(void *self)
{
	struct spool *spool = self;
	int r = 0;
	for (uint32_t i = 0; i < spool->n_readers && r == 0; i++) {
		struct spool_reader *reader = &spool->readers[i];
		uint64_t rows = 0;
		if (!reader->name || reader->open)
			continue;
		r = spool_store_waiting(spool->store, reader->acked, &rows);
		if (r == 0)
			tally_log(spool->ctx, rows ? TALLY_WARNING : TALLY_INFO,
				  "%s no longer reads from here; %" PRIu64
				  " rows had been waiting for it",
				  reader->name, rows);
		if (r == 0)
			r = spool_forget(spool, reader);
	}
	return r;
}

/* ---- Reading ------------------------------------------------------------------ */

static int spool_decode(void *arg, const struct spool_store_entry *entry)
{
	struct spool *spool = arg;
	struct tally_batch *batch = NULL;
	int r = tally_batch_decode(spool->ctx, entry->bytes, entry->len, &batch);
	/* Sums are of the column, checksums of the batch: a page that came from elsewhere may be
	 * whole in itself. */
	if (r == 0 && batch->n_rows != entry->rows)
		r = tally_fail(spool->ctx, EBADMSG, "not the batch that was written");
	if (r == 0)
		r = spool_cache_add(&spool->cache, entry->sequence, batch);
	if (batch)
		tally_batch_drop(spool->ctx, batch);
	if (r == -EBADMSG)
		spool->store->damaged = true;
	return r;
}

/* Has it in memory from now on. */
int spool_load(struct spool *spool, uint64_t sequence)
{
	if (spool_cache_find(&spool->cache, sequence))
		return 0;
	return spool_store_read(spool->store, sequence, spool_decode, spool);
}

/* The entry after the one given last; mostly just the next number, and in memory. */
static int spool_load_next(struct spool *spool, const struct spool_reader *reader,
			   const struct spool_cache_entry **ret)
{
	uint64_t sequence = reader->fetched + 1;
	int r = 0;
	if (!spool_cache_find(&spool->cache, sequence))
		r = spool_store_next(spool->store, reader->fetched, &sequence);
	if (r == 0)
		r = spool_load(spool, sequence);
	if (r < 0)
		return r;
	*ret = spool_cache_find(&spool->cache, sequence);
	return *ret ? 0 : -ENOENT;
}

int spool_fetch(void *self, uint32_t reader_id, bool rewind, uint32_t max_rows,
		struct tally_entry *ret, uint32_t max_entries, uint32_t *ret_n)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	uint64_t rows = 0;
	uint32_t n = 0;
	int r = 0;
	if (rewind)
		reader->fetched = reader->acked;
	/* What the reader has borrowed already counts, so that a slow output is not lent more and
	 * more. */
	size_t borrowed = spool_cache_bytes(&spool->cache, reader->acked, reader->fetched);
	while (n < max_entries && rows < max_rows && borrowed < SPOOL_BORROWED_BYTES) {
		const struct spool_cache_entry *cache = NULL;
		do
			r = spool_load_next(spool, reader, &cache);
		while (spool_recovered(spool, r));
		if (r < 0)
			break;
		ret[n++] = (struct tally_entry){.batch = cache->batch,
						.sequence = cache->sequence,
						.producer = spool->store->producer};
		reader->fetched = cache->sequence;
		rows += cache->batch->n_rows;
		borrowed += cache->bytes;
	}
	spool_shrink(spool);
	/* What was read before the error is handed out; the next call meets the error again. */
	if (r < 0 && r != -ENOENT && n == 0)
		return r;
	*ret_n = n;
	return 0;
}

struct spool_scan {
	tally_scan_fn *each;
	void *arg;
};

static int spool_scan_entry(void *arg, const struct spool_store_entry *entry)
{
	const struct spool_scan *scan = arg;
	return scan->each(scan->arg, entry->table, entry->sequence, entry->rows);
}

int spool_scan(void *self, uint32_t reader_id, tally_scan_fn *each, void *arg)
{
	struct spool *spool = self;
	struct spool_scan scan = {each, arg};
	int r = spool_store_scan(spool->store, spool->readers[reader_id].acked, spool_scan_entry,
				 &scan);
	/* Some entries were already reported; the core scans again. */
	return spool_recovered(spool, r) ? -EAGAIN : r;
}

/* ---- Letting go --------------------------------------------------------------- */

/* May go past what was fetched: the reader's output does not want those entries. */
int spool_ack(void *self, uint32_t reader_id, uint64_t up_to_sequence)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	if (up_to_sequence <= reader->acked)
		return 0;
	spool_restore_if_moved(spool); /* it can be read and acknowledged all the same */
	uint64_t passed = spool_passed(spool, reader, up_to_sequence);
	uint64_t gone = spool_retention_until(spool, passed);
	int r;
	do
		r = spool_store_ack(spool->store, reader->name, up_to_sequence, passed, gone);
	while (spool_recovered(spool, r));
	if (r < 0)
		return r;
	reader->acked = up_to_sequence;
	spool_record_reader(spool, reader);
	spool_manifest_shrink(&spool->manifest);
	if (reader->fetched < up_to_sequence)
		reader->fetched = up_to_sequence;
	spool_cache_forget(&spool->cache, passed);
	spool_shrink(spool);
	/* What is kept for later takes a third at most, so that it never makes an input wait. */
	while (spool->store->bytes > spool_limits(spool).file / 3 && spool_retention_shrink(spool))
		;
	return 0;
}
