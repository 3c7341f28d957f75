/*
 * The address of an engine, as configured: unix:///path, tcp://host:port (plain), https://host:port
 * (TLS).  Only parses; no I/O.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_ENDPOINT_H
#define TALLYD_PLUGINS_COMMON_DOCKER_ENDPOINT_H

#include <stdbool.h>

enum { DOCKER_ENDPOINT_SIZE = 300 };

struct docker_endpoint {
	char text[DOCKER_ENDPOINT_SIZE]; /* as configured, for messages */
	char path[DOCKER_ENDPOINT_SIZE]; /* of the unix socket; "": TCP */
	char url[DOCKER_ENDPOINT_SIZE];  /* prefix of requests, without a slash at its end */
	bool tls;
};

/* NULL, or what is wrong with it, for a sentence that begins with the text. */
const char *docker_endpoint_parse(const char *text, struct docker_endpoint *ret);

/* For a socket that is not there: the path of another engine's, if one is; false: none.  Docker's
 * comes before Podman's, the machine's before the user's own (XDG_RUNTIME_DIR, rootless). */
bool docker_endpoint_other(char ret[DOCKER_ENDPOINT_SIZE]);

#endif
