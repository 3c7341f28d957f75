/*
 * The containers as users of images.  docker_images.c renews them in each scan, on the instance's
 * thread.
 *
 * Happy path: the list names each container's reference and image, and nothing else is asked.  Once
 * a tag has moved on, the list shows only the id of the image that the container runs; what it was
 * created from is then in the inspect's Config.Image alone.  That never changes, so it is asked for
 * once.  What can fail: single inspects, which are tried again in the next scan.
 */
#include "image_users.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_map.h"

static const int64_t straggler_ns = 2 * CLOCK_SECOND;

enum { USERS_CONCURRENCY = 8, USERS_SHORT_ID = 12 };

/* ---- Who is there ---- */

static int compare_id(const void *id, const void *item)
{
	const struct image_user *user = item;
	return strcmp(id, user->id);
}

static struct image_user *find(const struct image_users *users, const char *id)
{
	if (users->n == 0)
		return NULL;
	return bsearch(id, users->items, users->n, sizeof(struct image_user), compare_id);
}

static bool is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

/* An image's id, whole or short, instead of a name.  The engine shows the first 12 digits; a name
 * may look the same ("deadbeefcafe"), so it must be the beginning of this image's id. */
static bool is_id(const char *image, const char *image_id)
{
	const char *hex = strncmp(image_id, "sha256:", 7) == 0 ? image_id + 7 : image_id;
	return strncmp(image, "sha256:", 7) == 0 ||
	       (strlen(image) >= USERS_SHORT_ID && is_hex(image) &&
		strncmp(image, hex, strlen(image)) == 0);
}

/* What was found out by an inspect is carried over: a container's reference never changes. */
static void user_init(struct image_user *user, const struct docker_container *container,
		      struct image_user *known)
{
	*user = (struct image_user){0};
	if (known) {
		*user = *known;
		known->reference = NULL;
	}
	snprintf(user->id, sizeof(user->id), "%s", container->id);
	user->container = container;
	if (!user->reference && !is_id(container->image, container->image_id))
		user->reference = strdup(container->image);
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

/* The image it runs, or the one that its reference points to by now: either may have been pulled.
 */
static bool is_of_registry(const struct image_user *user, const struct image_list *images)
{
	char normal[IMAGE_REFERENCE_MAX];
	image_reference_normal(user->reference ? user->reference : "", normal);
	return normal[0] &&
	       (has_digest(images, image_list_find(images, user->container->image_id), normal) ||
		has_digest(images, image_list_resolve(images, user->reference), normal));
}

int image_users_references(const struct image_users *users, const struct image_list *images,
			   const char ***ret, uint32_t *ret_n)
{
	const char **references = calloc(users->n + 1, sizeof(*references));
	uint32_t n = 0;
	if (!references)
		return -ENOMEM;
	for (uint32_t i = 0; i < users->n; i++)
		if (is_of_registry(&users->items[i], images))
			references[n++] = users->items[i].reference;
	*ret = references;
	*ret_n = n;
	return 0;
}

/* ---- Inspecting those of which the list says an id ---- */

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

static void inspect_read(struct image_user *user, struct fetch_answer *answer)
{
	static const struct json_member config[] = {{.key = "Image", .rule = JSON_MAP_TEXT}, {0}};
	static const struct json_member document[] = {
		{.key = "Config", .rule = JSON_MAP_INSIDE, .inside = config}, {0}};
	struct json_text image = {0};
	const struct json_slots slots = {.texts = &image};
	size_t offset;
	if (json_map_document(answer->body, answer->len, document, &slots, &offset) || !image.at)
		return;
	user->reference = strdup(is_id(image.at, user->container->image_id) ? "" : image.at);
}

/* 404: the container was removed meanwhile, and is not in the next list. */
static void inspect_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct inspection *inspection = arg;
	if (!answer->error && answer->status == 200)
		inspect_read(inspection->targets[i], answer);
	else if ((answer->error || answer->status != 404) && inspection->failed++ == 0)
		docker_explain(answer, inspection->reason);
}

/* Usually nobody needs it: only containers whose tag has moved on before this daemon saw them.  An
 * inspect that fails costs the reference of one container until the next scan, so it is a warning
 * and no failure of the scan; a lost engine, or being stopped, ends the scan as everywhere.
 */
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
		tally_log(ctx, TALLY_WARNING, "%u out of %u inspects failed: %s", inspection.failed,
			  inspection.n, inspection.reason);
	return r;
}

int image_users_update(struct image_users *users, struct tally_ctx *ctx, struct docker *docker,
		       const struct docker_list *list)
{
	struct image_users fresh = {.items = calloc(list->n + 1, sizeof(struct image_user))};
	if (!fresh.items)
		return tally_fail(ctx, ENOMEM, "no memory for %u containers", list->n);
	for (uint32_t i = 0; i < list->n; i++)
		user_init(&fresh.items[fresh.n++], &list->items[i], find(users, list->items[i].id));
	image_users_done(users);
	*users = fresh;
	return inspect(users, ctx, docker);
}

/* ---- Outdated ---- */

/* A reference that points nowhere counts as well: its container cannot be created again from what
 * it runs.  An id or a digest never moves, and is never outdated. */
static bool is_outdated(const struct image_user *user, const struct image_list *images)
{
	char normal[IMAGE_REFERENCE_MAX];
	image_reference_normal(user->reference ? user->reference : "", normal);
	if (!normal[0])
		return false;
	const struct image *image = image_list_resolve(images, user->reference);
	return !image || strcmp(image->id, user->container->image_id) != 0;
}

/* Once outdated its time stays, however often its reference moves on: the question is since when
 * the container could have been replaced. */
void image_users_check_outdated(struct image_users *users, const struct image_list *images,
				const struct versions *versions)
{
	for (uint32_t i = 0; i < users->n; i++) {
		struct image_user *user = &users->items[i];
		bool was = user->outdated;
		user->outdated = is_outdated(user, images);
		if (!user->outdated)
			user->outdated_since = 0;
		else if (!was)
			user->outdated_since = versions_since(versions, user->reference);
	}
}
