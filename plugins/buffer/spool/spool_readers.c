/*
 * The readers of a spool: one per output that reads from it, known to the file by name.  A reader's
 * output is done with everything up to `acked`; what lies between that and `fetched` is borrowed.
 * Loaded into memory at the start, and written through by the functions that move a cursor
 * (spool_read.c, spool_retention.c): nothing here changes the file, except the number of retained
 * entries that spool_count_retained() stores.  Called under the journal's lock.  What can fail:
 * memory, and reading the file at the start.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

const struct spool_reader *spool_find_borrower(const struct spool *spool, uint64_t sequence)
{
	for (uint32_t i = 0; i < spool->n_readers; i++) {
		const struct spool_reader *reader = &spool->readers[i];
		if (reader->name && sequence > reader->acked && sequence <= reader->fetched)
			return reader;
	}
	return NULL;
}

/* The slowest decides.  Readers are outputs, a handful, so a loop will do. */
uint64_t spool_passed(const struct spool *spool, const struct spool_reader *reader, uint64_t acked)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (&spool->readers[i] != reader && spool->readers[i].name &&
		    spool->readers[i].acked < acked)
			acked = spool->readers[i].acked;
	return acked;
}

uint64_t spool_acked(const struct spool *spool, uint64_t last)
{
	return spool_passed(spool, NULL, last);
}

struct spool_reader *spool_find_reader(const struct spool *spool, const char *name)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		if (spool->readers[i].name && strcmp(spool->readers[i].name, name) == 0)
			return &spool->readers[i];
	return NULL;
}

struct spool_reader *spool_add_reader(struct spool *spool, const char *name, uint64_t acked)
{
	/* A reader's id is its index, and the core holds it: slots are used again but never
	 * moved. */
	uint32_t i = 0;
	while (i < spool->n_readers && spool->readers[i].name)
		i++;
	if (i == spool->n_readers) {
		void *readers = reallocarray(spool->readers, i + 1, sizeof(*spool->readers));
		if (!readers)
			return NULL;
		spool->readers = readers;
		spool->readers[spool->n_readers++] = (struct spool_reader){0};
	}
	char *copy = strdup(name);
	if (!copy)
		return NULL;
	spool->readers[i] = (struct spool_reader){
		.name = copy, .acked = acked, .fetched = acked, .lost_after = acked};
	return &spool->readers[i];
}

int spool_note_reader(struct spool *spool, const char *name, uint64_t acked)
{
	struct spool_reader *reader = spool_find_reader(spool, name);
	if (!reader)
		reader = spool_add_reader(spool, name, acked);
	if (!reader)
		return tally_fail(spool->ctx, ENOMEM, "no memory");
	/* After a power cut either of manifest and file may be the older one; an output was told
	 * "acknowledged" by the newer one. */
	if (reader->acked < acked)
		reader->acked = acked;
	return 0;
}

void spool_record_reader(struct spool *spool, const struct spool_reader *reader)
{
	spool_manifest_add(&spool->manifest, &(struct spool_record){.type = RECORD_READER,
								    .sequence = reader->acked,
								    .count = reader->stored,
								    .texts = {reader->name}});
}

void spool_remove_reader(struct spool_reader *reader)
{
	free(reader->name);
	*reader = (struct spool_reader){0};
}

static int spool_take_reader(void *arg, const struct spool_store_entry *row)
{
	struct spool *spool = arg;
	return spool_add_reader(spool, row->table, row->sequence)
		       ? 0
		       : tally_fail(spool->ctx, ENOMEM, "no memory");
}

int spool_count_retained(struct spool *spool)
{
	/* Without readers everything waits, since nothing was acknowledged. */
	uint64_t last = spool->n_readers ? spool->store->last_sequence : 0;
	return spool_store_rewind(spool->store, NULL, 0, spool_acked(spool, last));
}

int spool_load_readers(struct spool *spool)
{
	int r = spool_store_readers(spool->store, spool_take_reader, spool);
	return r < 0 ? r : spool_count_retained(spool);
}

void spool_unload_readers(struct spool *spool)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		free(spool->readers[i].name);
	free(spool->readers);
	spool->readers = NULL;
	spool->n_readers = 0;
}
