/*
 * The followed containers, in the order of their ids, each with its newest row.  Sorted, since
 * events and scans look them up by id.
 */
#ifndef TALLYD_STATUS_CONTAINERS_H
#define TALLYD_STATUS_CONTAINERS_H

#include <tallyd/host.h>

#include "docker/docker_list.h"

struct status_container {
	char id[DOCKER_ID_MAX + 1];
	int64_t inspected;               /* monotonic ns; 0: never */
	int64_t age;                     /* by its status, in seconds; -1: not told */
	int64_t destroyed;               /* by its event, ns since 1970; 0: not */
	const struct tally_batch *batch; /* that has its newest row; one reference is its own */
	uint32_t row;
	bool cut_logged; /* that its labels are cut */
	/* During a scan: */
	const struct docker_container *container; /* as listed now */
	const struct tally_cell *previous;        /* its row before; NULL: new */
	bool has_row;                             /* it got one */
	bool is_gone;                             /* it went between list and inspect */
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
