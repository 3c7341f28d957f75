/*
 * A strict eye on what libmicrohttpd lets pass: two readings of one request (by a proxy in front
 * and by us) are how requests are smuggled, so whatever could be read in two ways is refused and
 * its connection closed.
 */
#ifndef TALLYD_HTTP_REQUEST_CHECK_H
#define TALLYD_HTTP_REQUEST_CHECK_H

#include <microhttpd.h>

#include "message/response_builder.h"

/* The first line of a request. */
struct request_line {
	const char *method, *raw, *version; /* raw: the URI as it came */
	bool preflight;                     /* OPTIONS is taken */
	bool signs;                         /* POST and DELETE are taken: sign_in_is_target() */
};

/* 0, or a problem written to reply, with reply->close set. */
int request_check(struct MHD_Connection *connection, const struct request_line *line,
		  struct response_builder *builder);

#endif
