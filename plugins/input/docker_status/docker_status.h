/*
 * What the parts of this plugin share: the instance, and whom it follows.  One thread.
 */
#ifndef TALLYD_DOCKER_STATUS_H
#define TALLYD_DOCKER_STATUS_H

#include "docker_follow.h"
#include "status_subjects.h"

struct status_config {
	struct docker_config docker;
	struct docker_follow_config follow;
	int64_t refresh;
};

enum { STATUS_NAMED = 16, STATUS_OOMED = 16 };

enum status_metric { METRIC_CONTAINERS = DOCKER_FOLLOW_METRICS_END };

/* Whom events named since the last look. */
struct status_named {
	char ids[STATUS_NAMED][DOCKER_ID_MAX + 1];
	uint32_t n;
	bool many; /* more than fit */
};

/* Who ran out of memory since it started, the last few. */
struct status_oomed {
	char ids[STATUS_OOMED][DOCKER_ID_MAX + 1];
	uint32_t n; /* ever */
};

struct docker_status {
	struct tally_ctx *ctx;
	const struct status_config *config;
	struct docker *docker;
	struct subjects known;
	struct status_named named;
	struct status_oomed oomed;
	struct tally_batch *events; /* that came together; NULL: none */
	int64_t event_time;         /* of the last of them */
	bool no_memory;             /* for one of them */
	/* What of the known was there at the last look at everything, encoded; not written yet. */
	void *memory;
	size_t memory_len;
};

/* status_look.c: asks the engine, and emits what it says. */
int status_look(void *arg, enum docker_look what);

bool status_is_named(const struct status_named *named, const char *id);

/* status_memory.c: who was known when the daemon ended, and who is now. */
void status_memory_load(struct docker_status *self);
/* After a look at everything: takes down who is known, and writes what was taken down at the one
 * before.  By then what was told of those who went is stored. */
void status_memory_renew(struct docker_status *self);
void status_memory_save(struct docker_status *self); /* now, at the end */

#endif
