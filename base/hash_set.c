/*
 * A set of hashes by open addressing, for the rows that the store gave to one client.  Made by the
 * worker that resumes a client, read by libmicrohttpd's thread after that.
 *
 * It has twice the slots that it was made for and never grows.  Two rows with one 64-bit hash are
 * taken for one: with 10,000 rows the
 * chance is under 10^-11, and the cost one row of a stream.
 */
#include "base/hash_set.h"

#include <errno.h>
#include <stdlib.h>

enum { HASH_SET_LEAST = 64 };

int hash_set_init(struct hash_set *seen, size_t n_hashes)
{
	size_t size = HASH_SET_LEAST;
	while (size < 2 * n_hashes)
		size *= 2;
	seen->mask = size - 1;
	seen->slots = calloc(size, sizeof(*seen->slots));
	return seen->slots ? 0 : -ENOMEM;
}

void hash_set_done(struct hash_set *seen)
{
	free(seen->slots);
	*seen = (struct hash_set){.slots = NULL};
}

static uint64_t *hash_set_place(const struct hash_set *seen, uint64_t hash)
{
	size_t at = (hash ^ hash >> 32) & seen->mask;
	while (seen->slots[at] && seen->slots[at] != hash)
		at = (at + 1) & seen->mask;
	return &seen->slots[at];
}

bool hash_set_add(struct hash_set *seen, uint64_t hash)
{
	uint64_t *place = hash_set_place(seen, hash | 1);
	bool fresh = *place == 0;
	*place = hash | 1;
	return fresh;
}

bool hash_set_has(const struct hash_set *seen, uint64_t hash)
{
	return seen->slots && *hash_set_place(seen, hash | 1) != 0;
}
