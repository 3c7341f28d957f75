/*
 * The followed containers, each with its newest row.  Sorted by id, since events and scans look
 * them up.
 */
#ifndef TALLYD_STATUS_CONTAINERS_H
#define TALLYD_STATUS_CONTAINERS_H

#include <tallyd/host.h>

#include "docker/docker_list.h"

struct status_container {
	char id[DOCKER_ID_MAX + 1];
	int64_t inspected;               /* monotonic ns; 0: never */
	int64_t age;                     /* by its status, in seconds; -1: not known */
	int64_t destroyed;               /* by its event, ns since 1970; 0: no such event */
	const struct tally_batch *batch; /* of its newest row; holds a reference */
	uint32_t row;
	bool cut_logged; /* the warning that its labels are cut */
	/* During a scan: */
	const struct docker_container *container; /* in the current list */
	const struct tally_cell *previous;        /* its previous row; NULL: new */
	bool has_row;                             /* in this scan */
	bool is_gone;                             /* removed between list and inspect */
};

struct status_containers {
	struct status_container *items;
	uint32_t n;
};

struct status_container *status_containers_find(const struct status_containers *containers,
						const char *id);
void status_containers_sort(struct status_containers *containers);
const struct tally_cell *status_container_row(const struct status_container *entry);
void status_containers_done(struct tally_ctx *ctx, struct status_containers *containers);

#endif
