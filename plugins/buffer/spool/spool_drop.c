/*
 * Taking the oldest entry out, for the core to count: because the spool is full, or because the
 * entry cannot be read any more.  Then a stand-in goes in its place, a batch of as many empty rows
 * of a table of that name.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

/* A table for rows whose own can no longer be read; as long as the plugin. */
struct spool_stand_in {
	struct spool_stand_in *next;
	struct tally_table table;
	char name[];
};

static struct spool_stand_in *spool_stand_in(struct spool *spool, const char *name)
{
	static const struct tally_column time = {.name = "time", .type = TALLY_TIME};
	struct spool_stand_in *stand_in = spool->stand_ins;
	while (stand_in && strcmp(stand_in->name, name) != 0)
		stand_in = stand_in->next;
	if (stand_in)
		return stand_in;
	stand_in = calloc(1, sizeof(*stand_in) + strlen(name) + 1);
	if (!stand_in)
		return NULL;
	memcpy(stand_in->name, name, strlen(name) + 1);
	stand_in->table = (struct tally_table){.name = stand_in->name,
					       .help = "",
					       .columns = &time,
					       .n_columns = 1,
					       .kind = TALLY_LOG,
					       .revision = 1};
	stand_in->next = spool->stand_ins;
	spool->stand_ins = stand_in;
	return stand_in;
}

/* As many rows of a table of that name, for the core to count. */
static int spool_hold_stand_in(void *arg, const struct spool_store_entry *entry)
{
	struct spool *spool = arg;
	const struct spool_stand_in *table = spool_stand_in(spool, entry->table);
	struct tally_batch *batch = table ? tally_batch_new(spool->ctx, &table->table) : NULL;
	bool complete = batch != NULL;
	for (uint32_t i = 0; i < entry->rows && complete; i++)
		complete = tally_batch_row(spool->ctx, batch) != NULL;
	int r = complete ? spool_held_add(&spool->held, entry->sequence, batch) : -ENOMEM;
	if (batch)
		tally_batch_drop(spool->ctx, batch);
	return r < 0 ? r : 1; /* no more of them */
}

static int spool_fetch_stand_in(struct spool *spool, uint64_t sequence)
{
	tally_log(spool->ctx, TALLY_ERROR, "%s: entry %" PRIu64 " is damaged and dropped: %s",
		  spool->path, sequence, tally_reason(spool->ctx));
	int r = spool_store_survey(spool->store, sequence - 1, spool_hold_stand_in, spool);
	return r < 0 ? r : 0;
}

/* The oldest after a sequence that nobody has on loan. */
static int spool_oldest(struct spool *spool, uint64_t after, uint64_t *ret)
{
	for (;;) {
		int r = spool_store_next(spool->store, after, ret);
		const struct spool_reader *reader = r == 0 ? spool_find_loan(spool, *ret) : NULL;
		if (!reader)
			return r;
		after = reader->given;
	}
}

int spool_drop_oldest(void *self, uint64_t after_sequence, struct tally_entry *ret)
{
	struct spool *spool = self;
	uint64_t sequence;
	int r = spool_oldest(spool, after_sequence, &sequence);
	if (r < 0)
		return r;
	r = spool_fetch(spool, sequence);
	if (r == -EBADMSG)
		r = spool_fetch_stand_in(spool, sequence);
	if (r < 0)
		return r;
	const struct tally_batch *batch = spool_held_find(&spool->held, sequence)->batch;
	r = spool_store_delete(spool->store, sequence, batch->n_rows);
	if (r < 0)
		return r;
	tally_batch_keep(spool->ctx, batch);
	spool_held_remove(&spool->held, sequence);
	*ret = (struct tally_entry){
		.batch = batch, .sequence = sequence, .writer = spool->store->writer};
	return 0;
}

void spool_free_stand_ins(struct spool *spool)
{
	while (spool->stand_ins) {
		struct spool_stand_in *stand_in = spool->stand_ins;
		spool->stand_ins = stand_in->next;
		free(stand_in);
	}
}
