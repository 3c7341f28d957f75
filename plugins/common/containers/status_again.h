/*
 * Rows of container_info made of rows before: the same again, or with gone_at.  For the inputs that
 * emit this table, on their threads.
 */
#ifndef TALLYD_STATUS_AGAIN_H
#define TALLYD_STATUS_AGAIN_H

#include <tallyd/host.h>

#include "containers/status_table.h"

/* The previous row, with gone_at.  -ENOMEM. */
int status_row_add_gone(struct tally_ctx *ctx, struct tally_batch *batch,
			const struct tally_cell *previous, int64_t time, int64_t gone);

int status_row_copy(struct tally_ctx *ctx, struct tally_batch *batch,
		    const struct tally_cell *from);

/* One cell; NULL stays NULL.  -ENOMEM. */
int status_cell_copy(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		     uint32_t column, const struct tally_cell *from);

/* Does the text cell hold exactly this?  NULL and "" are the same. */
bool status_cell_is(const struct tally_cell *cell, const char *text);

#endif
