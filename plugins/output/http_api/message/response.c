/*
 * Finishing an answer: its ETags, and its gzip form if that is worth it.  Called by the worker that
 * fetched it, or on libmicrohttpd's thread for answers that ask no store.  From then on it is
 * immutable and shared, so compressing happens once however often it is sent: out
 * of the cache, an answer of 61 KB was sent 62,000 times a second as gzip and 37,000 times as it
 * is.
 *
 * Level 1 of libdeflate: 478 KB in 1.8 ms, where zlib needs 4.2.  Without memory there is no gzip
 * form, which is no error; without memory for the response itself the builder stays as it was.
 */
#include "message/response.h"

#include <libdeflate.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { RESPONSE_GZIP_LEVEL = 1 };

static void response_put_etag(char etag[RESPONSE_ETAG_SIZE], uint64_t hash, const char *end)
{
	*etag++ = '"';
	for (int shift = 60; shift >= 0; shift -= 4)
		*etag++ = "0123456789abcdef"[hash >> shift & 15];
	memcpy(etag, end, strlen(end) + 1);
}

void response_set_etags(struct response *response)
{
	/* Not against forgers: who can choose what is stored can only make his own answer look
	 * unchanged. */
	uint64_t hash = hash_bytes(0, response->body[RESPONSE_IDENTITY].data,
				   response->body[RESPONSE_IDENTITY].len);
	response_put_etag(response->body[RESPONSE_IDENTITY].etag, hash, "\"");
	response_put_etag(response->body[RESPONSE_GZIP].etag, hash, "-gz\"");
}

/* Making a compressor takes half as long as an answer of 20 KB does, so each thread keeps one. */
static pthread_key_t response_compressors;
static bool response_has_compressors;

static void response_free_compressor(void *compressor)
{
	libdeflate_free_compressor(compressor);
}

static void response_make_key(void)
{
	response_has_compressors =
		pthread_key_create(&response_compressors, response_free_compressor) == 0;
}

static struct libdeflate_compressor *response_compressor(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, response_make_key);
	struct libdeflate_compressor *own =
		response_has_compressors ? pthread_getspecific(response_compressors) : NULL;
	if (own || !response_has_compressors)
		return own;
	own = libdeflate_alloc_compressor(RESPONSE_GZIP_LEVEL);
	if (own && pthread_setspecific(response_compressors, own) == 0)
		return own;
	libdeflate_free_compressor(own);
	return NULL;
}

/* Without memory, or without gain, there is simply none. */
static void response_compress(struct response *response)
{
	const char *data = response->body[RESPONSE_IDENTITY].data;
	size_t len = response->body[RESPONSE_IDENTITY].len;
	struct libdeflate_compressor *gzip = response_compressor();
	char *out = gzip ? malloc(len) : NULL;
	size_t out_len = out ? libdeflate_gzip_compress(gzip, data, len, out, len) : 0;
	if (out_len == 0) {
		free(out);
		return;
	}
	char *fitted = realloc(out, out_len);
	response->body[RESPONSE_GZIP].data = fitted ? fitted : out;
	response->body[RESPONSE_GZIP].len = out_len;
}

struct response *response_create(struct response_builder *builder, int64_t made, bool gzip)
{
	struct response *response = calloc(1, sizeof(*response));
	if (!response)
		return NULL;
	response_builder_finish(builder);
	atomic_init(&response->references, 1);
	response->status = builder->status;
	response->type = builder->type;
	response->allow = builder->allow;
	response->challenge = builder->challenge;
	response->retry_after = builder->retry_after;
	response->close = builder->close;
	response->excused = builder->excused;
	response->made = made;
	response->link = builder->link;
	builder->link = NULL;
	response->policy = builder->policy;
	builder->policy = NULL;
	response->cookie = builder->cookie;
	builder->cookie = NULL;
	response->source = builder->source;
	builder->source = (struct body_source){.arg = NULL};
	size_t len = builder->body.len;
	char *fitted = len ? realloc(builder->body.data, len) : NULL;
	response->body[RESPONSE_IDENTITY].data = fitted ? fitted : builder->body.data;
	response->body[RESPONSE_IDENTITY].len = len;
	builder->body.data = NULL;
	response_builder_done(builder);
	response_set_etags(response);
	if (gzip && len > RESPONSE_WORTH_GZIP)
		response_compress(response);
	return response;
}

struct response *response_keep(struct response *response)
{
	if (response)
		atomic_fetch_add_explicit(&response->references, 1, memory_order_relaxed);
	return response;
}

void response_drop(struct response *response)
{
	if (!response ||
	    atomic_fetch_sub_explicit(&response->references, 1, memory_order_acq_rel) != 1)
		return;
	for (int i = 0; i < RESPONSE_CODINGS; i++)
		free(response->body[i].data);
	free(response->link);
	free(response->policy);
	free(response->cookie);
	body_source_done(&response->source);
	free(response);
}

size_t response_bytes(const struct response *response)
{
	return sizeof(*response) + response->body[RESPONSE_IDENTITY].len +
	       response->body[RESPONSE_GZIP].len + (response->link ? strlen(response->link) : 0) +
	       (response->policy ? strlen(response->policy) : 0) +
	       (response->cookie ? strlen(response->cookie) : 0);
}
