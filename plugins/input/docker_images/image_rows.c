/*
 * From a snapshot to rows of docker_images.  docker_images.c calls this once per scan on the
 * instance's thread.
 *
 * A row has all containers of its image, and the results of registries, as JSON, each bounded.
 * Matching is by comparing every image with every container, O(images × containers) of id
 * comparisons: these are short strings, once a minute and after events.  What can fail is memory
 * only; then the scan fails, and emits nothing.
 */
#include "image_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_writer.h"

enum { ROWS_USERS = 256, ROWS_JSON = 1 << 20 };

/* One row under construction. */
struct row {
	struct tally_ctx *ctx;
	struct tally_batch *batch;
	struct tally_cell *cells;
	bool no_memory;
};

static void put_text(struct row *row, enum images_column column, const char *text, size_t len)
{
	row->no_memory |= tally_put_text(row->ctx, row->batch, row->cells, column, text, len) < 0;
}

/* NULL if longer than ROWS_JSON, since a part of the array would be taken for all of it. */
static void put_json(struct row *row, enum images_column column, struct json_writer *json)
{
	row->no_memory |= json->error == -ENOMEM;
	if (!json->error)
		put_text(row, column, json->data, json->len);
	json_writer_done(json);
}

static bool row_begin(struct row *row, struct tally_ctx *ctx, struct tally_batch *batch,
		      int64_t time)
{
	*row = (struct row){.ctx = ctx, .batch = batch, .cells = tally_batch_row(ctx, batch)};
	if (!row->cells)
		return false;
	tally_put_int(row->cells, IMAGES_TIME, time);
	return true;
}

/* ---- An image's cells ---- */

/* Returns their number. */
static uint32_t put_names(struct row *row, enum images_column column,
			  const struct image_names *names, uint32_t image)
{
	struct json_writer json;
	uint32_t n = 0;
	json_writer_init(&json, ROWS_JSON);
	json_begin_array(&json);
	for (uint32_t i = 0; i < names->n; i++) {
		if (names->items[i].image != image)
			continue;
		json_write_string(&json, names->items[i].name);
		n++;
	}
	json_end_array(&json);
	put_json(row, column, &json);
	return n;
}

static void write_text(struct json_writer *json, const char *key, const char *text)
{
	json_write_key(json, key);
	json_write_string(json, text && text[0] ? text : NULL);
}

/* Names and states as of this scan; container_info has the newest. */
static void write_user(struct json_writer *json, const struct image_user *user)
{
	json_begin_object(json);
	write_text(json, "container_id", user->id);
	write_text(json, "name", user->container->name);
	write_text(json, "state", user->container->state);
	write_text(json, "reference", user->reference);
	json_write_key(json, "outdated");
	json_write_bool(json, user->outdated);
	json_write_key(json, "outdated_since");
	if (user->outdated_since)
		json_write_time(json, user->outdated_since);
	else
		json_write_null(json);
	json_end_object(json);
}

/* used_by, and what it sums up to: counts, and the earliest outdated_since. */
static void put_users(struct row *row, const struct image_users *users, const char *image_id)
{
	uint32_t n = 0, outdated = 0;
	int64_t since = 0;
	struct json_writer json;
	json_writer_init(&json, ROWS_JSON);
	json_begin_array(&json);
	for (uint32_t i = 0; i < users->n; i++) {
		const struct image_user *user = &users->items[i];
		if (strcmp(user->container->image_id, image_id) != 0)
			continue;
		outdated += user->outdated;
		if (user->outdated_since && (!since || user->outdated_since < since))
			since = user->outdated_since;
		if (n++ < ROWS_USERS)
			write_user(&json, user);
	}
	json_end_array(&json);
	put_json(row, IMAGES_USED_BY, &json);
	tally_put_int(row->cells, IMAGES_CONTAINERS, n);
	tally_put_int(row->cells, IMAGES_OUTDATED, outdated);
	if (since)
		tally_put_int(row->cells, IMAGES_OUTDATED_SINCE, since);
}

/* ---- Results of registries ---- */

/* The result's reference points to this image, or a container of this image was created from it.
 * The latter matters when the tag has moved on already. */
static bool is_about(const struct registry_result *result, const struct image_snapshot *snapshot,
		     uint32_t i)
{
	char normal[IMAGE_REFERENCE_MAX];
	const struct image_names *tags = &snapshot->images->tags;
	const char *id = snapshot->images->items[i].id;
	for (uint32_t t = 0; t < tags->n; t++) {
		if (tags->items[t].image != i)
			continue;
		image_reference_normal(tags->items[t].name, normal);
		if (strcmp(normal, result->reference) == 0)
			return true;
	}
	for (uint32_t u = 0; u < snapshot->users->n; u++) {
		const struct image_user *user = &snapshot->users->items[u];
		if (strcmp(user->container->image_id, id) != 0 || !user->reference)
			continue;
		image_reference_normal(user->reference, normal);
		if (strcmp(normal, result->reference) == 0)
			return true;
	}
	return false;
}

static void write_result(struct json_writer *json, const struct registry_result *result,
			 enum digest_match known)
{
	json_begin_object(json);
	write_text(json, "reference", result->reference);
	write_text(json, "digest", result->digest);
	json_write_key(json, "current");
	if (known == DIGEST_UNKNOWN)
		json_write_null(json);
	else
		json_write_bool(json, known == DIGEST_SAME);
	json_write_key(json, "checked_at");
	if (result->checked_at)
		json_write_time(json, result->checked_at);
	else
		json_write_null(json);
	write_text(json, "problem", result->problem);
	json_end_object(json);
}

/* update_available is NULL, not false, unless a digest was compared: an image built locally has no
 * digest, and a registry may not have answered yet. */
static void put_registry(struct row *row, const struct image_snapshot *snapshot, uint32_t i)
{
	struct json_writer json;
	int64_t checked = 0;
	bool compared = false, other = false;
	json_writer_init(&json, ROWS_JSON);
	json_begin_array(&json);
	for (uint32_t s = 0; s < snapshot->n_registry; s++) {
		const struct registry_result *result = &snapshot->registry[s];
		enum digest_match known = DIGEST_UNKNOWN;
		if (!is_about(result, snapshot, i))
			continue;
		if (result->digest[0])
			known = image_list_compare_digest(snapshot->images, i, result->reference,
							  result->digest);
		compared |= known != DIGEST_UNKNOWN;
		other |= known == DIGEST_OTHER;
		checked = result->checked_at > checked ? result->checked_at : checked;
		write_result(&json, result, known);
	}
	json_end_array(&json);
	put_json(row, IMAGES_REGISTRY, &json);
	if (compared)
		tally_put_int(row->cells, IMAGES_UPDATE_AVAILABLE, other);
	if (checked)
		tally_put_int(row->cells, IMAGES_REGISTRY_CHECKED_AT, checked);
}

/* ---- A row ---- */

static void put_number(struct row *row, enum images_column column, const struct json_int *number)
{
	if (number->set)
		tally_put_int(row->cells, column, number->value);
}

int image_rows_add(struct tally_ctx *ctx, struct tally_batch *batch,
		   const struct image_snapshot *snapshot)
{
	struct row row;
	int64_t created;
	for (uint32_t i = 0; i < snapshot->images->n; i++) {
		const struct image *image = &snapshot->images->items[i];
		if (!row_begin(&row, ctx, batch, snapshot->time))
			return -ENOMEM;
		put_text(&row, IMAGES_HOST, tally_hostname(ctx), strlen(tally_hostname(ctx)));
		put_text(&row, IMAGES_IMAGE_ID, image->id, strlen(image->id));
		uint32_t tags = put_names(&row, IMAGES_TAGS, &snapshot->images->tags, i);
		uint32_t digests = put_names(&row, IMAGES_DIGESTS, &snapshot->images->digests, i);
		tally_put_int(row.cells, IMAGES_DANGLING, tags == 0 && digests == 0);
		if (image->created.set && image->created.value > 0 &&
		    !__builtin_mul_overflow(image->created.value, CLOCK_SECOND, &created))
			tally_put_int(row.cells, IMAGES_CREATED, created);
		put_number(&row, IMAGES_SIZE_BYTES, &image->size);
		put_number(&row, IMAGES_SHARED_SIZE_BYTES, &image->shared_size);
		put_users(&row, snapshot->users, image->id);
		if (snapshot->registry)
			put_registry(&row, snapshot, i);
		if (row.no_memory)
			return -ENOMEM;
	}
	return 0;
}

/* ---- Removed images ---- */

static bool is_there(const struct image_list *images, const struct tally_cell *id)
{
	for (uint32_t i = 0; id->set && i < images->n; i++)
		if (strlen(images->items[i].id) == id->len &&
		    memcmp(images->items[i].id, id->text, id->len) == 0)
			return true;
	return false;
}

static void put_cell(struct row *row, enum images_column column, const struct tally_cell *cell)
{
	uint16_t type = images_table.columns[column].type;
	if (!cell->set)
		return;
	if (type == TALLY_TEXT || type == TALLY_JSON)
		put_text(row, column, cell->text, cell->len);
	else
		row->cells[column] = *cell;
}

/* No container can be created from it any more; names and size stay, for the history. */
static void put_gone(struct row *row, const struct tally_cell *before, int64_t time)
{
	for (uint32_t i = IMAGES_HOST; i < IMAGES_CONTAINERS; i++)
		put_cell(row, i, &before[i]);
	put_cell(row, IMAGES_DANGLING, &before[IMAGES_DANGLING]);
	tally_put_int(row->cells, IMAGES_CONTAINERS, 0);
	tally_put_int(row->cells, IMAGES_OUTDATED, 0);
	put_text(row, IMAGES_USED_BY, "[]", 2);
	tally_put_int(row->cells, IMAGES_GONE_AT, time);
}

int image_rows_add_gone(struct tally_ctx *ctx, struct tally_batch *batch,
			const struct tally_batch *before, const struct image_snapshot *snapshot)
{
	struct row row;
	for (uint32_t i = 0; before && i < before->n_rows; i++) {
		const struct tally_cell *cells = before->cells + (size_t)i * IMAGES_COLUMNS;
		bool known = cells[IMAGES_GONE_AT].set;
		if (is_there(snapshot->images, &cells[IMAGES_IMAGE_ID]) ||
		    (known && !snapshot->repeats))
			continue;
		if (!row_begin(&row, ctx, batch, snapshot->time))
			return -ENOMEM;
		/* Gone before: repeated as it was, with its first gone_at. */
		for (uint32_t c = 0; known && c < IMAGES_COLUMNS; c++)
			put_cell(&row, c, &cells[c]);
		if (!known)
			put_gone(&row, cells, snapshot->time);
		if (row.no_memory)
			return -ENOMEM;
	}
	return 0;
}
