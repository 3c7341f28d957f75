/*
 * Packed rows as a damaged or forged file may hold them: as they are, and with their checksum put
 * right, so that what lies behind it is reached.  What can be read must pack to something that
 * reads the same.
 */
#include <endian.h>
#include <libdeflate.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packed/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKED_FROM = 4, MAX_COLUMNS = 16 };

static void must(int condition)
{
	if (!condition)
		abort();
}

static int has_bytes(const struct chunk_value *value)
{
	return value->type == CHUNK_TEXT || value->type == CHUNK_BLOB;
}

static void must_be_same(const struct chunk_value *a, const struct chunk_value *b)
{
	must(a->type == b->type);
	if (has_bytes(a))
		must(a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0);
	else if (a->type != CHUNK_NULL)
		must(memcmp(&a->i, &b->i, sizeof(a->i)) == 0);
}

static void pack_again(const struct chunk_value *const *columns, uint32_t n_columns,
		       uint32_t n_rows)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	struct chunk chunk;
	must(chunk_encode(columns, n_columns, n_rows, &bytes, &len) == 0);
	must(chunk_open(&chunk, bytes, len) == 0);
	for (uint32_t c = 0; c < n_columns; c++) {
		const struct chunk_value *values = NULL;
		must(chunk_read(&chunk, c, &values) == 0);
		for (uint32_t i = 0; i < n_rows; i++)
			must_be_same(&values[i], &columns[c][i]);
	}
	chunk_done(&chunk);
	free(bytes);
}

static void read_all(const uint8_t *data, size_t size)
{
	struct chunk chunk;
	const struct chunk_value *columns[MAX_COLUMNS];
	uint32_t n = 0;
	if (chunk_open(&chunk, data, size) != 0)
		return;
	/* One more than there are, which is NULL. */
	for (uint32_t c = 0; c <= chunk.n_columns && n < MAX_COLUMNS; c++)
		n += chunk_read(&chunk, c, &columns[n]) == 0;
	pack_again(columns, n, chunk.n_rows);
	chunk_done(&chunk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_all(data, size);
	if (size < CHECKED_FROM)
		return 0;
	uint8_t *forged = malloc(size);
	must(forged != NULL);
	memcpy(forged, data, size);
	uint32_t checksum =
		htole32(libdeflate_crc32(0, forged + CHECKED_FROM, size - CHECKED_FROM));
	memcpy(forged, &checksum, sizeof(checksum));
	read_all(forged, size);
	free(forged);
	return 0;
}
