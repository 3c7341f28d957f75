/*
 * The containers that are followed, in the order of their ids, each with its newest row.
 */
#ifndef TALLYD_STATUS_SUBJECTS_H
#define TALLYD_STATUS_SUBJECTS_H

#include <tallyd/host.h>

#include "docker/docker_list.h"

struct subject {
	char id[DOCKER_ID_MAX + 1];
	int64_t inspected;               /* monotonic ns; 0: never */
	int64_t age;                     /* by its status, in seconds; -1: not told */
	int64_t destroyed;               /* by its event, ns since 1970; 0: not */
	const struct tally_batch *batch; /* that has its newest row; one reference is its own */
	uint32_t row;
	bool cut_told; /* that its labels are cut */
	/* While it is looked at: */
	const struct docker_container *container; /* as listed now */
	const struct tally_cell *previous;        /* its row before; NULL: new */
	bool has_row;                             /* it got one */
	bool is_gone;                             /* it went between list and inspect */
};

struct subjects {
	struct subject *items;
	uint32_t n;
};

struct subject *subjects_find(const struct subjects *subjects, const char *id);
void subjects_sort(struct subjects *subjects);
const struct tally_cell *subject_row(const struct subject *subject);
void subjects_done(struct tally_ctx *ctx, struct subjects *subjects);

#endif
