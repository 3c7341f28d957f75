/*
 * A query enters the slot, which counts it in, calls the plugin without any lock, and leaves.  A
 * value on loan from a cache counts as inside until it is released, since its memory is the
 * cache's.
 */
#include "capability.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "batch_check.h"
#include "crash.h"
#include "host_gone.h"
#include "reason.h"
#include "base/clock.h"

struct capability {
	struct capability *next;
	char *name;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t empty;
	const struct tally_plugin *plugin; /* NULL: not running */
	void *self;
	unsigned inside;
	const char *crash_name; /* as name, for ever */
	const char *before;     /* of who is inside: what it had entered before */
};

/* What options hold: a store or a cache handle is its slot. */
struct capabilities {
	pthread_mutex_t lock; /* guards the list; slots are never removed */
	struct capability *first;
};

struct capabilities *capabilities_create(void)
{
	struct capabilities *capabilities = calloc(1, sizeof(*capabilities));
	if (capabilities)
		pthread_mutex_init(&capabilities->lock, NULL);
	return capabilities;
}

void capabilities_destroy(struct capabilities *capabilities)
{
	if (!capabilities)
		return;
	while (capabilities->first) {
		struct capability *slot = capabilities->first;
		capabilities->first = slot->next;
		pthread_cond_destroy(&slot->empty);
		pthread_mutex_destroy(&slot->lock);
		free(slot->name);
		free(slot);
	}
	pthread_mutex_destroy(&capabilities->lock);
	free(capabilities);
}

static struct capability *capability_create(const char *name)
{
	struct capability *slot = calloc(1, sizeof(*slot));
	char *copy = strdup(name);
	if (!slot || !copy) {
		free(slot);
		free(copy);
		return NULL;
	}
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&slot->empty, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&slot->lock, NULL);
	slot->name = copy;
	slot->crash_name = host_for_ever(name);
	return slot;
}

/* A handful of stores and caches: a list will do. */
static struct capability *capability_find(struct capabilities *capabilities, const char *name)
{
	pthread_mutex_lock(&capabilities->lock);
	struct capability *slot = capabilities->first;
	while (slot && strcmp(slot->name, name) != 0)
		slot = slot->next;
	if (!slot) {
		slot = capability_create(name);
		if (slot) {
			slot->next = capabilities->first;
			capabilities->first = slot;
		}
	}
	pthread_mutex_unlock(&capabilities->lock);
	return slot;
}

void *capability_slot(void *capabilities, enum tally_option_type type, const char *instance_name)
{
	(void)type; /* the plan has checked that the instance can do it */
	return capability_find(capabilities, instance_name);
}

int capability_attach(struct capabilities *capabilities, const char *instance_name,
		      const struct tally_plugin *plugin, void *self)
{
	struct capability *slot = capability_find(capabilities, instance_name);
	if (!slot)
		return -ENOMEM;
	pthread_mutex_lock(&slot->lock);
	slot->plugin = plugin;
	slot->self = self;
	pthread_mutex_unlock(&slot->lock);
	return 0;
}

bool capability_detach(struct capabilities *capabilities, const char *instance_name,
		       int64_t deadline)
{
	struct capability *slot = capability_find(capabilities, instance_name);
	struct timespec until = clock_timespec(deadline);
	int r = 0;
	if (!slot)
		return true;
	pthread_mutex_lock(&slot->lock);
	slot->plugin = NULL;
	while (slot->inside && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&slot->empty, &slot->lock, &until);
	bool empty = !slot->inside;
	pthread_mutex_unlock(&slot->lock);
	return empty;
}

/* Gives the plugin and self, to be called before capability_leave().  Who asks runs the code of
 * that instance until then. */
static int capability_enter(struct capability *slot, struct capability *ret, struct error *error)
{
	if (!slot)
		return error_set(error, ENOTCONN, "no such instance is configured");
	pthread_mutex_lock(&slot->lock);
	ret->plugin = slot->plugin;
	ret->self = slot->self;
	slot->inside += slot->plugin != NULL;
	pthread_mutex_unlock(&slot->lock);
	if (ret->plugin)
		ret->before = crash_enter(slot->crash_name);
	return ret->plugin ? 0 : error_set(error, ENOTCONN, "%s is not running now", slot->name);
}

static void capability_leave(struct capability *slot, const char *before)
{
	crash_leave(before);
	pthread_mutex_lock(&slot->lock);
	if (--slot->inside == 0)
		pthread_cond_broadcast(&slot->empty);
	pthread_mutex_unlock(&slot->lock);
}

static int capability_lacks(const struct capability *slot, const char *what, struct error *error)
{
	return error_set(error, ENOTSUP, "%s is not a %s", slot->name, what);
}

/* A store of somebody else's making may give rows that who asked would crash on. */
struct capability_rows {
	const struct capability *slot;
	tally_rows_fn *rows;
	void *arg;
	const char *asks; /* whose code rows is */
	struct error *error;
};

static int capability_rows(void *arg, const struct tally_batch *batch)
{
	const struct capability_rows *asked = arg;
	int r = batch_check_rows(batch, asked->error);
	if (r == 0) {
		const char *before = crash_enter(asked->asks);
		r = asked->rows(asked->arg, batch);
		crash_leave(before);
		return r;
	}
	error_prefix(asked->error, "a fault of the plugin of %s: ", asked->slot->name);
	return r;
}

int capability_query(struct tally_store *store, const struct tally_query *query,
		     tally_rows_fn *rows, void *arg, struct error *error)
{
	struct capability *slot = (struct capability *)store, running;
	int r = capability_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_reader *reader = running.plugin->store;
	struct capability_rows asked = {slot, rows, arg, running.before, error};
	r = reader ? PLUGIN_CALL(reader->query(running.self, query, capability_rows, &asked))
		   : capability_lacks(slot, "store", error);
	capability_leave(slot, running.before);
	return r;
}

int capability_tables(struct tally_store *store, tally_table_fn *each, void *arg,
		      struct error *error)
{
	struct capability *slot = (struct capability *)store, running;
	int r = capability_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_reader *reader = running.plugin->store;
	r = reader ? PLUGIN_CALL(reader->tables(running.self, each, arg))
		   : capability_lacks(slot, "store", error);
	capability_leave(slot, running.before);
	return r;
}

/* A value on loan keeps its cache from stopping. */
struct capability_loan {
	struct capability *slot;
	void (*release)(void *owner);
	void *owner;
};

static void capability_release(void *owner)
{
	struct capability_loan *loan = owner;
	const char *before = crash_enter(loan->slot->crash_name);
	if (loan->release)
		loan->release(loan->owner);
	capability_leave(loan->slot, before);
	free(loan);
}

static int capability_lend(struct capability_loan *loan, const struct capability *running,
			   const char *key, struct tally_blob *ret)
{
	struct tally_blob blob = {0};
	int r = PLUGIN_CALL(running->plugin->cache->get(running->self, key, &blob));
	if (r < 0)
		return r;
	if (!blob.data && blob.len)
		return -EBADMSG;
	loan->release = blob.release;
	loan->owner = blob.owner;
	*ret = blob;
	ret->release = capability_release;
	ret->owner = loan;
	return 0;
}

int capability_get(struct tally_cache *cache, const char *key, struct tally_blob *ret,
		   struct error *error)
{
	struct capability *slot = (struct capability *)cache, running;
	int r = capability_enter(slot, &running, error);
	if (r < 0)
		return r;
	struct capability_loan *loan = calloc(1, sizeof(*loan));
	if (!running.plugin->cache)
		r = capability_lacks(slot, "cache", error);
	else if (!loan)
		r = error_set(error, ENOMEM, "no memory");
	else
		r = capability_lend(loan, &running, key, ret);
	if (r < 0) {
		free(loan);
		capability_leave(slot, running.before);
		return r;
	}
	loan->slot = slot;
	crash_leave(running.before); /* still counted as inside */
	return 0;
}

int capability_set(struct tally_cache *cache, const char *key, const void *data, size_t len,
		   int64_t ttl_ns, struct error *error)
{
	struct capability *slot = (struct capability *)cache, running;
	int r = capability_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_keeper *keeper = running.plugin->cache;
	r = keeper ? PLUGIN_CALL(keeper->set(running.self, key, data, len, ttl_ns))
		   : capability_lacks(slot, "cache", error);
	capability_leave(slot, running.before);
	return r;
}

int capability_follow(struct tally_cache *cache, const struct capability_following *what,
		      struct error *error)
{
	struct capability *slot = (struct capability *)cache, running;
	int r = capability_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_keeper *keeper = running.plugin->cache;
	bool can = keeper && keeper->size > offsetof(struct tally_keeper, follow) && keeper->follow;
	r = can ? PLUGIN_CALL(keeper->follow(running.self, what->channels, what->stop_fd,
					     what->heard, what->arg))
		: error_set(error, ENOTSUP, "%s has no channels to follow", slot->name);
	capability_leave(slot, running.before);
	return r;
}
