/*
 * Authorization.  With tokens: a valid one is required, or the cookie of a session that was made of
 * one, except for what is public.  Without, on loopback: the Host header must be a name or address
 * of this machine, so that a web page whose name an attacker points to 127.0.0.1 (DNS rebinding)
 * reads nothing.  HTTP thread.
 */
#ifndef TALLYD_HTTP_AUTH_H
#define TALLYD_HTTP_AUTH_H

#include <microhttpd.h>

#include "http/auth_throttle.h"
#include "message/request.h"
#include "http/sessions.h"
#include "http/tokens.h"

struct auth {
	struct tokens *tokens;            /* NULL: none are required */
	struct sessions *sessions;        /* there if tokens are */
	struct auth_throttle *throttle;   /* likewise */
	bool tls;                         /* a cookie may say that it is for TLS only */
	bool own_names;                   /* the Host header must name this machine */
	const char *const *allowed_hosts; /* or be one of these; NULL: none */
};

/* Is this a name or address of loopback, or any address written in numbers? */
bool auth_is_own_name(const char *host);

extern const char auth_cookie[]; /* its name */

enum auth_visitor {
	AUTH_KNOWN,
	AUTH_ANONYMOUS,
	AUTH_UNKNOWN_TOKEN,
	AUTH_ENDED, /* its cookie is of no session, or of one that is over */
};

/* Who asks, where tokens are required.  A bearer token comes before a cookie. */
enum auth_visitor auth_identify(const struct auth *auth, struct MHD_Connection *connection,
				int64_t now, struct token_grant *ret);

/* Whether the token or session of a request that is still being answered is good, with all these
 * scopes.  To a session that counts as use. */
bool auth_still_allows(const void *auth, struct MHD_Connection *connection, unsigned scopes,
		       int64_t now);

/* A wrong token came: a 401, or a 429 if there were many from this address.  -1. */
int auth_refuse_token(const struct auth *auth, struct request *request,
		      struct MHD_Connection *connection);

/* For a request after routing, whether it found an endpoint or not.  0, or -1 and a problem in
 * request->builder. */
int auth_check(const struct auth *auth, struct request *request, struct MHD_Connection *connection);

#endif
