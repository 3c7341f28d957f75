#include "parcel.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

enum { PARCEL_GZIP_LEVEL = 1 };

/* Not against forgers: who can choose what is stored can only make his own answer look unchanged.
 */
uint64_t parcel_hash(const void *bytes, size_t len)
{
	const char *data = bytes;
	uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ len, word;
	for (; len > 0; data += sizeof(word)) {
		size_t part = len < sizeof(word) ? len : sizeof(word);
		word = 0;
		memcpy(&word, data, part);
		hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
		hash ^= hash >> 32;
		len -= part;
	}
	return hash;
}

void parcel_sign(struct parcel *parcel)
{
	uint64_t hash =
		parcel_hash(parcel->body[PARCEL_IDENTITY].data, parcel->body[PARCEL_IDENTITY].len);
	snprintf(parcel->body[PARCEL_IDENTITY].etag, PARCEL_ETAG_SIZE, "\"%016llx\"",
		 (unsigned long long)hash);
	snprintf(parcel->body[PARCEL_GZIP].etag, PARCEL_ETAG_SIZE, "\"%016llx-gz\"",
		 (unsigned long long)hash);
}

/* Making a compressor takes half as long as an answer of 20 KB does, so each thread keeps one. */
static pthread_key_t parcel_compressors;
static bool parcel_has_compressors;

static void parcel_free_compressor(void *compressor)
{
	libdeflate_free_compressor(compressor);
}

static void parcel_make_key(void)
{
	parcel_has_compressors =
		pthread_key_create(&parcel_compressors, parcel_free_compressor) == 0;
}

static struct libdeflate_compressor *parcel_compressor(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, parcel_make_key);
	struct libdeflate_compressor *own =
		parcel_has_compressors ? pthread_getspecific(parcel_compressors) : NULL;
	if (own || !parcel_has_compressors)
		return own;
	own = libdeflate_alloc_compressor(PARCEL_GZIP_LEVEL);
	if (own && pthread_setspecific(parcel_compressors, own) == 0)
		return own;
	libdeflate_free_compressor(own);
	return NULL;
}

/* Without memory, or without gain, there is simply none. */
static void parcel_squeeze(struct parcel *parcel)
{
	const char *data = parcel->body[PARCEL_IDENTITY].data;
	size_t len = parcel->body[PARCEL_IDENTITY].len;
	struct libdeflate_compressor *gzip = parcel_compressor();
	char *out = gzip ? malloc(len) : NULL;
	size_t out_len = out ? libdeflate_gzip_compress(gzip, data, len, out, len) : 0;
	if (out_len == 0) {
		free(out);
		return;
	}
	char *fitted = realloc(out, out_len);
	parcel->body[PARCEL_GZIP].data = fitted ? fitted : out;
	parcel->body[PARCEL_GZIP].len = out_len;
}

struct parcel *parcel_pack(struct reply *reply, int64_t made, bool gzip)
{
	struct parcel *parcel = calloc(1, sizeof(*parcel));
	if (!parcel)
		return NULL;
	reply_finish(reply);
	atomic_init(&parcel->references, 1);
	parcel->status = reply->status;
	parcel->type = reply->type;
	parcel->allow = reply->allow;
	parcel->challenge = reply->challenge;
	parcel->retry_after = reply->retry_after;
	parcel->close = reply->close;
	parcel->excused = reply->excused;
	parcel->made = made;
	parcel->link = reply->link;
	reply->link = NULL;
	parcel->policy = reply->policy;
	reply->policy = NULL;
	parcel->stream = reply->stream;
	reply->stream = NULL;
	size_t len = reply->body.len;
	char *fitted = len ? realloc(reply->body.data, len) : NULL;
	parcel->body[PARCEL_IDENTITY].data = fitted ? fitted : reply->body.data;
	parcel->body[PARCEL_IDENTITY].len = len;
	reply->body.data = NULL;
	reply_done(reply);
	parcel_sign(parcel);
	if (gzip && len > PARCEL_WORTH_GZIP)
		parcel_squeeze(parcel);
	return parcel;
}

struct parcel *parcel_keep(struct parcel *parcel)
{
	if (parcel)
		atomic_fetch_add_explicit(&parcel->references, 1, memory_order_relaxed);
	return parcel;
}

void parcel_drop(struct parcel *parcel)
{
	if (!parcel || atomic_fetch_sub_explicit(&parcel->references, 1, memory_order_acq_rel) != 1)
		return;
	for (int i = 0; i < PARCEL_CODINGS; i++)
		free(parcel->body[i].data);
	free(parcel->link);
	free(parcel->policy);
	stream_free(parcel->stream);
	free(parcel);
}

size_t parcel_bytes(const struct parcel *parcel)
{
	return sizeof(*parcel) + parcel->body[PARCEL_IDENTITY].len + parcel->body[PARCEL_GZIP].len +
	       (parcel->link ? strlen(parcel->link) : 0) +
	       (parcel->policy ? strlen(parcel->policy) : 0);
}
