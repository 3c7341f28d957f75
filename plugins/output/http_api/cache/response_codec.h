/*
 * A finished answer as bytes for a shared cache: its key, when its store was asked, its type, its
 * link, its body in both codings.  Decoding treats bytes as hostile: a wrong length, checksum, type
 * or key, and they are refused.  The checksum protects against accidents only; whoever can write to
 * the cache on purpose can write answers.
 */
#ifndef TALLYD_HTTP_RESPONSE_CODEC_H
#define TALLYD_HTTP_RESPONSE_CODEC_H

#include "message/response.h"

enum { CODEC_VERSION = 2, CODEC_MAX = 256 << 10 };

struct codec_meta {
	const char *key;
	int64_t made; /* wall time before the store was asked, ns */
};

/* Only of answers with status 200.  free() *ret.  -E2BIG: longer than CODEC_MAX; -ENOMEM. */
int response_encode(const struct response *response, const struct codec_meta *meta, char **ret,
		    size_t *ret_len);

/* ret_meta->key is set to `key`.  -EBADMSG: refused; -ENOMEM.  made of the response is 0. */
int response_decode(const void *bytes, size_t len, const char *key, struct codec_meta *ret_meta,
		    struct response **ret);

#endif
