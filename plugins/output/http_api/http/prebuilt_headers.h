/*
 * Cached answers with their headers set, for requests within the same second: setting them costs
 * more than all else that is done for a hit.  A few, each of bounded size.  HTTP thread only.
 */
#ifndef TALLYD_HTTP_PREBUILT_HEADERS_H
#define TALLYD_HTTP_PREBUILT_HEADERS_H

#include <microhttpd.h>

#include "message/request.h"

enum { PREBUILT_SLOTS = 16, PREBUILT_MAX_BYTES = 128 << 10 };

/* What the headers of a hit depend on besides the configuration; a response has one endpoint. */
struct prebuilt_key {
	struct response *response;
	enum response_coding coding;
	int64_t age; /* in the header, s */
};

struct prebuilt {
	struct {
		struct prebuilt_key
			key; /* holds a reference, so no new response can have its address */
		struct MHD_Response *mhd_response;
	} slots[PREBUILT_SLOTS];
};

/* NULL: not there.  The table keeps its reference. */
struct MHD_Response *prebuilt_find(const struct prebuilt *prebuilt, const struct prebuilt_key *key);
/* Takes the response over and evicts another; it is valid until the next call.  false: too large,
 * and still the caller's. */
bool prebuilt_take(struct prebuilt *prebuilt, const struct prebuilt_key *key,
		   struct MHD_Response *mhd_response);
void prebuilt_clear(struct prebuilt *prebuilt);

#endif
