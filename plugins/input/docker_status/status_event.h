/*
 * An event of a container: whether it passes the filters, and its row of container_events.
 */
#ifndef TALLYD_STATUS_EVENT_H
#define TALLYD_STATUS_EVENT_H

#include <tallyd/host.h>

#include "docker/docker_event.h"
#include "docker/container_match.h"
#include "docker/docker_service.h"

/* The filter for /events: no exec_*, since each health check makes three of them. */
extern const char status_event_filters[];

/* The action for a row: Docker's word, also for Podman's.  NULL: not stored. */
const char *status_event_action(const struct docker_event *event);

/* A container joined a network or left it: which one. */
bool status_event_network(const struct docker_event *event, char *ret, size_t size);

/* Applies the filters to what the event contains about its container. */
bool status_event_passes(const struct docker_event *event, const struct match *match);

/* What the event does not say itself. */
struct status_event_facts {
	const char *action; /* its status_event_action() */
	bool oom;           /* of this run, for a die */
	char service[DOCKER_SERVICE_SIZE];
};

/* -ENOMEM. */
int status_event_row(struct tally_ctx *ctx, struct tally_batch *batch,
		     const struct docker_event *event, const struct status_event_facts *facts);

#endif
