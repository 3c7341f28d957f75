/*
 * The one hash of tables, sets, fingerprints and tags of answers; 64 bits, fast, well spread.  Not
 * for signatures, and not for files: its values may differ between versions and machines, where a
 * checksum is wanted there is crc32c.h.
 *
 * Words are folded as in wyhash and rapidhash (https://github.com/Nicoshev/rapidhash): the 128 bits
 * of a product, halves added without carry.  Both factors depend on the seed, so that who chooses
 * the bytes but does not know the seed cannot choose a factor of 0, after which the bytes before
 * would count for nothing.  Where clients choose, the seed is random per process.
 *
 * Pure functions, any thread; inline, since keys of some ten bytes are the usual case.
 */
#ifndef TALLYD_BASE_HASH_H
#define TALLYD_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* 2^64 / φ, and the multiplier of MurmurHash3's finalizer: odd, half their bits set. */
#define HASH_A UINT64_C(0x9e3779b97f4a7c15)
#define HASH_B UINT64_C(0xff51afd7ed558ccd)

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX), cross = (a >> 32) * (b & UINT32_MAX);
	uint64_t other = (a & UINT32_MAX) * (b >> 32), high = (a >> 32) * (b >> 32);
	uint64_t middle = (low >> 32) + (cross & UINT32_MAX) + other;
	low = middle << 32 | (low & UINT32_MAX);
	return low ^ (high + (cross >> 32) + (middle >> 32));
#endif
}

/* The next of several: hash_word(hash_text(seed, name), number). */
static inline uint64_t hash_word(uint64_t seed, uint64_t word)
{
	return hash_fold(word ^ HASH_A, hash_fold(seed ^ HASH_B, HASH_A));
}

static inline uint64_t hash_read(const char *at, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, at, n);
	return word;
}

/* The length counts: "ab" then "c" is not "a" then "bc".  Two lanes, so that neither product waits
 * for the other, and the last 16 bytes once more instead of a loop over what is left. */
static inline uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
	const char *at = bytes, *end = at + len;
	uint64_t secret = hash_fold(seed ^ HASH_B, HASH_A), hash = secret ^ len, other = hash;
	for (; end - at > 32; at += 32) {
		hash = hash_fold(hash_read(at, 8) ^ secret, hash_read(at + 8, 8) ^ hash);
		other = hash_fold(hash_read(at + 16, 8) ^ secret, hash_read(at + 24, 8) ^ other);
	}
	hash ^= other << 1 | other >> 63;
	if (end - at > 16)
		hash = hash_fold(hash_read(at, 8) ^ secret, hash_read(at + 8, 8) ^ hash);
	uint64_t first = 0, last = 0;
	if (len >= 16) {
		first = hash_read(end - 16, 8);
		last = hash_read(end - 8, 8);
	} else if (len >= 8) {
		first = hash_read(at, 8);
		last = hash_read(end - 8, 8);
	} else if (len >= 4) {
		first = hash_read(at, 4);
		last = hash_read(end - 4, 4);
	} else if (len > 0) {
		first = (unsigned char)at[0] | (uint64_t)(unsigned char)at[len / 2] << 8 |
			(uint64_t)(unsigned char)end[-1] << 16;
	}
	hash = hash_fold(first ^ secret, last ^ hash);
	return hash_fold(hash ^ HASH_A, secret ^ HASH_B);
}

static inline uint64_t hash_text(uint64_t seed, const char *text)
{
	return hash_bytes(seed, text, strlen(text));
}

#endif
