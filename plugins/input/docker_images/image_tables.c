/*
 * The declarations of docker_images and image_versions.  Names, types and order are a contract with
 * stores and clients; help texts go into the generated reference.  docker_images is state: the
 * newest row of an image replaces the one before.  image_versions is a series, one row per change.
 */
#include "image_tables.h"

#define COLUMN(n, u, t, r, h)                                                                      \
	{                                                                                          \
		.name = n, .unit = u, .help = h, .type = TALLY_##t, .role = TALLY_##r              \
	}
#define HOST                                                                                       \
	COLUMN("host", NULL, TEXT, TAG, "the machine the engine runs on, as the daemon calls it")

static const struct tally_column images_columns[IMAGES_COLUMNS] = {
	[IMAGES_TIME] = COLUMN("time", NULL, TIME, FIELD, "when the engine was asked"),
	[IMAGES_HOST] = HOST,
	[IMAGES_IMAGE_ID] = COLUMN("image_id", NULL, TEXT, TAG,
				   "sha256:…; of the manifest with the containerd store, else of "
				   "the image's config"),
	[IMAGES_TAGS] = COLUMN("tags", NULL, JSON, FIELD,
			       "an array of the references that point here, as repository:tag"),
	[IMAGES_DIGESTS] = COLUMN("digests", NULL, JSON, FIELD,
				  "an array of its digests in registries, as repository@sha256:…"),
	[IMAGES_CREATED] = COLUMN("created", NULL, TIME, FIELD, "when it was built"),
	[IMAGES_SIZE_BYTES] = COLUMN("size_bytes", "bytes", INT, FIELD, "of all its layers"),
	[IMAGES_SHARED_SIZE_BYTES] = COLUMN("shared_size_bytes", "bytes", INT, FIELD,
					    "of the layers that other images have, too; NULL: not "
					    "known (before API 1.42)"),
	[IMAGES_CONTAINERS] = COLUMN("containers", NULL, INT, FIELD,
				     "how many containers, running or not, were created from it"),
	[IMAGES_DANGLING] = COLUMN("dangling", NULL, BOOL, FIELD, "neither a tag nor a digest"),
	[IMAGES_OUTDATED] = COLUMN("outdated", NULL, INT, FIELD,
				   "how many of its containers were created from a reference "
				   "that points elsewhere, or nowhere, by now"),
	[IMAGES_OUTDATED_SINCE] = COLUMN("outdated_since", NULL, TIME, FIELD,
					 "since when the first of them is outdated, if known"),
	[IMAGES_USED_BY] = COLUMN("used_by", NULL, JSON, FIELD,
				  "an array of its containers, at most 256: container_id, name, "
				  "state, reference, outdated, outdated_since"),
	[IMAGES_GONE_AT] = COLUMN("gone_at", NULL, TIME, GONE, "since when it is no longer listed"),
	[IMAGES_REGISTRY] = COLUMN("registry", NULL, JSON, FIELD,
				   "with registry_check: an array of results for the references in "
				   "use that point here, or that its containers were created from: "
				   "reference, digest, current, checked_at, problem"),
	[IMAGES_UPDATE_AVAILABLE] =
		COLUMN("update_available", NULL, BOOL, FIELD,
		       "with registry_check: whether a registry has another image under one of "
		       "these references by now; NULL: not known"),
	[IMAGES_REGISTRY_CHECKED_AT] =
		COLUMN("registry_checked_at", NULL, TIME, FIELD,
		       "with registry_check: when a registry answered last for one of them"),
};

const struct tally_table images_table = {
	.name = "docker_images",
	.help = "Images of the engine, and the containers that use them",
	.columns = images_columns,
	.n_columns = IMAGES_COLUMNS,
	.kind = TALLY_STATE,
	.revision = 2,
};

static const struct tally_column versions_columns[VERSIONS_COLUMNS] = {
	[VERSIONS_TIME] =
		COLUMN("time", NULL, TIME, FIELD,
		       "when it changed, by the engine's events, else when it was noticed"),
	[VERSIONS_HOST] = HOST,
	[VERSIONS_REFERENCE] = COLUMN("reference", NULL, TEXT, TAG, "repository:tag"),
	[VERSIONS_IMAGE_ID] =
		COLUMN("image_id", NULL, TEXT, FIELD, "the image it points to now; NULL: removed"),
	[VERSIONS_DIGEST] = COLUMN("digest", NULL, TEXT, FIELD,
				   "of that image in the reference's registry, if known"),
	[VERSIONS_PREVIOUS_IMAGE_ID] = COLUMN("previous_image_id", NULL, TEXT, FIELD,
					      "the image it pointed to before; NULL: added"),
	[VERSIONS_CHANGE] = COLUMN("change", NULL, TEXT, FIELD, "added, moved, removed"),
};

const struct tally_table versions_table = {
	.name = "image_versions",
	.help = "History of references: which image each one pointed to, and since when",
	.columns = versions_columns,
	.n_columns = VERSIONS_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 1,
};
