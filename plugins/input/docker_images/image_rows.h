/*
 * Rows of docker_images, made of one scan's answers.  No I/O; for the instance's thread.
 */
#ifndef TALLYD_IMAGE_ROWS_H
#define TALLYD_IMAGE_ROWS_H

#include "image_tables.h"
#include "image_users.h"
#include "registry_check.h"

/* The result of a scan. */
struct image_snapshot {
	const struct image_list *images;
	const struct image_users *users;
	const struct registry_result *registry; /* NULL: registries are not asked */
	uint32_t n_registry;
	int64_t time;
	bool repeats; /* repeat rows with gone_at, since they may have been lost */
};

/* A row of each image.  -ENOMEM. */
int image_rows_add(struct tally_ctx *ctx, struct tally_batch *batch,
		   const struct image_snapshot *snapshot);

/* The previous row again, with gone_at, of each image that is no longer there.  -ENOMEM. */
int image_rows_add_gone(struct tally_ctx *ctx, struct tally_batch *batch,
			const struct tally_batch *before, const struct image_snapshot *snapshot);

#endif
