/*
 * An emit takes hold of the current set of journals, pushes to each in turn and lets go of the set.
 * A swap puts the new set in place, marks the old one stale and wakes its journals, so that an emit
 * which waits for room in one comes back, and goes on with the new set where it left off.
 *
 * No lock is held while pushing: the router's guards only which set is current and who uses it.
 */
#include "router.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"

struct router_set {
	atomic_bool stale;
	unsigned users;
	size_t n;
	struct journal *journals[];
};

struct router {
	struct metrics *metrics;
	struct positions *positions;
	struct watchers *watchers;
	pthread_mutex_t lock; /* set, and users of any set */
	pthread_cond_t unused;
	struct router_set *set;
};

static struct router_set *router_set_create(struct journal *const *journals, size_t n)
{
	struct router_set *set = calloc(1, sizeof(*set) + n * sizeof(struct journal *));
	if (!set)
		return NULL;
	set->n = n;
	for (size_t i = 0; i < n; i++)
		set->journals[i] = journals[i];
	return set;
}

struct router *router_create(struct metrics *metrics, struct positions *positions)
{
	struct router *router = calloc(1, sizeof(*router));
	struct router_set *set = router_set_create(NULL, 0);
	struct watchers *watchers = watchers_create();
	if (!router || !set || !watchers) {
		free(router);
		free(set);
		watchers_destroy(watchers);
		return NULL;
	}
	router->watchers = watchers;
	router->metrics = metrics;
	router->positions = positions;
	router->set = set;
	pthread_mutex_init(&router->lock, NULL);
	pthread_cond_init(&router->unused, NULL);
	return router;
}

void router_destroy(struct router *router)
{
	if (!router)
		return;
	watchers_destroy(router->watchers);
	free(router->set);
	pthread_cond_destroy(&router->unused);
	pthread_mutex_destroy(&router->lock);
	free(router);
}

struct watchers *router_watchers(struct router *router)
{
	return router->watchers;
}

static struct router_set *router_enter(struct router *router)
{
	pthread_mutex_lock(&router->lock);
	struct router_set *set = router->set;
	set->users++;
	pthread_mutex_unlock(&router->lock);
	return set;
}

static void router_leave(struct router *router, struct router_set *set)
{
	pthread_mutex_lock(&router->lock);
	set->users--;
	if (set->users == 0)
		pthread_cond_broadcast(&router->unused);
	pthread_mutex_unlock(&router->lock);
}

int router_set(struct router *router, struct journal *const *journals, size_t n)
{
	if (n > ROUTER_MAX_JOURNALS)
		return -E2BIG;
	struct router_set *fresh = router_set_create(journals, n);
	if (!fresh)
		return -ENOMEM;
	pthread_mutex_lock(&router->lock);
	struct router_set *old = router->set;
	router->set = fresh;
	pthread_mutex_unlock(&router->lock);
	atomic_store(&old->stale, true);
	for (size_t i = 0; i < old->n; i++)
		journal_wake(old->journals[i]);
	pthread_mutex_lock(&router->lock);
	while (old->users > 0)
		pthread_cond_wait(&router->unused, &router->lock);
	pthread_mutex_unlock(&router->lock);
	free(old);
	return 0;
}

/* ---- One batch on its way ----------------------------------------------------- */

struct routing {
	const struct router_source *from;
	const struct router_set *set;
	const struct tally_batch *batch;
	struct journal_origin origin;
	struct journal *taken[ROUTER_MAX_JOURNALS]; /* who has it */
	size_t n_taken;
	struct journal *refused[ROUTER_MAX_JOURNALS]; /* who wanted it and could not take it */
	size_t n_refused;
	int error;
};

static bool routing_cancelled(void *arg)
{
	const struct routing *routing = arg;
	return atomic_load(&routing->set->stale) ||
	       (routing->from->cancelled && routing->from->cancelled(routing->from->arg));
}

static bool routing_has(const struct routing *routing, const struct journal *journal)
{
	for (size_t i = 0; i < routing->n_taken; i++)
		if (routing->taken[i] == journal)
			return true;
	return false;
}

static void routing_push(struct routing *routing, struct journal *journal)
{
	if (routing_has(routing, journal))
		return;
	int r = journal_push(journal, routing->batch, &routing->origin);
	if (r == 0) {
		routing->taken[routing->n_taken++] = journal;
		routing->origin.collected = NULL; /* counted with the first */
	} else if (r != -ENOENT) {
		routing->refused[routing->n_refused++] = journal;
		if (!routing->error || r == -ECANCELED)
			routing->error = r;
	}
}

/* false: the set was swapped while this waited, go through the new one. */
static bool routing_push_all(struct routing *routing, const struct router_set *set)
{
	routing->set = set;
	routing->n_refused = 0;
	routing->error = 0;
	for (size_t i = 0; i < set->n && routing->n_taken < ROUTER_MAX_JOURNALS; i++)
		routing_push(routing, set->journals[i]);
	return routing->error != -ECANCELED || !atomic_load(&set->stale);
}

static const char *routing_reason(const struct routing *routing)
{
	if (routing->n_refused == 0)
		return "no_output";
	return routing->error == -ECANCELED ? "shutdown" : "buffer_error";
}

static void routing_label(char *labels, size_t size, const struct routing *routing)
{
	labels[0] = '\0';
	metrics_label(labels, size, "input", routing->from->input);
	metrics_label(labels, size, "table", routing->batch->table->name);
}

/* No journal took it: all of its rows are dropped here. */
static void routing_count_lost(struct router *router, const struct routing *routing)
{
	char labels[512];
	uint32_t rows = routing->batch->n_rows;
	routing_label(labels, sizeof(labels), routing);
	metrics_label(labels, sizeof(labels), "reason", routing_reason(routing));
	struct metric *dropped =
		metrics_counter(router->metrics, "tallyd_rows_dropped_total", labels, NULL,
				"Rows that were not stored, by reason.");
	metrics_begin(router->metrics);
	metric_add(routing->origin.collected, rows);
	metric_add(dropped, rows);
	metrics_end(router->metrics);
}

/* What became of it, while the set is still held. */
static void routing_count(struct router *router, const struct routing *routing)
{
	if (routing->n_taken == 0)
		routing_count_lost(router, routing);
	else
		for (size_t i = 0; i < routing->n_refused; i++)
			journal_refuse(routing->refused[i], routing->batch,
				       routing_reason(routing));
}

static void routing_run(struct router *router, struct routing *routing)
{
	bool done = false;
	while (!done) {
		struct router_set *set = router_enter(router);
		done = routing_push_all(routing, set);
		if (done)
			routing_count(router, routing);
		router_leave(router, set);
	}
}

int router_emit(struct router *router, const struct router_source *from, struct tally_batch *batch,
		const char *source, const char *position)
{
	char labels[512];
	struct routing routing = {.from = from, .batch = batch};
	bool resumable = source && position;
	routing_label(labels, sizeof(labels), &routing);
	routing.origin = (struct journal_origin){
		.source = resumable ? source : NULL,
		.position = resumable ? position : NULL,
		.mark = resumable ? positions_open(router->positions, source, position) : NULL,
		.collected = metrics_counter(router->metrics, "tallyd_rows_collected_total", labels,
					     NULL, "Rows that an input has read."),
		.cancelled = routing_cancelled,
		.arg = &routing,
	};
	if (batch->n_rows > 0) {
		watchers_show(router->watchers, batch);
		routing_run(router, &routing);
	}
	positions_close(router->positions, routing.origin.mark, routing.n_refused == 0);
	batch_drop(batch);
	return routing.error;
}

/* The journal's own position is newer than the file's, but only if the rows go nowhere else. */
int router_position(struct router *router, const struct tally_table *const *tables,
		    const char *source, char *ret, size_t size)
{
	struct router_set *set = router_enter(router);
	int r = -ENOENT;
	size_t wanted = 0;
	int kept = positions_get_pending(router->positions, source, ret, size);
	if (kept == -ENOENT)
		kept = positions_get(router->positions, source, ret, size);
	for (size_t i = 0; i < set->n; i++)
		wanted += journal_wants(set->journals[i], tables);
	if (wanted <= 1 || kept == -ENOENT)
		for (size_t i = 0; i < set->n && r == -ENOENT; i++)
			if (journal_wants(set->journals[i], tables))
				r = journal_position(set->journals[i], source, ret, size);
	router_leave(router, set);
	return r == -ENOENT ? kept : r;
}
