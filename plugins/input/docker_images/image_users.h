/*
 * The containers that use each image, the reference they were created from, and whether that points
 * elsewhere by now.
 *
 * The container list has all of it in one call, except for containers whose reference has moved:
 * there it has the image's id only, so they are inspected, once in their life.
 */
#ifndef TALLYD_IMAGE_USERS_H
#define TALLYD_IMAGE_USERS_H

#include "docker/docker_list.h"
#include "image_versions.h"

/* A container. */
struct image_user {
	char id[DOCKER_ID_MAX + 1];
	char *reference;        /* it was created from; "": an id or a digest, which never move */
	int64_t outdated_since; /* ns since 1970; 0: not outdated, or not known */
	bool outdated;
	const struct docker_container *container; /* in the current list */
};

struct image_users {
	struct image_user *items; /* sorted by id */
	uint32_t n;
};

/* From that list, which must stay unchanged until the next call.  0, or what tally_fail() returned.
 */
int image_users_update(struct image_users *users, struct tally_ctx *ctx, struct docker *docker,
		       const struct docker_list *list);
void image_users_check_outdated(struct image_users *users, const struct image_list *images,
				const struct versions *versions);

/* References that containers were created from and whose repository has a digest of the image, so
 * that it was pulled from there or pushed there.  Names of images that were only built locally are
 * not sent to strangers.  The caller frees *ret, not the texts.  -ENOMEM. */
int image_users_references(const struct image_users *users, const struct image_list *images,
			   const char ***ret, uint32_t *ret_n);

void image_users_done(struct image_users *users);

#endif
