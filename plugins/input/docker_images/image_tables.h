/*
 * The tables docker_images and image_versions: their columns; new ones are appended and raise the
 * revision.
 */
#ifndef TALLYD_IMAGE_TABLES_H
#define TALLYD_IMAGE_TABLES_H

#include <tallyd/plugin.h>

enum images_column {
	IMAGES_TIME,
	IMAGES_HOST,
	IMAGES_IMAGE_ID,
	IMAGES_TAGS,
	IMAGES_DIGESTS,
	IMAGES_CREATED,
	IMAGES_SIZE_BYTES,
	IMAGES_SHARED_SIZE_BYTES,
	IMAGES_CONTAINERS,
	IMAGES_DANGLING,
	IMAGES_OUTDATED,
	IMAGES_OUTDATED_SINCE,
	IMAGES_USED_BY,
	IMAGES_GONE_AT,
	IMAGES_COLUMNS
};

enum versions_column {
	VERSIONS_TIME,
	VERSIONS_HOST,
	VERSIONS_REFERENCE,
	VERSIONS_IMAGE_ID,
	VERSIONS_DIGEST,
	VERSIONS_PREVIOUS_IMAGE_ID,
	VERSIONS_CHANGE,
	VERSIONS_COLUMNS
};

extern const struct tally_table images_table, versions_table;

#endif
