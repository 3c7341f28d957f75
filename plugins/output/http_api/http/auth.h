/*
 * Authorization.  With tokens: a valid one is required, except for /healthz.  Without, on loopback:
 * the Host header must be a name or address of this machine, so that a web page whose name an
 * attacker points to 127.0.0.1 (DNS rebinding) reads nothing.  HTTP thread.
 */
#ifndef TALLYD_HTTP_AUTH_H
#define TALLYD_HTTP_AUTH_H

#include <microhttpd.h>

#include "http/auth_throttle.h"
#include "message/request.h"
#include "http/tokens.h"

struct auth {
	struct tokens *tokens;            /* NULL: none are required */
	struct auth_throttle *throttle;   /* there if tokens are */
	bool own_names;                   /* the Host header must name this machine */
	const char *const *allowed_hosts; /* or be one of these; NULL: none */
};

/* Is this a name or address of loopback, or any address written in numbers? */
bool auth_is_own_name(const char *host);

/* For a request after routing, whether it found an endpoint or not.  0, or -1 and a problem in
 * request->builder. */
int auth_check(const struct auth *auth, struct request *request, struct MHD_Connection *connection);

#endif
