/*
 * Every request that is sent to an engine: a table of paths and parameters, and the inputs that use
 * them.  The client (docker.c) sends nothing else.  The list in docs/security.md is generated from
 * it, with the configuration of a proxy that lets nothing else through (tests/config/requests.sh).
 * A new request must be added here.  Pure.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_REQUEST_H
#define TALLYD_PLUGINS_COMMON_DOCKER_REQUEST_H

#include <stdbool.h>

#include "docker/docker_call.h"

enum { DOCKER_REQUEST_PARAMS = 8 };

struct docker_request {
	const char *path;                          /* {id}: of a container; NULL: the last */
	const char *params[DOCKER_REQUEST_PARAMS]; /* NULL-terminated */
	const char *used_by;                       /* in Markdown, with when and why */
	enum docker_call call;
};

extern const struct docker_request docker_requests[];

/* Whether a path with its parameters, without the API's version, is in the table. */
bool docker_request_is_listed(enum docker_call call, const char *path);

#endif
