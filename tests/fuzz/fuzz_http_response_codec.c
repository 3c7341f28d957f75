/*
 * Cached answers as they come back from a shared cache, also with their checksum made right, so
 * that what is behind it is reached.  Whatever opens must be sound, and meta to the same bytes
 * again.
 */
#include <endian.h>
#include <cache/response_codec.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fake_host.h"

enum { CHECKSUM_AT = 8, CHECKED_FROM = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *bytes, size_t len, const char *key)
{
	struct codec_meta meta;
	struct response *response;
	char *again;
	size_t again_len;
	if (response_decode(bytes, len, key, &meta, &response) < 0)
		return;
	for (const char *p = response->link; p && *p; p++)
		if (*p < ' ')
			abort();
	if (response_encode(response, &meta, &again, &again_len) < 0)
		abort();
	/* An empty part may stand for one that is not there, and the last number means nothing. */
	if (again_len != len)
		abort();
	free(again);
	response_drop(response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = malloc(size + 1);
	if (!bytes)
		abort();
	memcpy(bytes, data, size);
	check(bytes, size, "key");
	if (size >= CHECKED_FROM) {
		uint64_t checksum =
			htole64(hash_bytes(0, bytes + CHECKED_FROM, size - CHECKED_FROM));
		memcpy(bytes + CHECKSUM_AT, &checksum, sizeof(checksum));
		check(bytes, size, "key");
	}
	free(bytes);
	return 0;
}
