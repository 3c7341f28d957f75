/*
 * A query enters the slot, which counts it in, calls the plugin without any lock, and leaves.  A
 * value on loan from a cache counts as inside until it is released, since its memory is the
 * cache's.
 *
 * Why slots: an option holds the address of its slot for as long as its instance lives, while the
 * store behind it is stopped, restarted or replaced by a reload.  Queries come on any thread;
 * attaching and detaching on the thread of the instance that offers.
 */
#include "instance/binding.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch_check.h"
#include "process/crash.h"
#include "instance/plugin_api_gone.h"
#include "plugin/reason.h"
#include "base/clock.h"
#include "base/condition.h"

struct binding {
	struct binding *next;
	char *name;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t empty;
	const struct tally_plugin *plugin; /* NULL: not running */
	void *self;
	unsigned inside;
	const char *crash_name; /* as name, for ever */
	const char *before;     /* of the thread inside: what it had entered before */
};

/* What options hold: a store or a cache handle is its slot. */
struct bindings {
	pthread_mutex_t lock; /* guards the list; slots are never removed */
	struct binding *first;
};

struct bindings *bindings_create(void)
{
	struct bindings *bindings = calloc(1, sizeof(*bindings));
	if (bindings)
		pthread_mutex_init(&bindings->lock, NULL);
	return bindings;
}

/* At the end of the process's life: options of older plans hold addresses of slots until then. */
void bindings_destroy(struct bindings *bindings)
{
	if (!bindings)
		return;
	while (bindings->first) {
		struct binding *slot = bindings->first;
		bindings->first = slot->next;
		pthread_cond_destroy(&slot->empty);
		pthread_mutex_destroy(&slot->lock);
		free(slot->name);
		free(slot);
	}
	pthread_mutex_destroy(&bindings->lock);
	free(bindings);
}

static struct binding *binding_create(const char *name)
{
	struct binding *slot = calloc(1, sizeof(*slot));
	char *copy = strdup(name);
	if (!slot || !copy) {
		free(slot);
		free(copy);
		return NULL;
	}
	pthread_cond_init(&slot->empty, NULL);
	pthread_mutex_init(&slot->lock, NULL);
	slot->name = copy;
	slot->crash_name = plugin_api_for_ever(name);
	return slot;
}

/* A handful of stores and caches: a list will do. */
static struct binding *binding_find(struct bindings *bindings, const char *name)
{
	pthread_mutex_lock(&bindings->lock);
	struct binding *slot = bindings->first;
	while (slot && strcmp(slot->name, name) != 0)
		slot = slot->next;
	if (!slot) {
		slot = binding_create(name);
		if (slot) {
			slot->next = bindings->first;
			bindings->first = slot;
		}
	}
	pthread_mutex_unlock(&bindings->lock);
	return slot;
}

void *binding_slot(void *bindings, enum tally_option_type type, const char *instance_name)
{
	(void)type; /* the plan has checked that the instance can do it */
	return binding_find(bindings, instance_name);
}

/* Only now can queries come in; the store has started. */
int binding_attach(struct bindings *bindings, const char *instance_name,
		   const struct tally_plugin *plugin, void *self)
{
	struct binding *slot = binding_find(bindings, instance_name);
	if (!slot)
		return -ENOMEM;
	pthread_mutex_lock(&slot->lock);
	slot->plugin = plugin;
	slot->self = self;
	pthread_mutex_unlock(&slot->lock);
	return 0;
}

/* New ones are refused at once; the wait is for those inside.  The caller repeats it, since the
 * plugin must not be stopped under them. */
bool binding_detach(struct bindings *bindings, const char *instance_name, int64_t deadline)
{
	struct binding *slot = binding_find(bindings, instance_name);
	if (!slot)
		return true;
	pthread_mutex_lock(&slot->lock);
	slot->plugin = NULL;
	while (slot->inside && condition_wait(&slot->empty, &slot->lock, deadline))
		;
	bool empty = !slot->inside;
	pthread_mutex_unlock(&slot->lock);
	return empty;
}

/* Gives the plugin and self, to be called before binding_leave().  Who asks runs the code of
 * that instance until then. */
static int binding_enter(struct binding *slot, struct binding *ret, struct error *error)
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

/* The last one out wakes binding_detach(), which waits before the plugin is stopped. */
static void binding_leave(struct binding *slot, const char *before)
{
	crash_leave(before);
	pthread_mutex_lock(&slot->lock);
	if (--slot->inside == 0)
		pthread_cond_broadcast(&slot->empty);
	pthread_mutex_unlock(&slot->lock);
}

static int binding_lacks(const struct binding *slot, const char *what, struct error *error)
{
	return error_set(error, ENOTSUP, "%s is not a %s", slot->name, what);
}

/* A store of somebody else's making may give rows that who asked would crash on. */
struct binding_rows {
	const struct binding *slot;
	tally_rows_fn *rows;
	void *arg;
	const char *asks; /* whose code rows is */
	struct error *error;
};

/* The rows function belongs to whoever asked, so a crash in it is theirs, although the store's
 * code is below it on the stack. */
static int binding_rows(void *arg, const struct tally_batch *batch)
{
	const struct binding_rows *asked = arg;
	int r = batch_check_rows(batch, asked->error);
	if (r == 0) {
		const char *before = crash_enter(asked->asks);
		r = asked->rows(asked->arg, batch);
		crash_leave(before);
		return r;
	}
	error_prefix(asked->error, "plugin bug in %s: ", asked->slot->name);
	return r;
}

/* No lock is held over the plugin: queries take seconds, and many run at once. */
int binding_query(struct tally_store *store, const struct tally_query *query, tally_rows_fn *rows,
		  void *arg, struct error *error)
{
	struct binding *slot = (struct binding *)store, running;
	int r = binding_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_store_ops *reader = running.plugin->store;
	struct binding_rows asked = {slot, rows, arg, running.before, error};
	r = reader ? PLUGIN_CALL(reader->query(running.self, query, binding_rows, &asked))
		   : binding_lacks(slot, "store", error);
	binding_leave(slot, running.before);
	return r;
}

int binding_tables(struct tally_store *store, tally_table_fn *each, void *arg, struct error *error)
{
	struct binding *slot = (struct binding *)store, running;
	int r = binding_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_store_ops *reader = running.plugin->store;
	r = reader ? PLUGIN_CALL(reader->tables(running.self, each, arg))
		   : binding_lacks(slot, "store", error);
	binding_leave(slot, running.before);
	return r;
}

/* A value on loan keeps its cache from stopping. */
struct binding_loan {
	struct binding *slot;
	void (*release)(void *owner);
	void *owner;
};

static void binding_release(void *owner)
{
	struct binding_loan *loan = owner;
	const char *before = crash_enter(loan->slot->crash_name);
	if (loan->release)
		loan->release(loan->owner);
	binding_leave(loan->slot, before);
	free(loan);
}

/* The loan replaces the plugin's release function, so that giving the value back also leaves the
 * slot. */
static int binding_lend(struct binding_loan *loan, const struct binding *running, const char *key,
			struct tally_blob *ret)
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
	ret->release = binding_release;
	ret->owner = loan;
	return 0;
}

/* The loan is made before the plugin is asked, so that running out of memory leaves no value that
 * would have to be given back. */
int binding_get(struct tally_cache *cache, const char *key, struct tally_blob *ret,
		struct error *error)
{
	struct binding *slot = (struct binding *)cache, running;
	int r = binding_enter(slot, &running, error);
	if (r < 0)
		return r;
	struct binding_loan *loan = calloc(1, sizeof(*loan));
	if (!running.plugin->cache)
		r = binding_lacks(slot, "cache", error);
	else if (!loan)
		r = error_set(error, ENOMEM, "out of memory");
	else
		r = binding_lend(loan, &running, key, ret);
	if (r < 0) {
		free(loan);
		binding_leave(slot, running.before);
		return r;
	}
	loan->slot = slot;
	crash_leave(running.before); /* still counted as inside */
	return 0;
}

int binding_set(struct tally_cache *cache, const char *key, const void *data, size_t len,
		int64_t ttl_ns, struct error *error)
{
	struct binding *slot = (struct binding *)cache, running;
	int r = binding_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_cache_ops *ops = running.plugin->cache;
	r = ops ? PLUGIN_CALL(ops->set(running.self, key, data, len, ttl_ns))
		: binding_lacks(slot, "cache", error);
	binding_leave(slot, running.before);
	return r;
}

/* It lasts as long as the subscription, and counts as inside for all of that time: a cache that
 * stops waits until its subscribers' stop_fd has ended them. */
int binding_subscribe(struct tally_cache *cache, const struct binding_subscription *what,
		      struct error *error)
{
	struct binding *slot = (struct binding *)cache, running;
	int r = binding_enter(slot, &running, error);
	if (r < 0)
		return r;
	const struct tally_cache_ops *ops = running.plugin->cache;
	bool can = ops && ops->size > offsetof(struct tally_cache_ops, subscribe) && ops->subscribe;
	r = can ? PLUGIN_CALL(ops->subscribe(running.self, what->channels, what->stop_fd,
					     what->message, what->arg))
		: error_set(error, ENOTSUP, "%s has no channels to follow", slot->name);
	binding_leave(slot, running.before);
	return r;
}
