#include "seal.h"

#include "base/cleanup.h"
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum seal_part { SEAL_KEY, SEAL_LINK, SEAL_IDENTITY, SEAL_GZIP, SEAL_PARTS };

/* In front of the parts; all numbers little-endian. */
struct seal_head {
	char magic[8];
	uint64_t checksum; /* of all that follows */
	uint64_t mark;
	uint64_t made;
	uint32_t type;
	uint32_t len[SEAL_PARTS];
	uint32_t reserved;
};

static const char seal_magic[8] = {'t', 'a', 'l', 'l', 'y', 'd', 0, SEAL_VERSION};
static const char *const seal_types[] = {reply_json, reply_csv, reply_ndjson};

enum { SEAL_TYPES = sizeof(seal_types) / sizeof(*seal_types) };
enum { SEAL_UNCHECKED = offsetof(struct seal_head, mark) };

static uint64_t seal_checksum(const char *bytes, size_t len)
{
	return htole64(parcel_hash(bytes + SEAL_UNCHECKED, len - SEAL_UNCHECKED));
}

/* ---- Packing ------------------------------------------------------------- */

static uint32_t seal_type(const char *type)
{
	uint32_t i = 0;
	while (i < SEAL_TYPES && seal_types[i] != type)
		i++;
	return i;
}

int seal_pack(const struct parcel *parcel, const struct seal *seal, char **ret, size_t *ret_len)
{
	const struct {
		const char *data;
		size_t len;
	} parts[SEAL_PARTS] = {
		{seal->key, strlen(seal->key)},
		{parcel->link, parcel->link ? strlen(parcel->link) : 0},
		{parcel->body[PARCEL_IDENTITY].data, parcel->body[PARCEL_IDENTITY].len},
		{parcel->body[PARCEL_GZIP].data, parcel->body[PARCEL_GZIP].len},
	};
	struct seal_head head = {.mark = htole64(seal->mark),
				 .made = htole64((uint64_t)seal->made),
				 .type = htole32(seal_type(parcel->type))};
	size_t len = sizeof(head);
	memcpy(head.magic, seal_magic, sizeof(head.magic));
	for (int i = 0; i < SEAL_PARTS; i++) {
		head.len[i] = htole32((uint32_t)parts[i].len);
		len += parts[i].len;
	}
	if (len > SEAL_MAX || seal_type(parcel->type) == SEAL_TYPES)
		return -E2BIG;
	char *bytes = malloc(len);
	if (!bytes)
		return -ENOMEM;
	char *end = bytes + sizeof(head);
	for (int i = 0; i < SEAL_PARTS; i++) {
		if (parts[i].len)
			memcpy(end, parts[i].data, parts[i].len);
		end += parts[i].len;
	}
	memcpy(bytes, &head, sizeof(head));
	head.checksum = seal_checksum(bytes, len);
	memcpy(bytes, &head, sizeof(head));
	*ret = bytes;
	*ret_len = len;
	return 0;
}

/* ---- Opening ------------------------------------------------------------- */

/* The whole of it, and nothing behind. */
static bool seal_is_whole(const struct seal_head *head, const char *bytes, size_t len)
{
	uint64_t sum = sizeof(*head);
	for (int i = 0; i < SEAL_PARTS; i++)
		sum += le32toh(head->len[i]);
	return memcmp(head->magic, seal_magic, sizeof(seal_magic)) == 0 && sum == len &&
	       le32toh(head->type) < SEAL_TYPES && head->checksum == seal_checksum(bytes, len);
}

/* It becomes a header: no control characters, which could begin another one. */
static bool seal_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || (unsigned char)text[i] >= 127)
			return false;
	return true;
}

/* NULL: empty, or no memory. */
static char *seal_copy(const char *data, size_t len, bool *ret_failed)
{
	char *copy = len ? malloc(len + 1) : NULL;
	if (copy) {
		memcpy(copy, data, len);
		copy[len] = '\0';
	}
	*ret_failed |= len && !copy;
	return copy;
}

static struct parcel *seal_parcel(const struct seal_head *head, const char *const *parts)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel));
	bool failed = false;
	if (!parcel)
		return NULL;
	atomic_init(&parcel->references, 1);
	parcel->status = 200;
	parcel->type = seal_types[le32toh(head->type)];
	parcel->link = seal_copy(parts[SEAL_LINK], le32toh(head->len[SEAL_LINK]), &failed);
	for (int i = 0; i < PARCEL_CODINGS; i++) {
		size_t len = le32toh(head->len[SEAL_IDENTITY + i]);
		parcel->body[i].data = seal_copy(parts[SEAL_IDENTITY + i], len, &failed);
		parcel->body[i].len = len;
	}
	parcel_sign(parcel);
	if (!failed)
		return parcel;
	parcel_drop(parcel);
	return NULL;
}

int seal_open(const void *bytes, size_t len, const char *key, struct seal *ret_seal,
	      struct parcel **ret)
{
	struct seal_head head;
	const char *parts[SEAL_PARTS], *part = (const char *)bytes + sizeof(head);
	if (len < sizeof(head) || len > SEAL_MAX)
		return -EBADMSG;
	memcpy(&head, bytes, sizeof(head));
	if (!seal_is_whole(&head, bytes, len))
		return -EBADMSG;
	for (int i = 0; i < SEAL_PARTS; i++) {
		parts[i] = part;
		part += le32toh(head.len[i]);
	}
	if (le32toh(head.len[SEAL_KEY]) != strlen(key) ||
	    memcmp(parts[SEAL_KEY], key, strlen(key)) != 0 ||
	    !seal_is_printable(parts[SEAL_LINK], le32toh(head.len[SEAL_LINK])))
		return -EBADMSG;
	struct parcel *parcel = seal_parcel(&head, parts);
	if (!parcel)
		return -ENOMEM;
	*ret_seal = (struct seal){key, le64toh(head.mark), (int64_t)le64toh(head.made)};
	*ret = parcel;
	return 0;
}
