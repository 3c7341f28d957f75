/*
 * Requests the digest that a tag points to from a registry: a HEAD of its manifest (Docker Registry
 * HTTP API v2), with an anonymous token where it wants one.  GET and HEAD only, no login, no
 * redirect followed, every answer bounded and under one deadline.
 *
 * What can fail: the registry does not answer, requires a login, has no such tag, limits us (429,
 * Retry-After), or sends something invalid; each is a status and a reason.  One thread.
 */
#ifndef TALLYD_REGISTRY_HTTP_H
#define TALLYD_REGISTRY_HTTP_H

#include <stdint.h>

#include "registry_name.h"

enum { REGISTRY_DIGEST_MAX = 72, REGISTRY_REASON_MAX = 160, REGISTRY_CHALLENGE_MAX = 2048 };

struct registry_answer {
	int error;                        /* 0: answered with a digest; else an errno, and reason */
	bool of_host;                     /* the error concerns all references of this host */
	int status;                       /* HTTP's; 0: none came */
	char digest[REGISTRY_DIGEST_MAX]; /* sha256:… */
	int64_t retry_after;              /* ns; 0: not said */
	int64_t took;                     /* ns, of all requests together */
	char reason[REGISTRY_REASON_MAX];
};

struct registry_http;

/* insecure: hosts that get plain HTTP, besides this machine; NULL-terminated or NULL.  stop_fd:
 * readable when a request must be given up.  NULL: no memory. */
struct registry_http *registry_http_create(const char *const *insecure, int64_t timeout,
					   int stop_fd);
void registry_http_destroy(struct registry_http *http);

/* error ECANCELED: the instance is being stopped. */
void registry_http_get_digest(struct registry_http *http, const struct registry_name *name,
			      struct registry_answer *ret);

/* The realm and the service of a WWW-Authenticate header's value: Bearer realm="…",service="…".
 * False: it is another challenge, or no good one. */
bool registry_challenge_read(const char *value, char realm[REGISTRY_CHALLENGE_MAX],
			     char service[REGISTRY_CHALLENGE_MAX]);

/* sha256:, and 64 hexadecimal digits. */
bool registry_is_digest(const char *text);

#endif
