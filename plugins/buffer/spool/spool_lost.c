/*
 * Lost entries, and the positions from which inputs resume after a loss.  Losses are kept in memory
 * until each reader that waited for them has got its report, since the core counts them per output;
 * sources that replay stand in the manifest, until their input has pushed something new.  Called
 * under the journal's lock.  What can fail: memory; then a loss is an error of the call that found
 * it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spool.h"

/* ---- Lost entries -------------------------------------------------------------- */

/* Names of tables are shared by all losses, of which there may be many, while tables are few. */
static const char *lost_table(struct spool *spool, const char *name)
{
	struct spool_name *known = spool->names;
	while (known && strcmp(known->text, name) != 0)
		known = known->next;
	if (known)
		return known->text;
	size_t size = strlen(name) + 1;
	known = malloc(sizeof(*known) + size);
	if (!known)
		return NULL;
	memcpy(known->text, name, size);
	known->next = spool->names;
	spool->names = known;
	return known->text;
}

int spool_lost_add(struct spool *spool, uint64_t sequence, const char *table, uint32_t rows)
{
	const char *name = lost_table(spool, table);
	if (spool->n_losses == spool->losses_size) {
		size_t size = spool->losses_size ? 2 * spool->losses_size : 64;
		void *grown = reallocarray(spool->losses, size, sizeof(*spool->losses));
		if (!grown)
			return tally_fail(spool->ctx, ENOMEM, "no memory");
		spool->losses = grown;
		spool->losses_size = size;
	}
	if (!name)
		return tally_fail(spool->ctx, ENOMEM, "no memory");
	spool->losses[spool->n_losses++] = (struct spool_loss){sequence, name, rows};
	return 0;
}

void spool_lost_begin(struct spool *spool)
{
	for (uint32_t i = 0; i < spool->n_readers; i++)
		/* One that has not been given all earlier losses keeps its older cursor: they are
		 * compared with that. */
		if (spool->readers[i].reported == spool->n_losses)
			spool->readers[i].lost_after = spool->readers[i].acked;
}

void spool_lost_cut(struct spool *spool, size_t n)
{
	spool->n_losses = n;
}

void spool_lost_done(struct spool *spool)
{
	free(spool->losses);
	spool->losses = NULL;
	spool->n_losses = spool->losses_size = 0;
	while (spool->names) {
		struct spool_name *name = spool->names;
		spool->names = name->next;
		free(name);
	}
}

int spool_lost(void *self, uint32_t reader_id, tally_scan_fn *each, void *arg)
{
	struct spool *spool = self;
	struct spool_reader *reader = &spool->readers[reader_id];
	int r = 0;
	if (spool->n_losses == 0)
		return 0;
	while (r == 0 && reader->reported < spool->n_losses) {
		const struct spool_loss *loss = &spool->losses[reader->reported++];
		/* What it had acknowledged before the damage is not lost to it. */
		if (loss->sequence > reader->lost_after)
			r = each(arg, loss->table, loss->sequence, loss->rows);
	}
	/* Once all readers have their reports there is nothing to remember. */
	bool all = true;
	for (uint32_t i = 0; i < spool->n_readers; i++)
		all &= !spool->readers[i].name || spool->readers[i].reported >= spool->n_losses;
	for (uint32_t i = 0; all && i < spool->n_readers; i++)
		spool->readers[i].reported = 0;
	if (all)
		spool->n_losses = 0;
	return r;
}

/* ---- Where inputs begin again -------------------------------------------------- */

static struct spool_name **replay_find(struct spool *spool, const char *source)
{
	struct spool_name **at = &spool->replay;
	while (*at && strcmp((*at)->text, source) != 0)
		at = &(*at)->next;
	return at;
}

static int replay_add(struct spool *spool, const char *source)
{
	size_t size = strlen(source) + 1;
	if (*replay_find(spool, source))
		return 0;
	struct spool_name *name = malloc(sizeof(*name) + size);
	if (!name)
		return tally_fail(spool->ctx, ENOMEM, "no memory");
	memcpy(name->text, source, size);
	name->next = spool->replay;
	spool->replay = name;
	return 0;
}

void spool_replay_end(struct spool *spool, const char *source)
{
	struct spool_name **at = replay_find(spool, source);
	struct spool_name *name = *at;
	if (!name)
		return;
	*at = name->next;
	free(name);
}

void spool_replay_done(struct spool *spool)
{
	while (spool->replay)
		spool_replay_end(spool, spool->replay->text);
}

/* Behind its last entry that all outputs have, of a source whose entries were lost; else NULL.  "":
 * from its beginning. */
static const char *replay_position(const struct manifest_index *known, const char *source,
				   uint64_t acked)
{
	const char *position = "";
	bool replay = false;
	for (size_t i = 0; i < known->n_entries; i++) {
		const struct manifest_index_entry *entry = &known->entries[i];
		if (strcmp(entry->source, source) != 0)
			continue;
		/* What comes after was brought since it began again. */
		replay = entry->state == RECORD_REPLAY;
		if (!replay || entry->sequence <= acked)
			position = entry->position;
	}
	return replay ? position : NULL;
}

int spool_replay_load(struct spool *spool, const struct manifest_index *known)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < known->n_entries; i++)
		if (known->entries[i].state == RECORD_REPLAY)
			r = replay_add(spool, known->entries[i].source);
	for (struct spool_name *name = spool->replay; r == 0 && name;) {
		struct spool_name *next = name->next;
		if (!replay_position(known, name->text, 0))
			spool_replay_end(spool, name->text);
		name = next;
	}
	return r;
}

/* Up to where all outputs have it, by what they say themselves. */
static uint64_t lost_acked(const struct spool *spool)
{
	uint64_t least = spool->store->last_sequence;
	for (uint32_t i = 0; i < spool->n_readers; i++) {
		const struct spool_reader *reader = &spool->readers[i];
		uint64_t has = reader->stored > reader->acked ? reader->stored : reader->acked;
		if (reader->name && has < least)
			least = has;
	}
	return least;
}

int spool_resume(void *self, const char *source, const char **ret)
{
	struct spool *spool = self;
	if (!*replay_find(spool, source))
		return -ENOENT;
	struct manifest_index *known = manifest_index_load(&spool->manifest);
	if (!known)
		return -ENOENT;
	const char *position = replay_position(known, source, lost_acked(spool));
	char *copy = position ? strdup(position) : NULL;
	manifest_index_destroy(known);
	if (!position)
		return -ENOENT;
	if (!copy)
		return tally_fail(spool->ctx, ENOMEM, "no memory");
	/* The caller may read it until the next call. */
	free(spool->position);
	spool->position = copy;
	*ret = copy;
	return 0;
}
