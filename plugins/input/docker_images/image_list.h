/*
 * The answer of GET /images/json, parsed into arrays.  Texts point into the answer, which the list
 * owns.  An image's id is the digest of its config with the overlay2 store, and that of its
 * manifest with the containerd store, the default of new installations from Engine 29 on; so ids of
 * two engines cannot be compared, but digests can.
 */
#ifndef TALLYD_IMAGE_LIST_H
#define TALLYD_IMAGE_LIST_H

#include <stdbool.h>

#include "base/json_reader.h"

struct image {
	const char *id;
	struct json_int created; /* s since 1970 */
	struct json_int size, shared_size;
};

/* A tag or a digest, and the index of its image. */
struct image_name {
	const char *name;
	uint32_t image;
};

struct image_names {
	struct image_name *items;
	uint32_t n, size;
};

struct image_list {
	struct image *items; /* in the order of the answer */
	uint32_t n, size;
	struct image_names tags; /* sorted by name; without <none>:<none> */
	struct image_names digests;
	char *body;
};

/* Takes body over, also on failure.  NULL, or what is wrong; ret_offset: where. */
const char *image_list_parse(char *body, size_t len, struct image_list *ret, size_t *ret_offset);
void image_list_done(struct image_list *list);

/* NULL: none. */
const struct image *image_list_find(const struct image_list *list, const char *id);

/* The image that a tag points to; references are compared in their normal form.  NULL: none. */
const struct image *image_list_resolve(const struct image_list *list, const char *reference);

/* The digest of an image, sha256:…, in the repository of a reference.  NULL: none. */
const char *image_list_digest(const struct image_list *list, uint32_t image, const char *reference);

/* Whether an image has this digest in the repository of a reference; UNKNOWN: it has none there. */
enum digest_match { DIGEST_UNKNOWN, DIGEST_SAME, DIGEST_OTHER };
enum digest_match image_list_compare_digest(const struct image_list *list, uint32_t image,
					    const char *normal, const char *digest);

enum { IMAGE_REFERENCE_MAX = 512 };

/* The normal form of a reference: box, box:latest and docker.io/library/box:latest are one.  "": it
 * is too long, or names an image by its digest, which never moves. */
void image_reference_normal(const char *reference, char ret[IMAGE_REFERENCE_MAX]);

#endif
