/*
 * A finished answer: its bytes as they are and, if that is shorter, as gzip, each with its ETag.
 * Immutable, counted, shared between the cache and the connections that it is being sent on.
 */
#ifndef TALLYD_HTTP_PARCEL_H
#define TALLYD_HTTP_PARCEL_H

#include <stdatomic.h>
#include <stdint.h>

#include "reply.h"

enum parcel_coding { PARCEL_IDENTITY, PARCEL_GZIP, PARCEL_CODINGS };
enum { PARCEL_WORTH_GZIP = 1 << 10, PARCEL_ETAG_SIZE = 24 };

struct parcel {
	atomic_uint references;
	unsigned status;
	const char *type, *allow, *challenge; /* static, as in struct reply */
	char *link, *policy;                  /* likewise, but owned */
	struct stream *stream; /* instead of a body, until it is on its way; NULL: none */
	unsigned retry_after;
	bool close, excused;
	struct {
		char *data; /* NULL: empty; of gzip: there is none */
		size_t len;
		char etag[PARCEL_ETAG_SIZE]; /* with its quotes */
	} body[PARCEL_CODINGS];
	int64_t made; /* monotonic */
};

/* Finishes the reply and takes its contents.  gzip: also make that.  NULL: no memory, and the
 * reply is as it was. */
struct parcel *parcel_pack(struct reply *reply, int64_t made, bool gzip);
struct parcel *parcel_keep(struct parcel *parcel); /* NULL is fine, also below */
void parcel_drop(struct parcel *parcel);
size_t parcel_bytes(const struct parcel *parcel); /* memory it holds */

/* Of contents: not against forgers. */
uint64_t parcel_hash(const void *bytes, size_t len);
void parcel_sign(struct parcel *parcel); /* gives both bodies their ETags */

#endif
