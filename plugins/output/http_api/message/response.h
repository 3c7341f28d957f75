/*
 * A finished answer: its bytes as they are and, if that is shorter, as gzip, each with its ETag.
 * Immutable, counted, shared between the cache and the connections that it is being sent on.
 */
#ifndef TALLYD_HTTP_RESPONSE_H
#define TALLYD_HTTP_RESPONSE_H

#include <stdatomic.h>
#include <stdint.h>

#include "message/response_builder.h"

enum response_coding { RESPONSE_IDENTITY, RESPONSE_GZIP, RESPONSE_CODINGS };
enum { RESPONSE_WORTH_GZIP = 1 << 10, RESPONSE_ETAG_SIZE = 24 };

struct response {
	atomic_uint references;
	unsigned status;
	const char *type, *allow, *challenge; /* static, as in struct response_builder */
	char *link, *policy, *cookie;         /* likewise, but owned */
	struct body_source source;            /* instead of a body, until it is on its way */
	unsigned retry_after;
	bool close, excused;
	struct {
		char *data; /* NULL: empty; of gzip: there is none */
		size_t len;
		char etag[RESPONSE_ETAG_SIZE]; /* with its quotes */
	} body[RESPONSE_CODINGS];
	int64_t made; /* monotonic */
};

/* Finishes the answer and takes its contents.  gzip: also make that.  NULL: no memory, and the
 * builder is as it was. */
struct response *response_create(struct response_builder *builder, int64_t made, bool gzip);
struct response *response_keep(struct response *response); /* NULL is fine, also below */
void response_drop(struct response *response);
size_t response_bytes(const struct response *response); /* memory it holds */

void response_set_etags(struct response *response); /* gives both bodies their ETags */

#endif
