/*
 * Caches behind the memory, in their order: other instances that keep bytes, and that several API
 * processes share.  They are asked by the workers only, and whatever they do, the answer is the
 * same: found there, or else fetched from the store.
 *
 * An answer is taken only if nothing has changed since it was made, as far as this process knows:
 * it bears the mark of its kind (what the caches say under rows:TABLE, set by whoever writes rows
 * of that table there), and is younger than the last levels_forget().  A thread looks at the
 * marks a few times a second, so that a change shows in the memory of every process, too.
 */
#ifndef TALLYD_HTTP_LEVELS_H
#define TALLYD_HTTP_LEVELS_H

#include <tallyd/host.h>

#include "http_api.h"
#include "parcel.h"

struct levels;

typedef void levels_changed_fn(void *arg, enum http_kind kind);

/* 0 and NULL: there are none.  changed: called in the thread that looks at the marks.  -errno: no
 * memory, no thread. */
int levels_open(struct tally_ctx *ctx, const struct http_config *config, levels_changed_fn *changed,
		void *arg, struct levels **ret);
void levels_close(struct levels *levels); /* NULL is fine, here and below */

/* What is known of changes now: to be asked before the store is. */
uint64_t levels_mark(struct levels *levels, enum http_kind kind);

/* NULL: nowhere. */
struct parcel *levels_find(struct levels *levels, enum http_kind kind, const char *key);

/* For the others, if it is one to share. */
void levels_keep(struct levels *levels, enum http_kind kind, const char *key,
		 const struct parcel *parcel, uint64_t mark);

/* What was made up to now is old. */
void levels_forget(struct levels *levels, enum http_kind kind);

#endif
