/*
 * What each reference pointed to at the last scan, and since when; it gives rows of image_versions
 * for what is different now.
 *
 * It outlives the daemon by the positions that go with the rows: one source per reference, called
 * INSTANCE#0, INSTANCE#1, …, whose position is what the reference points to.  So a change is
 * emitted again unless its row is safe, and what changed while the daemon was down is emitted when
 * it is back. Of more than VERSIONS_KEPT references the last ones are not kept over a restart.
 */
#ifndef TALLYD_IMAGE_VERSIONS_H
#define TALLYD_IMAGE_VERSIONS_H

#include <tallyd/host.h>

#include "image_list.h"

enum { VERSIONS_KEPT = 1024, VERSIONS_EVENTS = 256, VERSIONS_REMOVED = 64 };

/* One reference. */
struct version {
	char *reference, *image_id;
	int64_t since; /* ns since 1970 */
	uint32_t slot; /* VERSIONS_KEPT: it has none */
};

/* When an event named a reference. */
struct version_event {
	uint64_t reference; /* a hash of what it means */
	int64_t time;
};

struct versions {
	struct version *items; /* in the order of references */
	uint32_t n;
	bool used[VERSIONS_KEPT]; /* slots */
	bool full_logged;
	struct version_event events[VERSIONS_EVENTS];
	uint32_t n_events;                              /* ever */
	struct version_event removed[VERSIONS_REMOVED]; /* the last ones, and when */
	uint32_t n_removed;
	int64_t last_event; /* of any image, since the last scan; 0: none */
};

/* What was safe when the daemon ended. */
int versions_load(struct versions *versions, struct tally_ctx *ctx);
void versions_done(struct versions *versions);

/* An event's time counts for what changed by it.  reference NULL: it does not say of which. */
void versions_add_event(struct versions *versions, const char *reference, int64_t time);

/* Emits what changed.  0, or what tally_fail() returned; then the rest is emitted the next time. */
int versions_update(struct versions *versions, struct tally_ctx *ctx,
		    const struct image_list *list);

/* Since when a reference points to what it does; also to nothing.  0: not known. */
int64_t versions_since(const struct versions *versions, const char *reference);
/* The newest of these; 0: there is none. */
int64_t versions_newest(const struct versions *versions);

#endif
