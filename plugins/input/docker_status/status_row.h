/*
 * One container's row, made of its entry in the list and its inspect.  Without an inspect, the
 * columns that only an inspect has are copied from the previous row.
 */
#ifndef TALLYD_STATUS_ROW_H
#define TALLYD_STATUS_ROW_H

#include <tallyd/host.h>

#include "containers/status_again.h"
#include "docker/docker_list.h"
#include "status_facts.h"

struct status_source {
	const struct docker_container *container;
	const struct status_facts *facts;  /* NULL: not inspected in this scan */
	const struct tally_cell *previous; /* the previous row; NULL: none */
	int64_t time;
	const char *service_label; /* as configured */
};

/* -ENOMEM. */
int status_row_add(struct tally_ctx *ctx, struct tally_batch *batch,
		   const struct status_source *source);

#endif
