/*
 * Who may ask at all.  With tokens: whoever shows one, for /healthz anybody.  Without, on loopback:
 * whoever calls this machine by its own name or address, so that a web page whose name an attacker
 * lets point to 127.0.0.1 (DNS rebinding) reads nothing.  HTTP thread.
 */
#ifndef TALLYD_HTTP_AUTH_H
#define TALLYD_HTTP_AUTH_H

#include <microhttpd.h>

#include "http/auth_throttle.h"
#include "message/request.h"
#include "http/tokens.h"

struct auth {
	struct tokens *tokens;            /* NULL: nobody is asked */
	struct auth_throttle *throttle;   /* there if tokens are */
	bool own_names;                   /* the Host header must name this machine */
	const char *const *allowed_hosts; /* or be one of these; NULL: none */
};

/* Is this a name or address of loopback, or any address written in numbers? */
bool auth_is_own_name(const char *host);

/* Of a request that was routed, found or not.  0, or a problem in request->reply. */
int auth_check(const struct auth *auth, struct request *request, struct MHD_Connection *connection);

#endif
