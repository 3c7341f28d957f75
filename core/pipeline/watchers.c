/*
 * The lock is held for reading over the plugins' watch(), which must not block; so whoever detaches
 * waits for the calls that are under way, and an input never for another one.
 *
 * Shown on the thread of the input that emits, before the rows are pushed: what a stream shows must
 * not depend on whether a buffer is blocked.
 */
#include "pipeline/watchers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "process/crash.h"
#include "plugin/reason.h"

struct watchers_entry {
	struct watchers_entry *next;
	const struct tally_watcher *watcher;
	void *self;
	const char *name;
};

struct watchers {
	pthread_rwlock_t lock;
	struct watchers_entry *first;
};

struct watchers *watchers_create(void)
{
	struct watchers *watchers = calloc(1, sizeof(*watchers));
	if (watchers)
		pthread_rwlock_init(&watchers->lock, NULL);
	return watchers;
}

void watchers_destroy(struct watchers *watchers)
{
	if (!watchers)
		return;
	while (watchers->first)
		watchers_detach(watchers, watchers->first->self);
	pthread_rwlock_destroy(&watchers->lock);
	free(watchers);
}

/* At the front, since their order means nothing. */
int watchers_attach(struct watchers *watchers, const struct tally_watcher *watcher, void *self,
		    const char *name)
{
	struct watchers_entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->watcher = watcher;
	entry->self = self;
	entry->name = name;
	pthread_rwlock_wrlock(&watchers->lock);
	entry->next = watchers->first;
	watchers->first = entry;
	pthread_rwlock_unlock(&watchers->lock);
	return 0;
}

/* Taking the lock for writing waits for calls that are under way; after that `self` may be
 * freed. */
void watchers_detach(struct watchers *watchers, const void *self)
{
	pthread_rwlock_wrlock(&watchers->lock);
	struct watchers_entry **at = &watchers->first;
	while (*at && (*at)->self != self)
		at = &(*at)->next;
	struct watchers_entry *entry = *at;
	if (entry)
		*at = entry->next;
	pthread_rwlock_unlock(&watchers->lock);
	free(entry);
}

void watchers_show(struct watchers *watchers, const struct tally_batch *batch)
{
	pthread_rwlock_rdlock(&watchers->lock);
	for (const struct watchers_entry *entry = watchers->first; entry; entry = entry->next) {
		const char *before = crash_enter(entry->name);
		PLUGIN_CALL(entry->watcher->watch(entry->self, batch));
		crash_leave(before);
	}
	pthread_rwlock_unlock(&watchers->lock);
}
