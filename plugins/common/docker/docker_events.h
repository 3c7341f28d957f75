/*
 * The engine's event stream: one open-ended GET /events beside the instance's other requests,
 * filtered by the engine, read line by line, reopened whenever it ends.
 *
 * Happy path: create, then in a loop poll() docker_events_fd() until docker_events_due(), and
 * docker_events_act(), which hands each event over, in the order in which they came, and reports
 * what else happened.  After each DOCKER_EVENTS_OPENED the caller should scan everything it
 * follows, since an engine keeps only 256 events and none over its own restart.  What can fail: the
 * stream is refused, or ends; then it is reopened after up to 0.5 s, 1 s … 30 s (backoff.h), and
 * with the events since 1 s before the last one, less those handed over already.  Huge labels of an
 * event are cut or left out (json_trim.h); a line that is not an event, or longer than
 * DOCKER_EVENTS_LINE even so, is logged and skipped.
 *
 * One thread, that of its docker.  docker_follow.h is the loop around it for most inputs.
 */
#ifndef TALLYD_PLUGINS_COMMON_DOCKER_EVENTS_H
#define TALLYD_PLUGINS_COMMON_DOCKER_EVENTS_H

#include "docker/docker.h"
#include "docker/docker_event.h"

enum { DOCKER_EVENTS_LINE = 256 << 10 };

enum docker_events_outcome {
	DOCKER_EVENTS_OPENED = 1, /* from now on no event is missed */
	DOCKER_EVENTS_LOST = 2,   /* or could not be opened */
	DOCKER_EVENTS_SOME = 4,   /* events were handed over */
};

struct docker_events_setup {
	struct tally_ctx *ctx;
	struct docker *docker; /* outlives it */
	const char *filters;   /* JSON, as {"type":["image"]} */
	int64_t since;         /* also events since then, ns since 1970; 0: only new ones */
	void (*event)(void *arg, const struct docker_event *event);
	void *arg;
};

struct docker_events;

/* -ENOMEM, -EMFILE.  No I/O. */
int docker_events_create(const struct docker_events_setup *setup, struct docker_events **ret);
void docker_events_destroy(struct docker_events *events);

/* The descriptor is readable when there is something to do; due: monotonic ns at which to act at
 * the latest, INT64_MAX: never. */
int docker_events_fd(const struct docker_events *events);
int64_t docker_events_due(const struct docker_events *events);
/* Does not wait; ret_outcome is a set of docker_events_outcome.  -ECANCELED: being stopped. */
int docker_events_act(struct docker_events *events, unsigned *ret_outcome);

bool docker_events_is_open(const struct docker_events *events);
/* Why it was lost, the endpoint included. */
const char *docker_events_reason(const struct docker_events *events);

#endif
