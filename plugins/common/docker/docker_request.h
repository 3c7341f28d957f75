/*
 * All that is ever asked of an engine: a table of paths and parameters, and who asks for what.  The
 * client (docker.c) sends nothing else, and the list in docs/security.md is made from it, with the
 * configuration of a proxy that lets through nothing else (tests/config/requests.sh).  So whoever
 * adds a request adds it here.  Pure.
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
