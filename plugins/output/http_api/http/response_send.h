/*
 * Sends a finished response: chooses the coding, answers 304 where the client has it already, and
 * sets the headers.
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

/* HTTP thread; request->response is set.  now: monotonic.  ret_status: the status sent. */
enum MHD_Result send_answer(struct sender *sender, const struct request *request,
			    struct MHD_Connection *connection, int64_t now, unsigned *ret_status);

#endif
