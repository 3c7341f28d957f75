/*
 * An event of a container: whether it is wanted, and its row of container_events.
 */
#ifndef TALLYD_STATUS_EVENT_H
#define TALLYD_STATUS_EVENT_H

#include <tallyd/host.h>

#include "docker/docker_event.h"
#include "docker/container_match.h"

/* What the engine is asked for: no exec_*, since each health check makes three of them. */
extern const char status_event_filters[];

/* What a row calls it: the engine's word, and Podman's as Docker's.  NULL: of no interest. */
const char *status_event_action(const struct docker_event *event);

/* By what the event itself says of its container. */
bool status_event_passes(const struct docker_event *event, const struct match *match);

/* action: its status_event_action(); oom: of this run, for a die.  -ENOMEM. */
int status_event_row(struct tally_ctx *ctx, struct tally_batch *batch,
		     const struct docker_event *event, const char *action, bool oom);

#endif
