/*
 * Where an engine listens, as operators write it: unix:///path, tcp://host:port (plain),
 * https://host:port (TLS).  Only parses; no I/O.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_ENDPOINT_H
#define TALLYD_PLUGINS_COMMON_DOCKER_ENDPOINT_H

#include <stdbool.h>

enum { DOCKER_ENDPOINT_SIZE = 300 };

struct docker_endpoint {
	char text[DOCKER_ENDPOINT_SIZE]; /* as it was written, for messages */
	char path[DOCKER_ENDPOINT_SIZE]; /* of the unix socket; "": TCP */
	char url[DOCKER_ENDPOINT_SIZE];  /* what requests begin with, no slash at its end */
	bool tls;
};

/* NULL: understood; else what is wrong with it, for a sentence that begins with the text. */
const char *docker_endpoint_parse(const char *text, struct docker_endpoint *ret);

#endif
