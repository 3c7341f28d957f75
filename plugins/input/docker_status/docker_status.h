/*
 * What the parts of this plugin share: the instance, and the containers it follows.  One thread.
 */
#ifndef TALLYD_DOCKER_STATUS_H
#define TALLYD_DOCKER_STATUS_H

#include "docker/docker_follow.h"
#include "changes.h"
#include "status_containers.h"

struct status_config {
	struct docker_config docker;
	struct docker_follow_config follow;
	int64_t refresh;
	const char *service_label;
};

enum { STATUS_NAMED = 16, STATUS_OOMED = 16 };

enum status_metric { METRIC_CONTAINERS = DOCKER_FOLLOW_METRICS_END };

/* The containers that events named since the last scan. */
struct status_named {
	char ids[STATUS_NAMED][DOCKER_ID_MAX + 1];
	uint32_t n;
	bool many; /* more than fit */
};

/* The containers with an oom event since they started, the last few. */
struct status_oomed {
	char ids[STATUS_OOMED][DOCKER_ID_MAX + 1];
	uint32_t n; /* ever added; a ring */
};

struct docker_status {
	struct tally_ctx *ctx;
	struct changes *changes;
	const struct status_config *config;
	struct docker *docker;
	struct status_containers known;
	struct status_named named;
	struct status_oomed oomed;
	struct tally_batch *events; /* since the last flush; NULL: none */
	int64_t event_time;         /* of the last event */
	bool no_memory;             /* for one of the events */
	struct tally_batch *gone; /* rows of containers removed since the last full scan; or NULL */
};

/* status_scan.c: asks the engine, and emits rows. */
int status_scan(void *arg, enum docker_scan what);

bool status_is_named(const struct status_named *named, const char *id);

/* status_state.c: the followed and the lately removed containers, kept in a file over a restart. */
void status_state_load(struct docker_status *self);
void status_state_save(struct docker_status *self);

#endif
