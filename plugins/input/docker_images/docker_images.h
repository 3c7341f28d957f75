/* The instance, also for this plugin's unit test.  One thread. */
#ifndef TALLYD_DOCKER_IMAGES_H
#define TALLYD_DOCKER_IMAGES_H

#include "docker/docker_follow.h"
#include "image_rows.h"

struct images_config {
	struct docker_config docker;
	struct docker_follow_config follow;
	struct registry_config registry;
};

enum images_metric {
	METRIC_IMAGES = DOCKER_FOLLOW_METRICS_END,
	METRIC_REGISTRY_CALLS,
	METRIC_REGISTRY_ERRORS,
	METRIC_REGISTRY_SECONDS
};

struct docker_images {
	struct tally_ctx *ctx;
	const struct images_config *config;
	struct docker *docker;
	struct versions versions;
	struct image_users users;
	struct registry_check *registry; /* NULL: registries are not asked */
	const struct tally_batch *last;  /* rows of the last scan; NULL: none yet */
	bool restarted;                  /* `last` comes from before the restart */
};

/* Asks the engine, and emits rows. */
int images_scan(void *arg, enum docker_scan what);

#endif
