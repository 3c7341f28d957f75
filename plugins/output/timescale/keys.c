/* Open addressing; the tags themselves stand one after the other in one block. */
#include "keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pg_text.h"

enum { KEYS_FIRST_SLOTS = 1024 };
#define KEYS_MAX_BYTES ((size_t)64 << 20)

struct keys_slot {
	uint64_t hash;
	size_t at;
	uint32_t len, series; /* series 0: free */
};

struct keys {
	struct keys_slot *slots;
	uint32_t n_slots, n;
	struct pg_text bytes;
};

struct keys *keys_create(void)
{
	return calloc(1, sizeof(struct keys));
}

void keys_destroy(struct keys *keys)
{
	if (!keys)
		return;
	free(keys->slots);
	pg_text_done(&keys->bytes);
	free(keys);
}

void keys_clear(struct keys *keys)
{
	if (keys->slots)
		memset(keys->slots, 0, keys->n_slots * sizeof(*keys->slots));
	keys->n = 0;
	pg_text_clear(&keys->bytes);
}

static uint64_t keys_mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

/* Two words at a time, of which neither waits for the other; tags come from our own inputs, so
 * nobody chooses them to collide. */
static uint64_t keys_hash(const char *bytes, size_t len)
{
	uint64_t one = len * UINT64_C(0x9e3779b97f4a7c15), other = 0, words[2];
	for (; len >= sizeof(words); bytes += sizeof(words), len -= sizeof(words)) {
		memcpy(words, bytes, sizeof(words));
		one = keys_mix(one, words[0]);
		other = keys_mix(other, words[1]);
	}
	memset(words, 0, sizeof(words));
	memcpy(words, bytes, len);
	return keys_mix(keys_mix(one, words[0]), keys_mix(other, words[1]));
}

static struct keys_slot *keys_slot(const struct keys *keys, uint64_t hash, const void *tags,
				   size_t len)
{
	for (uint32_t at = (uint32_t)hash;; at++) {
		struct keys_slot *slot = &keys->slots[at & (keys->n_slots - 1)];
		if (slot->series == 0 || (slot->hash == hash && slot->len == len &&
					  memcmp(keys->bytes.data + slot->at, tags, len) == 0))
			return slot;
	}
}

uint32_t keys_find(const struct keys *keys, const void *tags, size_t len)
{
	return keys->n ? keys_slot(keys, keys_hash(tags, len), tags, len)->series : 0;
}

static bool keys_grow(struct keys *keys)
{
	if (2 * (keys->n + 1) <= keys->n_slots)
		return true;
	uint32_t n_old = keys->n_slots, n = n_old ? 2 * n_old : KEYS_FIRST_SLOTS;
	struct keys_slot *old = keys->slots, *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	keys->slots = slots;
	keys->n_slots = n;
	for (uint32_t i = 0; i < n_old; i++)
		if (old[i].series)
			*keys_slot(keys, old[i].hash, keys->bytes.data + old[i].at, old[i].len) =
				old[i];
	free(old);
	return true;
}

void keys_add(struct keys *keys, const void *tags, size_t len, uint32_t series)
{
	if (keys->bytes.len + len > KEYS_MAX_BYTES)
		keys_clear(keys);
	if (series == 0 || !keys_grow(keys))
		return;
	uint64_t hash = keys_hash(tags, len);
	size_t at = keys->bytes.len;
	pg_text_bytes(&keys->bytes, tags, len);
	if (keys->bytes.failed) {
		keys_clear(keys);
		return;
	}
	struct keys_slot *slot = keys_slot(keys, hash, tags, len);
	if (slot->series == 0)
		keys->n++;
	*slot = (struct keys_slot){hash, at, (uint32_t)len, series};
}
