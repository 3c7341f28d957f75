/*
 * By sequence in an array: pushes append, acknowledgement cuts off the front, and finding one is a
 * binary search.  Each has a reference of its own, so that dropping it here takes nothing from
 * whoever else still has the batch.  Called for each push and each fetch, under the journal's lock.
 * Without memory nothing is lost: the entry is read from the file later.
 */
#include "spool_held.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of the first entry that is not before it. */
static size_t spool_held_index(const struct spool_held *held, uint64_t sequence)
{
	size_t low = 0, high = held->n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (held->entries[middle].sequence < sequence)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct spool_held_entry *spool_held_find(const struct spool_held *held, uint64_t sequence)
{
	size_t at = spool_held_index(held, sequence);
	return at < held->n && held->entries[at].sequence == sequence ? &held->entries[at] : NULL;
}

int spool_held_add(struct spool_held *held, uint64_t sequence, const struct tally_batch *batch)
{
	if (held->n == held->room) {
		size_t room = held->room ? held->room * 2 : 64;
		void *grown = reallocarray(held->entries, room, sizeof(*held->entries));
		if (!grown)
			return -ENOMEM;
		held->entries = grown;
		held->room = room;
	}
	size_t at = spool_held_index(held, sequence);
	memmove(held->entries + at + 1, held->entries + at,
		(held->n - at) * sizeof(*held->entries));
	tally_batch_keep(held->ctx, batch);
	held->entries[at] = (struct spool_held_entry){
		.sequence = sequence,
		.batch = batch,
		.bytes = tally_batch_bytes(held->ctx, batch),
	};
	held->n++;
	held->bytes += held->entries[at].bytes;
	return 0;
}

size_t spool_held_bytes(const struct spool_held *held, uint64_t after, uint64_t up_to)
{
	size_t bytes = 0;
	for (size_t i = spool_held_index(held, after + 1);
	     i < held->n && held->entries[i].sequence <= up_to; i++)
		bytes += held->entries[i].bytes;
	return bytes;
}

static void spool_held_cut(struct spool_held *held, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++) {
		held->bytes -= held->entries[i].bytes;
		tally_batch_drop(held->ctx, held->entries[i].batch);
	}
	if (n > 0)
		memmove(held->entries + at, held->entries + at + n,
			(held->n - at - n) * sizeof(*held->entries));
	held->n -= n;
}

void spool_held_remove(struct spool_held *held, uint64_t sequence)
{
	if (spool_held_find(held, sequence))
		spool_held_cut(held, spool_held_index(held, sequence), 1);
}

void spool_held_forget(struct spool_held *held, uint64_t up_to)
{
	size_t n = 0;
	while (n < held->n && held->entries[n].sequence <= up_to)
		n++;
	spool_held_cut(held, 0, n);
}

void spool_held_shrink(struct spool_held *held, size_t bytes, spool_on_loan_fn *on_loan,
		       const void *arg)
{
	for (size_t i = 0; i < held->n && held->bytes > bytes;) {
		if (on_loan(arg, held->entries[i].sequence))
			i++;
		else
			spool_held_cut(held, i, 1);
	}
}

void spool_held_done(struct spool_held *held)
{
	spool_held_cut(held, 0, held->n);
	free(held->entries);
	held->entries = NULL;
	held->room = 0;
}
