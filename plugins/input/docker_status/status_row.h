/*
 * One container's row, made of its entry in the list and its inspect.  Without an inspect, the
 * columns that only an inspect has are copied from the previous row.
 */
#ifndef TALLYD_STATUS_ROW_H
#define TALLYD_STATUS_ROW_H

#include <tallyd/host.h>

#include "docker/docker_list.h"
#include "status_facts.h"
#include "status_table.h"

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

/* The previous row again, with gone_at. */
int status_row_add_gone(struct tally_ctx *ctx, struct tally_batch *batch,
			const struct tally_cell *previous, int64_t time, int64_t gone);

int status_row_copy(struct tally_ctx *ctx, struct tally_batch *batch,
		    const struct tally_cell *from);

/* Does the text cell hold exactly this?  NULL and "" are the same. */
bool status_cell_is(const struct tally_cell *cell, const char *text);

#endif
