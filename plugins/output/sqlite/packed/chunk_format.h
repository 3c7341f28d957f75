/*
 * What the writing (chunk_write.c) and the reading of a chunk (chunk_read.c) have in common: the
 * forms of a column, and how numbers become bytes.  Nobody else needs it.
 */
#ifndef TALLYD_SQLITE_CHUNK_FORMAT_H
#define TALLYD_SQLITE_CHUNK_FORMAT_H

#include <libdeflate.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_VERSION = 1, CHUNK_CHECKSUM = 4, CHUNK_HEADER = 12 };

enum chunk_form {
	CHUNK_SAME,
	CHUNK_DELTAS,
	CHUNK_DELTAS_OF_DELTAS,
	CHUNK_XOR_PLANES,
	CHUNK_VALUES,
	CHUNK_N_FORMS,
	CHUNK_HAS_NULLS = 0x40, /* a bit per row comes first: 1 has a value */
	CHUNK_DEFLATED = 0x80
};

/* Of all behind it.  libdeflate's own, an order of magnitude faster than crc32c.h. */
static inline uint32_t chunk_checksum(const uint8_t *bytes, size_t len)
{
	return libdeflate_crc32(0, bytes + CHUNK_CHECKSUM, len - CHUNK_CHECKSUM);
}

/* So that small numbers are short, whatever their sign (Protocol Buffers, Encoding, "Signed
 * Integers"). */
static inline uint64_t chunk_zigzag(uint64_t value)
{
	return value << 1 ^ (value >> 63 ? UINT64_MAX : 0);
}

static inline uint64_t chunk_unzigzag(uint64_t value)
{
	return value >> 1 ^ (value & 1 ? UINT64_MAX : 0);
}

#endif
