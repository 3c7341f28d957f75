/*
 * Rows of one series as one blob, column by column: what they were is what they are again, to the
 * last bit.  A column is read only when it is asked for.
 *
 *   u32 CRC-32 of all that follows; u8 version; u8 0; u16 columns; u32 rows
 *   u32 per column: where it ends, from the end of this list
 *   per column: u8 its form (chunk_format.h); if CHUNK_DEFLATED u32 its length before; its bytes
 *
 * Little-endian.  Bytes are not trusted: whatever they are, reading ends in rows or in -EBADMSG.
 * Pure functions and memory of their own; a chunk is used by one thread at a time.
 */
#ifndef TALLYD_SQLITE_CHUNK_H
#define TALLYD_SQLITE_CHUNK_H

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_MAX_ROWS = 8192, CHUNK_MAX_COLUMNS = 1024, CHUNK_MAX_COLUMN_BYTES = 64 << 20 };

/* What SQLite tells apart; not what the column was declared as. */
enum chunk_type { CHUNK_NULL, CHUNK_INT, CHUNK_REAL, CHUNK_TEXT, CHUNK_BLOB, CHUNK_N_TYPES };

struct chunk_value {
	uint32_t type; /* enum chunk_type */
	uint32_t len;  /* of bytes */
	union {
		int64_t i;
		double f;
		const char *bytes; /* of text and blob; not NUL-terminated */
	};
};

struct chunk {
	uint8_t *bytes;
	size_t len;
	uint32_t n_rows, n_columns;
	struct chunk_column *columns;
};

/* columns[c][row].  The blob is to be freed.  -E2BIG: a column of more than
 * CHUNK_MAX_COLUMN_BYTES. */
int chunk_encode(const struct chunk_value *const *columns, uint32_t n_columns, uint32_t n_rows,
		 uint8_t **ret, size_t *ret_len);

/* Copies the bytes, and checks all but what is in the columns. */
int chunk_open(struct chunk *chunk, const void *bytes, size_t len);
/* n_rows values, the chunk's own; NULL for all rows if it has not so many columns. */
int chunk_read(struct chunk *chunk, uint32_t column, const struct chunk_value **ret);
void chunk_done(struct chunk *chunk); /* also of one that was never opened, if it is all 0 */

#endif
