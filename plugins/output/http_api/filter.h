/*
 * A strict eye on what libmicrohttpd lets pass: two readings of one request (by a proxy in front
 * and by us) are how requests are smuggled, so whatever could be read in two ways is refused and
 * its connection closed.
 */
#ifndef TALLYD_HTTP_FILTER_H
#define TALLYD_HTTP_FILTER_H

#include <microhttpd.h>

#include "reply.h"

/* The first line of a request. */
struct filter_line {
	const char *method, *raw, *version; /* raw: the URI as it came */
	bool preflight;                     /* OPTIONS is taken */
};

/* 0, or a problem written to reply, with reply->close set. */
int filter_check(struct MHD_Connection *connection, const struct filter_line *line,
		 struct reply *reply);

#endif
