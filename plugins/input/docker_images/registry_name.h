/*
 * The registry, repository and tag of a reference: web → registry-1.docker.io, library/web, latest.
 * Only parses; no I/O.
 */
#ifndef TALLYD_REGISTRY_NAME_H
#define TALLYD_REGISTRY_NAME_H

#include <stdbool.h>

enum { REGISTRY_HOST_MAX = 256, REGISTRY_REPOSITORY_MAX = 256, REGISTRY_TAG_MAX = 129 };

struct registry_name {
	char host[REGISTRY_HOST_MAX]; /* with its port, if it has one */
	char repository[REGISTRY_REPOSITORY_MAX];
	char tag[REGISTRY_TAG_MAX];
};

/* False: it is an id or a digest, or not a reference, so no registry can be asked for it. */
bool registry_name_parse(const char *reference, struct registry_name *ret);

/* Whether a host gets plain HTTP: this machine, or one in the list, with its port. */
bool registry_is_plain(const char *host, const char *const *insecure);

#endif
