/*
 * Signing in and out, for browsers: /api/v1/session.  The endpoints are session_show(),
 * session_begin() and session_end() of routes/endpoint.h; server.c gives them the visitor by the
 * context.  HTTP thread.
 */
#ifndef TALLYD_HTTP_SIGN_IN_H
#define TALLYD_HTTP_SIGN_IN_H

#include <stdbool.h>

#include "http/auth.h"

/* Who asks, for the time of one call. */
struct visitor {
	const struct auth *auth;
	struct request *request;
	struct MHD_Connection *connection;
};

/* Whether this target, as it came, takes POST and DELETE. */
bool sign_in_is_target(const char *raw);

#endif
