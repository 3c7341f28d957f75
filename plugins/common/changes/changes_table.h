/*
 * The table container_changes, which input.docker_status and input.markers write: its columns; new
 * ones are appended and raise the revision.
 */
#ifndef TALLYD_PLUGINS_COMMON_CHANGES_TABLE_H
#define TALLYD_PLUGINS_COMMON_CHANGES_TABLE_H

#include <tallyd/host.h>

enum changes_column {
	CHANGES_TIME,
	CHANGES_HOST,
	CHANGES_SERVICE,
	CHANGES_KIND,
	CHANGES_CONTAINER_ID,
	CHANGES_ID,
	CHANGES_NAME,
	CHANGES_BEFORE,
	CHANGES_AFTER,
	CHANGES_OLD_CONTAINER_ID,
	CHANGES_IMAGE_ID,
	CHANGES_OLD_IMAGE_ID,
	CHANGES_DIGEST,
	CHANGES_OLD_DIGEST,
	CHANGES_PROJECT,
	CHANGES_COLUMNS
};

extern const struct tally_table changes_table;

/* A row; texts NULL or "": not known. */
struct changes_row {
	int64_t time;
	const char *texts[CHANGES_COLUMNS]; /* host, id and project are filled in */
};

/* -ENOMEM. */
int changes_row_add(struct tally_ctx *ctx, struct tally_batch *batch,
		    const struct changes_row *row);

#endif
