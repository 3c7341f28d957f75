/*
 * Format: a head, then four parts without gaps (key, Link header, plain body, gzip body), whose
 * lengths are in the head.  shared_cache.c encodes and decodes on the workers.  Decoding trusts
 * nothing: all lengths are checked against the size before any part is read, and the checksum
 * covers everything behind itself.  It fails with -EBADMSG for anything unexpected, also for the
 * format of another version, so a change of the format only needs another CODEC_VERSION.
 */
#include "cache/response_codec.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum response_codec_part { CODEC_KEY, CODEC_LINK, CODEC_IDENTITY, CODEC_GZIP, CODEC_PARTS };

/* All numbers little-endian: processes on different machines may share a cache. */
struct response_codec_head {
	char magic[8];
	uint64_t checksum; /* of all that follows */
	uint64_t made;
	uint32_t type;
	uint32_t len[CODEC_PARTS];
	uint32_t reserved;
};

static const char response_codec_magic[8] = {'t', 'a', 'l', 'l', 'y', 'd', 0, CODEC_VERSION};
static const char *const response_codec_types[] = {content_type_json, content_type_csv,
						   content_type_ndjson};

enum { CODEC_TYPES = sizeof(response_codec_types) / sizeof(*response_codec_types) };
enum { CODEC_UNCHECKED = offsetof(struct response_codec_head, made) };

static uint64_t response_codec_checksum(const char *bytes, size_t len)
{
	return htole64(hash_bytes(0, bytes + CODEC_UNCHECKED, len - CODEC_UNCHECKED));
}

/* ---- Encoding ------------------------------------------------------------ */

static uint32_t response_codec_type(const char *type)
{
	uint32_t i = 0;
	while (i < CODEC_TYPES && response_codec_types[i] != type)
		i++;
	return i;
}

int response_encode(const struct response *response, const struct codec_meta *meta, char **ret,
		    size_t *ret_len)
{
	const struct {
		const char *data;
		size_t len;
	} parts[CODEC_PARTS] = {
		{meta->key, strlen(meta->key)},
		{response->link, response->link ? strlen(response->link) : 0},
		{response->body[RESPONSE_IDENTITY].data, response->body[RESPONSE_IDENTITY].len},
		{response->body[RESPONSE_GZIP].data, response->body[RESPONSE_GZIP].len},
	};
	struct response_codec_head head = {.made = htole64((uint64_t)meta->made),
					   .type = htole32(response_codec_type(response->type))};
	size_t len = sizeof(head);
	memcpy(head.magic, response_codec_magic, sizeof(head.magic));
	for (int i = 0; i < CODEC_PARTS; i++) {
		head.len[i] = htole32((uint32_t)parts[i].len);
		len += parts[i].len;
	}
	if (len > CODEC_MAX || response_codec_type(response->type) == CODEC_TYPES)
		return -E2BIG;
	char *bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	char *end = bytes + sizeof(head);
	for (int i = 0; i < CODEC_PARTS; i++) {
		if (parts[i].len)
			memcpy(end, parts[i].data, parts[i].len);
		end += parts[i].len;
	}
	memcpy(bytes, &head, sizeof(head));
	head.checksum = response_codec_checksum(bytes, len);
	memcpy(bytes, &head, sizeof(head));
	*ret = bytes;
	*ret_len = len;
	return 0;
}

/* ---- Decoding ------------------------------------------------------------ */

/* The lengths add up to exactly `len`, in 64 bits so that they cannot wrap. */
static bool response_codec_is_whole(const struct response_codec_head *head, const char *bytes,
				    size_t len)
{
	uint64_t sum = sizeof(*head);
	for (int i = 0; i < CODEC_PARTS; i++)
		sum += le32toh(head->len[i]);
	return memcmp(head->magic, response_codec_magic, sizeof(response_codec_magic)) == 0 &&
	       sum == len && le32toh(head->type) < CODEC_TYPES &&
	       head->checksum == response_codec_checksum(bytes, len);
}

/* The link becomes a header: a control character in it could begin another header. */
static bool response_codec_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127)
			return false;
	return true;
}

/* NULL: empty, or no memory. */
static char *response_codec_copy(const char *data, size_t len, bool *ret_failed)
{
	char *copy = len ? malloc(len + 1) : NULL;
	if (copy) {
		memcpy(copy, data, len);
		copy[len] = '\0';
	}
	*ret_failed |= len && !copy;
	return copy;
}

static struct response *response_codec_restore(const struct response_codec_head *head,
					       const char *const *parts)
{
	struct response *response = calloc(1, sizeof(*response));
	bool failed = false;
	if (!response)
		return NULL;
	atomic_init(&response->references, 1);
	response->status = 200;
	response->type = response_codec_types[le32toh(head->type)];
	response->link =
		response_codec_copy(parts[CODEC_LINK], le32toh(head->len[CODEC_LINK]), &failed);
	for (int i = 0; i < RESPONSE_CODINGS; i++) {
		size_t len = le32toh(head->len[CODEC_IDENTITY + i]);
		response->body[i].data =
			response_codec_copy(parts[CODEC_IDENTITY + i], len, &failed);
		response->body[i].len = len;
	}
	response_set_etags(response);
	if (!failed)
		return response;
	response_drop(response);
	return NULL;
}

int response_decode(const void *bytes, size_t len, const char *key, struct codec_meta *ret_meta,
		    struct response **ret)
{
	struct response_codec_head head;
	const char *parts[CODEC_PARTS], *part = (const char *)bytes + sizeof(head);
	if (len < sizeof(head) || len > CODEC_MAX)
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!response_codec_is_whole(&head, bytes, len))
		return -EBADMSG;
	for (int i = 0; i < CODEC_PARTS; i++) {
		parts[i] = part;
		part += le32toh(head.len[i]);
	}
	if (le32toh(head.len[CODEC_KEY]) != strlen(key) ||
	    memcmp(parts[CODEC_KEY], key, strlen(key)) != 0 ||
	    !response_codec_is_printable(parts[CODEC_LINK], le32toh(head.len[CODEC_LINK])))
		return -EBADMSG;
	struct response *response = response_codec_restore(&head, parts);
	if (!response)
		return -ENOMEM;
	*ret_meta = (struct codec_meta){key, (int64_t)le64toh(head.made)};
	*ret = response;
	return 0;
}
