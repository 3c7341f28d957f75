/*
 * The service that a container belongs to: what stays the same when the container is replaced by
 * another.  Inputs on their own threads; nothing is kept, nothing can fail.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_SERVICE_H
#define TALLYD_PLUGINS_COMMON_DOCKER_SERVICE_H

#include "docker/docker_list.h"

enum { DOCKER_SERVICE_SIZE = 256 };

/*
 * By its labels, in this order: the label that the configuration names (service_label, or NULL);
 * project/service of Compose; the service of a swarm.  A longer one is cut.  False: no label says
 * so; then a container's name is its service, and ret is "".
 */
bool docker_service_of_labels(const struct docker_container *container, const char *service_label,
			      char ret[DOCKER_SERVICE_SIZE]);

/* o: the offset of a const char *. */
#define DOCKER_SERVICE_OPTION(o)                                                                   \
	DOCKER_OPTION("service_label", o, STRING, NULL, NULL,                                      \
		      "the label whose value is a container's service, where it has one; else "    \
		      "PROJECT/SERVICE of Compose, the service of a swarm, or its name")

#endif
