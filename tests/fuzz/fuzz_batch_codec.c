/*
 * Batches as a damaged or forged journal may hold them.  Each input is tried as it is and with its
 * length and checksum put right, so that what lies behind those is reached; what can be decoded
 * must encode to something that decodes to the same bytes again.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch.h"
#include "pipeline/batch_codec.h"
#include "base/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHECKSUM_AT = 8, LENGTH_AT = 12, HEADER_SIZE = 40 };

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "value", .type = TALLY_REAL},
	{.name = "up", .type = TALLY_BOOL},
};
static const struct tally_table declared = {
	.name = "t", .help = "", .columns = columns, .n_columns = 4, .kind = TALLY_SERIES};

static const struct tally_table *find(void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "t") == 0 ? &declared : NULL;
}

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void encode_again(const struct tally_batch *batch)
{
	struct tally_batch *back;
	void *first, *second;
	size_t first_len, second_len;
	must(batch_encode(batch, &first, &first_len) == 0);
	must(batch_decode(first, first_len, find, NULL, &back, NULL) == 0);
	must(back->n_rows == batch->n_rows);
	must(batch_encode(back, &second, &second_len) == 0);
	must(first_len == second_len && memcmp(first, second, first_len) == 0);
	free(first);
	free(second);
	batch_drop(back);
}

static void decode(const uint8_t *data, size_t size)
{
	struct tally_batch *batch;
	struct error error;
	if (batch_decode(data, size, find, NULL, &batch, &error) < 0)
		return;
	encode_again(batch);
	batch_drop(batch);
}

static void put_right(uint8_t *bytes, size_t size)
{
	uint32_t length = htole32((uint32_t)size);
	memcpy(bytes + LENGTH_AT, &length, sizeof(length));
	uint32_t checksum = htole32(crc32c(bytes + LENGTH_AT, size - LENGTH_AT));
	memcpy(bytes + CHECKSUM_AT, &checksum, sizeof(checksum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(data, size);
	if (size < HEADER_SIZE)
		return 0;
	uint8_t *forged = malloc(size);
	must(forged != NULL);
	memcpy(forged, data, size);
	put_right(forged, size);
	decode(forged, size);
	free(forged);
	return 0;
}
