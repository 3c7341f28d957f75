/*
 * Compares the known references with the new list, and emits one row per difference.
 * docker_images.c calls this on the instance's thread: versions_load() in start(),
 * versions_add_event() for each event, versions_update() in each scan.
 *
 * Why lists and not events: a pull that moves a tag emits only `pull` with the reference, a re-tag
 * only `tag` with the new image, and neither says what lost the tag.  Events only give the time.
 * Each change is emitted with the position of its reference, so it is repeated after a restart
 * unless it is safe.  What can fail: tally_emit(); from that change on everything stays as it was,
 * and the next scan finds it again.
 */
#include "image_versions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "image_tables.h"

enum {
	VERSIONS_POSITION = 1024,
	VERSIONS_SOURCE = 256,
	VERSIONS_MAX_GAP = 64, /* versions_load() stops after so many free slots in a row */
};

/* ---- When it changed ---- */

static uint64_t hash_reference(const char *reference)
{
	char normal[IMAGE_REFERENCE_MAX];
	image_reference_normal(reference, normal);
	return hash_text(0, normal);
}

void versions_add_event(struct versions *versions, const char *reference, int64_t time)
{
	versions->last_event = time;
	if (reference)
		versions->events[versions->n_events++ % VERSIONS_EVENTS] =
			(struct version_event){hash_reference(reference), time};
}

/* The newest event of a reference in a ring of `size`, to which n were added; 0: none.  Hashes are
 * compared: a collision would cost a wrong time. */
static int64_t newest(const struct version_event *events, uint32_t n, uint32_t size,
		      const char *reference)
{
	uint64_t hash = hash_reference(reference);
	int64_t time = 0;
	for (uint32_t i = 0; i < n && i < size; i++)
		if (events[i].reference == hash && events[i].time > time)
			time = events[i].time;
	return time;
}

/* The time of the change: of its own event, else of the last event of any image, else now.  An
 * event that is not newer than the previous change belongs to that one. */
static int64_t change_time(const struct versions *versions, const struct tally_ctx *ctx,
			   const struct version *before, const char *reference)
{
	int64_t since = before ? before->since : 0;
	int64_t event = newest(versions->events, versions->n_events, VERSIONS_EVENTS, reference);
	if (event <= since)
		event = versions->last_event;
	/* Time and reference are the key in a store, so a second change needs a later time. */
	return event > since ? event : tally_now(ctx);
}

/* ---- Slots ----
 *
 * The sources of positions are a fixed set, and a reference has one of them while it exists.
 * References come and go, and would leave their positions behind if each had a source named after
 * it. */

static void slot_source(const struct tally_ctx *ctx, uint32_t slot, char ret[VERSIONS_SOURCE])
{
	snprintf(ret, VERSIONS_SOURCE, "%s#%u", ctx->name, slot);
}

/* Takes the lowest free slot, so that versions_load() finds all with few look-ups. */
static uint32_t slot_take(struct versions *versions, struct tally_ctx *ctx)
{
	for (uint32_t i = 0; i < VERSIONS_KEPT; i++) {
		if (versions->used[i])
			continue;
		versions->used[i] = true;
		return i;
	}
	if (!versions->full_logged)
		tally_log(ctx, TALLY_WARNING,
			  "more than %d references; changes of the others are not noticed over a "
			  "restart",
			  VERSIONS_KEPT);
	versions->full_logged = true;
	return VERSIONS_KEPT;
}

static void version_done(struct version *version)
{
	free(version->reference);
	free(version->image_id);
	*version = (struct version){0};
}

static bool version_init(struct version *ret, const char *reference, const char *image_id)
{
	ret->reference = strdup(reference);
	ret->image_id = strdup(image_id);
	if (ret->reference && ret->image_id)
		return true;
	version_done(ret);
	return false;
}

/* Format: SINCE IMAGE_ID REFERENCE, or "-" for a free slot.  The reference comes last, as it may
 * have any length.  A position that cannot be parsed counts as free: its reference is emitted as
 * added. */
static bool position_read(char *position, struct version *ret)
{
	char *id, *reference;
	int64_t since = strtoll(position, &id, 10);
	if (*id != ' ' || !(reference = strchr(id + 1, ' ')) || !reference[1])
		return false;
	*reference++ = '\0';
	ret->since = since;
	return version_init(ret, reference, id + 1);
}

static int by_reference(const void *a, const void *b)
{
	const struct version *left = a, *right = b;
	return strcmp(left->reference, right->reference);
}

int versions_load(struct versions *versions, struct tally_ctx *ctx)
{
	char source[VERSIONS_SOURCE], position[VERSIONS_POSITION];
	if (versions->n > 0)
		return 0;
	free(versions->items);
	versions->items = calloc(VERSIONS_KEPT, sizeof(struct version));
	if (!versions->items)
		return tally_fail(ctx, ENOMEM, "no memory for references");
	for (uint32_t i = 0, hole = 0; i < VERSIONS_KEPT && hole < VERSIONS_MAX_GAP; i++) {
		struct version *version = &versions->items[versions->n];
		slot_source(ctx, i, source);
		hole++;
		if (tally_position(ctx, source, position, sizeof(position)) < 0)
			continue;
		hole = 0;
		if (!position_read(position, version))
			continue;
		version->slot = i;
		versions->used[i] = true;
		versions->n++;
	}
	qsort(versions->items, versions->n, sizeof(struct version), by_reference);
	return 0;
}

void versions_done(struct versions *versions)
{
	for (uint32_t i = 0; i < versions->n; i++)
		version_done(&versions->items[i]);
	free(versions->items);
	*versions = (struct versions){0};
}

/* ---- Emitting ---- */

/* A change to be emitted. */
struct change {
	const char *what, *reference;
	const char *image_id, *previous, *digest; /* NULL: none */
	int64_t time;
};

static bool put(struct tally_ctx *ctx, struct tally_batch *batch, struct tally_cell *row,
		enum versions_column column, const char *text)
{
	if (!text)
		return true;
	return tally_put_text(ctx, batch, row, column, text, strlen(text)) == 0;
}

static struct tally_batch *change_batch(struct tally_ctx *ctx, const struct change *change)
{
	struct tally_batch *batch = tally_batch_new(ctx, &versions_table);
	struct tally_cell *row = batch ? tally_batch_row(ctx, batch) : NULL;
	if (row && put(ctx, batch, row, VERSIONS_HOST, tally_hostname(ctx)) &&
	    put(ctx, batch, row, VERSIONS_REFERENCE, change->reference) &&
	    put(ctx, batch, row, VERSIONS_IMAGE_ID, change->image_id) &&
	    put(ctx, batch, row, VERSIONS_DIGEST, change->digest) &&
	    put(ctx, batch, row, VERSIONS_PREVIOUS_IMAGE_ID, change->previous) &&
	    put(ctx, batch, row, VERSIONS_CHANGE, change->what)) {
		tally_put_int(row, VERSIONS_TIME, change->time);
		return batch;
	}
	if (batch)
		tally_batch_drop(ctx, batch);
	return NULL;
}

/* The row, and with it the new position of the slot: both are safe, or neither is. */
static int emit_change(struct tally_ctx *ctx, const struct change *change, uint32_t slot,
		       const char *position)
{
	char source[VERSIONS_SOURCE];
	bool kept = slot < VERSIONS_KEPT;
	struct tally_batch *batch = change_batch(ctx, change);
	if (!batch)
		return tally_fail(ctx, ENOMEM, "no memory for a change of %s", change->reference);
	slot_source(ctx, slot, source);
	return tally_emit(ctx, batch, kept ? source : NULL, kept ? position : NULL);
}

/* Added or moved.  On success ret is the new state. */
static int emit_version(struct versions *versions, struct tally_ctx *ctx,
			const struct version *before, const struct change *change,
			struct version *ret)
{
	char position[VERSIONS_POSITION];
	struct version fresh = {.since = change->time};
	if (!version_init(&fresh, change->reference, change->image_id))
		return tally_fail(ctx, ENOMEM, "no memory for %s", change->reference);
	/* The slot is taken before the row is emitted, since the position goes with it, and given
	 * back if that fails. */
	fresh.slot = before ? before->slot : slot_take(versions, ctx);
	snprintf(position, sizeof(position), "%" PRId64 " %s %s", fresh.since, fresh.image_id,
		 fresh.reference);
	int r = emit_change(ctx, change, fresh.slot, position);
	if (r < 0) {
		if (!before && fresh.slot < VERSIONS_KEPT)
			versions->used[fresh.slot] = false;
		version_done(&fresh);
		return r;
	}
	*ret = fresh;
	return 0;
}

/* ---- Comparing ---- */

/* Two lists in the order of references, walked side by side as in a merge: O(n + m), and each item
 * of the old list is moved or freed exactly once. */
struct diff {
	struct versions *versions;
	struct tally_ctx *ctx;
	const struct image_list *list;
	struct version *fresh;
	uint32_t n, old, tag;
	int r; /* the first failure; after it nothing is emitted, all stays as it was */
};

static void diff_keep(struct diff *diff, struct version *version)
{
	diff->fresh[diff->n++] = *version;
	*version = (struct version){0};
}

/* The position "-" frees the slot on disk as well.  The time of removal is kept for containers that
 * were created from the reference: they are outdated since then. */
static void diff_removed(struct diff *diff)
{
	struct versions *versions = diff->versions;
	struct version *version = &versions->items[diff->old++];
	const struct change change = {
		.what = "removed",
		.reference = version->reference,
		.previous = version->image_id,
		.time = change_time(versions, diff->ctx, version, version->reference)};
	if (diff->r == 0)
		diff->r = emit_change(diff->ctx, &change, version->slot, "-");
	if (diff->r < 0) {
		diff_keep(diff, version);
		return;
	}
	if (version->slot < VERSIONS_KEPT)
		versions->used[version->slot] = false;
	versions->removed[versions->n_removed++ % VERSIONS_REMOVED] =
		(struct version_event){hash_reference(version->reference), change.time};
	version_done(version);
}

/* before NULL: added.  The digest is what the registry calls the new image, if it was pulled. */
static void diff_present(struct diff *diff, struct version *before)
{
	const struct image_name *tag = &diff->list->tags.items[diff->tag++];
	const char *id = diff->list->items[tag->image].id;
	struct version fresh;
	const struct change change = {
		.what = before ? "moved" : "added",
		.reference = tag->name,
		.image_id = id,
		.previous = before ? before->image_id : NULL,
		.digest = image_list_digest(diff->list, tag->image, tag->name),
		.time = change_time(diff->versions, diff->ctx, before, tag->name)};
	bool same = before && strcmp(before->image_id, id) == 0;
	if (!same && diff->r == 0)
		diff->r = emit_version(diff->versions, diff->ctx, before, &change, &fresh);
	if (same || diff->r < 0) {
		if (before)
			diff_keep(diff, before);
		return;
	}
	if (before)
		version_done(before);
	diff_keep(diff, &fresh);
}

static void diff_step(struct diff *diff)
{
	struct versions *versions = diff->versions;
	const struct image_names *tags = &diff->list->tags;
	int order = diff->old == versions->n ? 1 : -1;
	if (diff->old < versions->n && diff->tag < tags->n)
		order = strcmp(versions->items[diff->old].reference, tags->items[diff->tag].name);
	if (order < 0)
		diff_removed(diff);
	else if (order > 0)
		diff_present(diff, NULL);
	else
		diff_present(diff, &versions->items[diff->old++]);
}

int versions_update(struct versions *versions, struct tally_ctx *ctx, const struct image_list *list)
{
	struct diff diff = {.versions = versions, .ctx = ctx, .list = list};
	diff.fresh = calloc(versions->n + list->tags.n + 1, sizeof(struct version));
	if (!diff.fresh)
		return tally_fail(ctx, ENOMEM, "no memory for %u references", list->tags.n);
	while (diff.old < versions->n || diff.tag < list->tags.n)
		diff_step(&diff);
	free(versions->items);
	versions->items = diff.fresh;
	versions->n = diff.n;
	if (diff.r == 0)
		versions->last_event = 0;
	return diff.r;
}

/* ---- Look-ups ---- */

int64_t versions_since(const struct versions *versions, const char *reference)
{
	char wanted[IMAGE_REFERENCE_MAX], name[IMAGE_REFERENCE_MAX];
	image_reference_normal(reference, wanted);
	for (uint32_t i = 0; wanted[0] && i < versions->n; i++) {
		image_reference_normal(versions->items[i].reference, name);
		if (strcmp(name, wanted) == 0)
			return versions->items[i].since;
	}
	return newest(versions->removed, versions->n_removed, VERSIONS_REMOVED, reference);
}

int64_t versions_newest(const struct versions *versions)
{
	int64_t newest = 0;
	for (uint32_t i = 0; i < versions->n; i++)
		if (versions->items[i].since > newest)
			newest = versions->items[i].since;
	return newest;
}
