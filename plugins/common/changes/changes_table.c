/*
 * The declaration of container_changes, and a row of it.  Names, types and order are a contract
 * with stores and clients; help texts go into the generated reference.  Inputs call it on their own
 * thread; what can fail is memory.
 *
 * Kind and container are tags, since one deployment is several changes at one time.  The id is made
 * of the key alone, so a change that is emitted again, after a restart, is the same row.
 */
#include "changes/changes_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define COLUMN(n, t, r, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .type = TALLY_##t, .role = TALLY_##r                         \
	}

static const struct tally_column changes_columns[CHANGES_COLUMNS] = {
	[CHANGES_TIME] = COLUMN("time", TIME, FIELD,
				"when it took effect: when the new container started, when the "
				"engine told; else when it was noticed"),
	[CHANGES_HOST] =
		COLUMN("host", TEXT, TAG, "the machine the engine runs on, as the daemon calls it"),
	[CHANGES_SERVICE] = COLUMN("service", TEXT, TAG,
				   "as in container_info; NULL: of the host, or of all of it"),
	[CHANGES_KIND] = COLUMN("kind", TEXT, TAG,
				"image, config, limits, mounts, env_names, network, restart, oom, "
				"health, scaled, host, mark"),
	[CHANGES_CONTAINER_ID] =
		COLUMN("container_id", TEXT, TAG, "64 hex digits, of the container after it"),
	[CHANGES_ID] = COLUMN("id", TEXT, FIELD, "of the change, made of its time and tags"),
	[CHANGES_NAME] = COLUMN("name", TEXT, FIELD, "of that container"),
	[CHANGES_BEFORE] =
		COLUMN("before", JSON, FIELD,
		       "an object with what is different, as it was; of environment variables "
		       "names, each with a salted hash of its value"),
	[CHANGES_AFTER] = COLUMN("after", JSON, FIELD, "the same, as it is; of a mark its text"),
	[CHANGES_OLD_CONTAINER_ID] = COLUMN("old_container_id", TEXT, FIELD,
					    "of the container before it, which may be the same"),
	[CHANGES_IMAGE_ID] = COLUMN("image_id", TEXT, FIELD, "of the container after it"),
	[CHANGES_OLD_IMAGE_ID] = COLUMN("old_image_id", TEXT, FIELD, "of the container before it"),
	[CHANGES_DIGEST] = COLUMN("digest", TEXT, FIELD,
				  "repository@sha256:… of that image, if it was pulled or pushed"),
	[CHANGES_OLD_DIGEST] = COLUMN("old_digest", TEXT, FIELD, "the same of the image before it"),
	[CHANGES_PROJECT] =
		COLUMN("project", TEXT, FIELD, "what stands before the slash of the service"),
};

const struct tally_table changes_table = {
	.name = "container_changes",
	.help = "What changed about services: images, limits, configuration, restarts, and markers "
		"set from outside",
	.columns = changes_columns,
	.n_columns = CHANGES_COLUMNS,
	.kind = TALLY_SERIES,
	.revision = 2,
	.flags = TALLY_KEPT_LONG,
};

int changes_row_add(struct tally_ctx *ctx, struct tally_batch *batch, const struct changes_row *row)
{
	/* To the microsecond, which is what every store keeps. */
	int64_t time = row->time / 1000 * 1000;
	struct tally_cell *cells = tally_batch_row(ctx, batch);
	uint64_t hash = hash_word(0, (uint64_t)time);
	char id[40];
	int r = 0;
	if (!cells)
		return -ENOMEM;
	tally_put_int(cells, CHANGES_TIME, time);
	for (uint32_t i = CHANGES_HOST; r == 0 && i < CHANGES_PROJECT; i++) {
		const char *text = i == CHANGES_HOST ? tally_hostname(ctx) : row->texts[i];
		if (i <= CHANGES_CONTAINER_ID)
			hash = hash_text(hash, text ? text : "");
		if (text && *text)
			r = tally_put_text(ctx, batch, cells, i, text, strlen(text));
	}
	const char *service = row->texts[CHANGES_SERVICE];
	size_t project = service && strchr(service, '/') ? strcspn(service, "/") : 0;
	if (r == 0 && project > 0)
		r = tally_put_text(ctx, batch, cells, CHANGES_PROJECT, service, project);
	snprintf(id, sizeof(id), "%" PRIx64 "-%08x", (uint64_t)time / 1000, (uint32_t)hash);
	return r < 0 ? r : tally_put_text(ctx, batch, cells, CHANGES_ID, id, strlen(id));
}
