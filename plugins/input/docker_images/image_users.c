/*
 * The containers as users of images.  docker_images.c updates them in each scan, on the instance's
 * thread.
 *
 * Happy path: the list has each container's reference and image, and nothing else is requested.
 * Once a tag has moved on, the list has only the id of the container's image, and the reference it
 * was created from is in the inspect's Config.Image alone.  That never changes, so one inspect is
 * enough.  What can fail: single inspects, which are retried in the next scan.
 */
#include "image_users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "json_tree.h"

static const int64_t straggler_ns = 2 * CLOCK_SECOND;

enum { USERS_CONCURRENCY = 8, USERS_SHORT_ID = 12 };

/* ---- Containers ---- */

static int compare_id(const void *id, const void *item)
{
	const struct image_user *user = item;
	return strcmp(id, user->id);
}

/* Is it an image's id, whole or short, and not a name?  The engine shows the first 12 digits; a
 * name may look the same ("deadbeefcafe"), so it must be the beginning of this image's id. */
static bool is_id(const char *image, const char *image_id)
{
	const char *hex = strncmp(image_id, "sha256:", 7) == 0 ? image_id + 7 : image_id;
	size_t len = strlen(image);
	return strncmp(image, "sha256:", 7) == 0 ||
	       (len >= USERS_SHORT_ID && strspn(image, "0123456789abcdef") == len &&
		strncmp(image, hex, len) == 0);
}

void image_users_done(struct image_users *users)
{
	for (uint32_t i = 0; i < users->n; i++)
		free(users->items[i].reference);
	free(users->items);
	*users = (struct image_users){0};
}

static bool has_digest(const struct image_list *images, const struct image *image,
		       const char *normal)
{
	return image && image_list_compare_digest(images, (uint32_t)(image - images->items), normal,
						  "") != DIGEST_UNKNOWN;
}

int image_users_references(const struct image_users *users, const struct image_list *images,
			   const char ***ret, uint32_t *ret_n)
{
	const char **references = calloc(users->n + 1, sizeof(*references));
	char normal[IMAGE_REFERENCE_MAX];
	uint32_t n = 0;
	if (!references)
		return -ENOMEM;
	for (uint32_t i = 0; i < users->n; i++) {
		const struct image_user *user = &users->items[i];
		image_reference_normal(user->reference ? user->reference : "", normal);
		if (!normal[0])
			continue;
		/* The image that it runs, or the one that its reference points to by now: either
		 * may have been pulled. */
		const struct image *runs = image_list_find(images, user->container->image_id);
		if (has_digest(images, runs, normal) ||
		    has_digest(images, image_list_resolve(images, user->reference), normal))
			references[n++] = user->reference;
	}
	*ret = references;
	*ret_n = n;
	return 0;
}

/* ---- Inspects, where the list has an id instead of a reference ---- */

struct inspection {
	struct image_user **targets;
	uint32_t n, failed;
	char reason[FETCH_REASON_SIZE];
};

static void inspect_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct inspection *inspection = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", inspection->targets[i]->id);
}

/* 404: the container was removed meanwhile, and is not in the next list. */
static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct inspection *inspection = arg;
	struct image_user *user = inspection->targets[i];
	if (answer->error || answer->status != 200) {
		if ((answer->error || answer->status != 404) && inspection->failed++ == 0)
			docker_explain(answer, inspection->reason);
		return;
	}
	auto_json json_t *document = json_tree_load(answer->body, answer->len);
	const char *image = json_tree_text(json_object_get(document, "Config"), "Image");
	if (image)
		user->reference = strdup(is_id(image, user->container->image_id) ? "" : image);
}

/* Rarely needed: only for containers whose tag had moved before this daemon saw them.  A failed
 * inspect costs the reference of one container until the next scan, so it is a warning and not a
 * failure of the scan; a lost engine or a stop ends the scan as everywhere. */
static int inspect(struct image_users *users, struct tally_ctx *ctx, struct docker *docker)
{
	struct inspection inspection = {.targets =
						calloc(users->n + 1, sizeof(struct image_user *))};
	if (!inspection.targets)
		return tally_fail(ctx, ENOMEM, "no memory for %u containers", users->n);
	for (uint32_t i = 0; i < users->n; i++)
		if (!users->items[i].reference)
			inspection.targets[inspection.n++] = &users->items[i];
	const struct fetch_job job = {.n = inspection.n,
				      .concurrency = USERS_CONCURRENCY,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .straggler_timeout = straggler_ns,
				      .path = inspect_path,
				      .done = inspect_done,
				      .arg = &inspection};
	int r = inspection.n ? docker_get_many(docker, DOCKER_INSPECT, &job) : 0;
	free(inspection.targets);
	if (r == 0 && inspection.failed)
		tally_log(ctx, TALLY_WARNING,
			  "%u out of %u inspects failed, and are retried with the next scan: %s",
			  inspection.failed, inspection.n, inspection.reason);
	return r;
}

int image_users_update(struct image_users *users, struct tally_ctx *ctx, struct docker *docker,
		       const struct docker_list *list)
{
	struct image_users fresh = {.items = calloc(list->n + 1, sizeof(struct image_user))};
	if (!fresh.items)
		return tally_fail(ctx, ENOMEM, "no memory for %u containers", list->n);
	for (uint32_t i = 0; i < list->n; i++) {
		const struct docker_container *container = &list->items[i];
		struct image_user *user = &fresh.items[fresh.n++], *known = NULL;
		if (users->n > 0)
			known = bsearch(container->id, users->items, users->n, sizeof(*known),
					compare_id);
		/* A container's reference never changes, so the result of an inspect stays. */
		if (known) {
			*user = *known;
			known->reference = NULL;
		}
		snprintf(user->id, sizeof(user->id), "%s", container->id);
		user->container = container;
		if (!user->reference && !is_id(container->image, container->image_id))
			user->reference = strdup(container->image);
	}
	image_users_done(users);
	*users = fresh;
	return inspect(users, ctx, docker);
}

/* ---- Outdated ---- */

/* A reference that points nowhere counts as moved: its container cannot be created again from what
 * it runs.  An id or a digest never moves, so its container is never outdated.  outdated_since
 * stays, however often the reference moves on: it says since when the container could have been
 * replaced.
 */
void image_users_check_outdated(struct image_users *users, const struct image_list *images,
				const struct versions *versions)
{
	char normal[IMAGE_REFERENCE_MAX];
	for (uint32_t i = 0; i < users->n; i++) {
		struct image_user *user = &users->items[i];
		const struct image *image = NULL;
		bool was = user->outdated;
		image_reference_normal(user->reference ? user->reference : "", normal);
		if (normal[0])
			image = image_list_resolve(images, user->reference);
		user->outdated =
			normal[0] && (!image || strcmp(image->id, user->container->image_id) != 0);
		if (!user->outdated)
			user->outdated_since = 0;
		else if (!was)
			user->outdated_since = versions_since(versions, user->reference);
	}
}
