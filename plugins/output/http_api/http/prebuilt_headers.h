/*
 * Kept answers with their headers set, for who asks for the same within the same second: setting
 * them costs more than all else that is done here for such an answer.  A few, each of bounded size.
 * The HTTP thread's alone.
 */
#ifndef TALLYD_HTTP_PREBUILT_HEADERS_H
#define TALLYD_HTTP_PREBUILT_HEADERS_H

#include <microhttpd.h>

#include "message/request.h"

enum { PREBUILT_SLOTS = 16, PREBUILT_MAX_BYTES = 128 << 10 };

/* What the headers of a hit depend on, apart from the configuration: a parcel is of one endpoint.
 */
struct prebuilt_key {
	struct response *response;
	enum response_coding coding;
	int64_t age; /* as it is said, s */
};

struct prebuilt {
	struct {
		struct prebuilt_key key; /* its parcel is kept: a new one cannot be in its place */
		struct MHD_Response *mhd_response;
	} slots[PREBUILT_SLOTS];
};

/* NULL: it has to be made.  It stays ours. */
struct MHD_Response *prebuilt_find(const struct prebuilt *prebuilt, const struct prebuilt_key *key);
/* Takes the response over, in the place of another; it is valid until the next call here.  false:
 * it is too large, and still the caller's. */
bool prebuilt_take(struct prebuilt *prebuilt, const struct prebuilt_key *key,
		   struct MHD_Response *mhd_response);
void prebuilt_clear(struct prebuilt *prebuilt);

#endif
