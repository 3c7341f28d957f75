/*
 * Puts a finished answer on its way: chooses between its codings, says 304 to who has it already,
 * and sets the headers.
 */
#ifndef TALLYD_HTTP_RESPONSE_SEND_H
#define TALLYD_HTTP_RESPONSE_SEND_H

#include <microhttpd.h>

#include "http/prebuilt_headers.h"
#include "message/request.h"

struct connections;

struct sender {
	const struct http_config *config;
	struct connections *connections;
	struct prebuilt prebuilt;
};

/* HTTP thread; request->parcel is set.  now: monotonic.  ret_status: what is said. */
enum MHD_Result send_answer(struct sender *sender, const struct request *request,
			    struct MHD_Connection *connection, int64_t now, unsigned *ret_status);

#endif
