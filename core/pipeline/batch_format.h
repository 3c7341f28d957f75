/*
 * The bytes of a batch, between batch_codec.c (encodes) and batch_decode.c:
 *
 * header   magic, version, checksum of all that follows it, lengths: codec_header
 * schema   table name\0, then of each column: type, role, name\0, unit\0
 * rows     each a bitmap of the cells that are set, then those: 8 bytes for numbers, 1 for
 *          booleans, 4 (the length) for text
 * texts    one behind the other, in the order of their cells
 */
#ifndef TALLYD_CORE_BATCH_FORMAT_H
#define TALLYD_CORE_BATCH_FORMAT_H

#include <tallyd/plugin.h>

enum {
	CODEC_MAGIC = 0x42594c54, /* "TLYB" */
	CODEC_VERSION = 1,
	CODEC_UNCHECKED = 12,     /* bytes before what the checksum covers */
	CODEC_MAX_COLUMNS = 1600, /* as many as a PostgreSQL table may have */
	CODEC_MAX_NAME = 48,
	CODEC_MAX_UNIT = 255,
};

struct codec_header { /* little-endian */
	uint32_t magic, version, checksum, length;
	uint32_t kind, revision, n_columns, n_rows;
	uint32_t schema_bytes, text_bytes;
};

static inline size_t codec_bitmap_bytes(uint32_t n_columns)
{
	return (n_columns + 7) / 8;
}

/* Bytes of a set cell within its row; 0: no such type. */
static inline size_t codec_cell_bytes(uint16_t type)
{
	switch (type) {
	case TALLY_TIME:
	case TALLY_INT:
	case TALLY_REAL:
		return 8;
	case TALLY_BOOL:
		return 1;
	case TALLY_TEXT:
	case TALLY_JSON:
		return 4;
	default:
		return 0;
	}
}

static inline bool codec_is_text(uint16_t type)
{
	return type == TALLY_TEXT || type == TALLY_JSON;
}

#endif
