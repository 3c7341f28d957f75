/*
 * The one hash of tables, sets, fingerprints and tags of answers: XXH3 of libxxhash, 64 bits, fast
 * and well spread.  Not for signatures, and not for files: there a checksum is wanted, crc32c.h.
 *
 * Inline (XXH_INLINE_ALL needs only the library's header), since keys of some ten bytes are the
 * usual case and a constant seed or length folds into them.  Where clients choose the bytes, the
 * seed is random per process, so that they cannot aim at one slot of a table.
 *
 * Pure functions, any thread.  Decision 18 has the figures.
 */
#ifndef TALLYD_BASE_HASH_H
#define TALLYD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The length counts: "ab" then "c" is not "a" then "bc". */
static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	return XXH3_64bits_withSeed(bytes, len, seed);
}

static inline uint64_t hash_text(uint64_t seed, const char *text)
{
	return hash_bytes(seed, text, strlen(text));
}

/* The next of several: hash_word(hash_text(seed, name), number). */
static inline uint64_t hash_word(uint64_t seed, uint64_t word)
{
	return hash_bytes(seed, &word, sizeof(word));
}

#endif
