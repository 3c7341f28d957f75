/*
 * Parsing of the image list, and look-ups of its references and digests.  docker_images.c parses it
 * in each scan; image_users.c, image_versions.c and image_rows.c look things up, all on the
 * instance's thread.
 *
 * Texts are decoded in place in the body, which the list owns.  Tags are sorted, since
 * image_versions.c walks two lists of them side by side.  What can fail: an answer that is not a
 * list of images is refused as a whole; read in part it would make the missing ones look removed.
 */
#include "image_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_FIRST_ITEMS = 64 };

void image_list_done(struct image_list *list)
{
	free(list->items);
	free(list->tags.items);
	free(list->digests.items);
	free(list->body);
	*list = (struct image_list){0};
}

/* ---- Reading ---- */

/* Doubled, so that n items cost O(n) copies in all. */
static bool grow(void **items, uint32_t n, uint32_t *size, size_t item)
{
	if (n < *size)
		return true;
	uint32_t wanted = *size ? *size * 2 : LIST_FIRST_ITEMS;
	void *grown = realloc(*items, wanted * item);
	if (!grown)
		return false;
	*items = grown;
	*size = wanted;
	return true;
}

/* <none>:<none> and <none>@<none> are what engines before 24 (API 1.43) give instead of an empty
 * array. */
static void read_names(struct json_reader *json, struct image_names *names, uint32_t image)
{
	struct json_text name;
	json_enter_array(json);
	while (json_next_item(json)) {
		void *items = names->items;
		if (!json_read_text(json, &name) || !name.at || strncmp(name.at, "<none>", 6) == 0)
			continue;
		if (!grow(&items, names->n, &names->size, sizeof(struct image_name))) {
			json_fail(json, "no memory");
			return;
		}
		names->items = items;
		names->items[names->n++] = (struct image_name){name.at, image};
	}
}

/* -1: not calculated, as SharedSize without shared-size=1. */
static void read_size(struct json_reader *json, struct json_int *ret)
{
	json_read_int(json, ret);
	ret->set = ret->set && ret->value >= 0;
}

static void read_image(struct json_reader *json, struct image_list *list)
{
	struct json_text key, text;
	void *items = list->items;
	if (!grow(&items, list->n, &list->size, sizeof(struct image))) {
		json_fail(json, "no memory");
		return;
	}
	list->items = items;
	struct image *image = &list->items[list->n++];
	*image = (struct image){0};
	json_enter_object(json);
	while (json_next_key(json, &key)) {
		if (json_text_is(&key, "Id")) {
			if (json_read_text(json, &text) && text.len > 0)
				image->id = text.at;
		} else if (json_text_is(&key, "RepoTags")) {
			read_names(json, &list->tags, list->n - 1);
		} else if (json_text_is(&key, "RepoDigests")) {
			read_names(json, &list->digests, list->n - 1);
		} else if (json_text_is(&key, "Created")) {
			json_read_int(json, &image->created);
		} else if (json_text_is(&key, "Size")) {
			read_size(json, &image->size);
		} else if (json_text_is(&key, "SharedSize")) {
			read_size(json, &image->shared_size);
		} else {
			json_skip(json);
		}
	}
	if (!json->problem && !image->id)
		json_fail(json, "an image without Id");
}

static int by_name(const void *a, const void *b)
{
	const struct image_name *left = a, *right = b;
	int order = strcmp(left->name, right->name);
	return order ? order : (left->image > right->image) - (left->image < right->image);
}

/* Sorts and removes duplicates: a reference points to one image.  Of two images with one tag the
 * first in the list would win, so that two scans of the same answer agree. */
static void sort_names(struct image_names *names)
{
	uint32_t kept = 0;
	if (names->n == 0)
		return;
	qsort(names->items, names->n, sizeof(struct image_name), by_name);
	for (uint32_t i = 1; i < names->n; i++)
		if (strcmp(names->items[i].name, names->items[kept].name) != 0)
			names->items[++kept] = names->items[i];
	names->n = kept + 1;
}

const char *image_list_parse(char *body, size_t len, struct image_list *ret, size_t *ret_offset)
{
	struct image_list list = {.body = body};
	struct json_reader json;
	json_reader_init(&json, body, len);
	if (json_peek(&json) != JSON_NEXT_ARRAY)
		json_fail(&json, "an array of images was expected");
	json_enter_array(&json);
	while (json_next_item(&json))
		read_image(&json, &list);
	if (!json_finish(&json)) {
		*ret_offset = json_offset(&json);
		image_list_done(&list);
		return json.problem;
	}
	sort_names(&list.tags);
	*ret = list;
	return NULL;
}

/* ---- Finding ---- */

const struct image *image_list_find(const struct image_list *list, const char *id)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].id, id) == 0)
			return &list->items[i];
	return NULL;
}

static int name_only(const void *a, const void *b)
{
	const struct image_name *left = a, *right = b;
	return strcmp(left->name, right->name);
}

static const char *without(const char *text, const char *begin)
{
	size_t len = strlen(begin);
	return strncmp(text, begin, len) == 0 ? text + len : text;
}

/* docker.io/library/box and box are the same.  Source: reference.FamiliarName() of distribution. */
static const char *familiar(const char *reference)
{
	const char *name = without(without(reference, "index.docker.io/"), "docker.io/");
	return without(name, "library/");
}

void image_reference_normal(const char *reference, char ret[IMAGE_REFERENCE_MAX])
{
	const char *name = familiar(reference);
	const char *last = strrchr(name, '/');
	bool tagged = strchr(last ? last : name, ':');
	ret[0] = '\0';
	if (!name[0] || strchr(name, '@'))
		return;
	int len = snprintf(ret, IMAGE_REFERENCE_MAX, "%s%s", name, tagged ? "" : ":latest");
	if (len < 0 || len >= IMAGE_REFERENCE_MAX)
		ret[0] = '\0';
}

/* Exact matches cost O(log n); only references in another form, which are rare, are compared with
 * all.
 */
const struct image *image_list_resolve(const struct image_list *list, const char *reference)
{
	const struct image_name key = {reference, 0};
	const struct image_name *tag = NULL;
	char wanted[IMAGE_REFERENCE_MAX], name[IMAGE_REFERENCE_MAX];
	if (list->tags.n > 0)
		tag = bsearch(&key, list->tags.items, list->tags.n, sizeof(key), name_only);
	if (tag)
		return &list->items[tag->image];
	image_reference_normal(reference, wanted);
	for (uint32_t i = 0; wanted[0] && i < list->tags.n; i++) {
		image_reference_normal(list->tags.items[i].name, name);
		if (strcmp(name, wanted) == 0)
			return &list->items[list->tags.items[i].image];
	}
	return NULL;
}

/* The part of a reference before its tag or digest.  A colon before the last slash is a port's. */
static size_t repository_length(const char *reference)
{
	const char *at = strchr(reference, '@'), *slash = strrchr(reference, '/');
	const char *colon = strchr(slash ? slash : reference, ':');
	if (at)
		return (size_t)(at - reference);
	return colon ? (size_t)(colon - reference) : strlen(reference);
}

const char *image_list_digest(const struct image_list *list, uint32_t image, const char *reference)
{
	size_t len = repository_length(reference);
	for (uint32_t i = 0; i < list->digests.n; i++) {
		const char *digest = list->digests.items[i].name;
		if (list->digests.items[i].image == image && repository_length(digest) == len &&
		    strncmp(digest, reference, len) == 0 && digest[len] == '@')
			return digest + len + 1;
	}
	return NULL;
}

enum digest_match image_list_compare_digest(const struct image_list *list, uint32_t image,
					    const char *normal, const char *digest)
{
	size_t len = repository_length(normal);
	enum digest_match known = DIGEST_UNKNOWN;
	for (uint32_t i = 0; i < list->digests.n && known != DIGEST_SAME; i++) {
		const char *name = familiar(list->digests.items[i].name);
		if (list->digests.items[i].image != image || strncmp(name, normal, len) != 0 ||
		    name[len] != '@')
			continue;
		known = strcmp(name + len + 1, digest) == 0 ? DIGEST_SAME : DIGEST_OTHER;
	}
	return known;
}
