/* Open addressing; the tags themselves stand one after the other in one block. */
#include "keys.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

enum { KEYS_FIRST_SLOTS = 1024 };
#define KEYS_MAX_BYTES ((size_t)64 << 20)

struct keys {
	uint32_t *slots; /* entry + 1; 0: free */
	uint32_t n_slots, n;
	struct keys_entry *entries; /* room for half as many as there are slots */
	uint32_t last;              /* entry that was found last */
	struct strbuf bytes;
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
	free(keys->entries);
	strbuf_done(&keys->bytes);
	free(keys);
}

void keys_clear(struct keys *keys)
{
	if (keys->slots)
		memset(keys->slots, 0, keys->n_slots * sizeof(*keys->slots));
	keys->n = keys->last = 0;
	strbuf_clear(&keys->bytes);
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

static uint32_t *keys_slot(const struct keys *keys, uint64_t hash, const void *tags, size_t len)
{
	for (uint32_t at = (uint32_t)hash;; at++) {
		uint32_t *slot = &keys->slots[at & (keys->n_slots - 1)];
		if (*slot == 0)
			return slot;
		const struct keys_entry *entry = &keys->entries[*slot - 1];
		if (entry->hash == hash && entry->len == len &&
		    memcmp(keys->bytes.data + entry->at, tags, len) == 0)
			return slot;
	}
}

/* ---- Finding ------------------------------------------------------------------ */

const struct keys_entry *keys_guess(const struct keys *keys, const char **ret_tags)
{
	if (keys->n == 0)
		return NULL;
	const struct keys_entry *entry = &keys->entries[keys->entries[keys->last].next];
	*ret_tags = keys->bytes.data + entry->at;
	return entry;
}

void keys_guessed_right(struct keys *keys, const struct keys_entry *entry)
{
	keys->last = (uint32_t)(entry - keys->entries);
}

uint32_t keys_find(struct keys *keys, const void *tags, size_t len)
{
	uint32_t slot = keys->n ? *keys_slot(keys, keys_hash(tags, len), tags, len) : 0;
	if (slot == 0)
		return 0;
	keys->entries[keys->last].next = slot - 1;
	keys->last = slot - 1;
	return keys->entries[slot - 1].series;
}

/* ---- Adding ------------------------------------------------------------------- */

static bool keys_grow(struct keys *keys)
{
	if (2 * (keys->n + 1) <= keys->n_slots)
		return true;
	uint32_t n = keys->n_slots ? 2 * keys->n_slots : KEYS_FIRST_SLOTS;
	struct keys_entry *entries = realloc(keys->entries, n / 2 * sizeof(*entries));
	if (!entries)
		return false;
	keys->entries = entries;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (!slots)
		return false;
	free(keys->slots);
	keys->slots = slots;
	keys->n_slots = n;
	for (uint32_t i = 0; i < keys->n; i++)
		*keys_slot(keys, entries[i].hash, keys->bytes.data + entries[i].at,
			   entries[i].len) = i + 1;
	return true;
}

void keys_add(struct keys *keys, const void *tags, size_t len, uint32_t series)
{
	if (keys->bytes.len + len > KEYS_MAX_BYTES)
		keys_clear(keys);
	if (series == 0 || !keys_grow(keys))
		return;
	uint64_t hash = keys_hash(tags, len);
	uint32_t *slot = keys_slot(keys, hash, tags, len);
	if (*slot) {
		keys->entries[*slot - 1].series = series;
		return;
	}
	size_t at = keys->bytes.len;
	strbuf_bytes(&keys->bytes, tags, len);
	if (keys->bytes.failed) {
		keys_clear(keys);
		return;
	}
	keys->entries[keys->n] = (struct keys_entry){hash, at, (uint32_t)len, series, 0};
	*slot = ++keys->n;
}
