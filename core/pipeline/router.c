/*
 * An emit takes hold of the current set of journals, pushes to each, first without waiting and then
 * to those that were blocked, and lets go of the set.
 * A swap puts the new set in place, marks the old one stale and wakes its journals, so that an emit
 * which waits for room in one comes back, and goes on with the new set where it left off.
 *
 * No lock is held while pushing: the router's guards only which set is current and who uses it.
 *
 * Runs on the thread of whoever emits; router_set() on the main thread.
 */
#include "pipeline/router.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/batch.h"

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

/* An empty set from the start, so that emitting needs no special case before the first
 * router_set(). */
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

/* The last user wakes router_set(), which waits before it frees the set. */
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
	/* Stale before the wake, or whoever waits for room would look and go on waiting. */
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
	struct journal *taken[ROUTER_MAX_JOURNALS]; /* that have it */
	size_t n_taken;
	struct journal *refused[ROUTER_MAX_JOURNALS]; /* that wanted it and could not take it */
	size_t n_refused;
	bool blocked, cancelled; /* why they did not */
};

static bool routing_cancelled(void *arg)
{
	const struct routing *routing = arg;
	return atomic_load(&routing->set->stale) ||
	       (routing->from->cancelled && routing->from->cancelled(routing->from->arg));
}

static void routing_waits(void *arg)
{
	const struct routing *routing = arg;
	if (routing->from->waiting)
		routing->from->waiting(routing->from->arg);
}

/* After a swap of the set an emit goes through all journals again: those that have the rows must
 * not get them twice. */
static bool routing_has(const struct routing *routing, const struct journal *journal)
{
	for (size_t i = 0; i < routing->n_taken; i++)
		if (routing->taken[i] == journal)
			return true;
	return false;
}

/* -EAGAIN: it takes none now. */
static int routing_push(struct routing *routing, struct journal *journal,
			enum journal_wait_for wait_for)
{
	if (routing_has(routing, journal))
		return 0;
	routing->origin.wait_for = wait_for;
	int r = journal_push(journal, routing->batch, &routing->origin);
	if (r == 0) {
		routing->taken[routing->n_taken++] = journal;
		routing->origin.collected = NULL; /* counted with the first */
	}
	return r;
}

/* Nobody waits for one journal before the others have the rows.  false: the set was swapped while
 * this waited, go through the new one. */
static bool routing_push_all(struct routing *routing, const struct router_set *set)
{
	struct journal *waiting[ROUTER_MAX_JOURNALS];
	size_t n_waiting = 0;
	routing->set = set;
	routing->n_refused = 0;
	routing->blocked = routing->cancelled = false;
	for (size_t i = 0; i < set->n && routing->n_taken < ROUTER_MAX_JOURNALS; i++) {
		int r = routing_push(routing, set->journals[i], JOURNAL_TRY);
		if (r != 0 && r != -ENOENT)
			waiting[n_waiting++] = set->journals[i];
	}
	for (size_t i = 0; i < n_waiting && routing->n_taken < ROUTER_MAX_JOURNALS; i++) {
		int r = routing_push(routing, waiting[i],
				     routing->n_taken > 0 ? JOURNAL_WAIT_BRIEFLY : JOURNAL_WAIT);
		if (r == 0 || r == -ENOENT)
			continue;
		routing->refused[routing->n_refused++] = waiting[i];
		/* Why it was refused decides under which reason the rows are counted: a stop is
		 * not a blocked buffer. */
		if (r == -ECANCELED)
			routing->cancelled = true;
		else
			routing->blocked = true;
	}
	return !routing->cancelled || !atomic_load(&set->stale);
}

static const char *routing_reason(const struct routing *routing)
{
	if (routing->n_refused == 0)
		return "no_output";
	return routing->cancelled ? "shutdown" : "blocked";
}

static const char router_collected_help[] = "Rows read by the input.";
static const char router_dropped_help[] = "Rows that were not stored, by reason.";

static struct metric *router_collected(struct router *router, const char *input, const char *table)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "input", input);
	metrics_label(labels, sizeof(labels), "table", table);
	return metrics_counter(router->metrics, "tallyd_rows_collected_total", labels, NULL,
			       router_collected_help);
}

static struct metric *router_dropped(struct router *router, const char *input, const char *table,
				     const char *reason)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "input", input);
	metrics_label(labels, sizeof(labels), "table", table);
	metrics_label(labels, sizeof(labels), "reason", reason);
	return metrics_counter(router->metrics, "tallyd_rows_dropped_total", labels, NULL,
			       router_dropped_help);
}

/* Also the series of the outputs: an alert on rows that are dropped must find its series before
 * the first is. */
void router_announce(struct router *router, const char *input,
		     const struct tally_table *const *tables)
{
	struct router_set *set = router_enter(router);
	for (; tables && *tables; tables++) {
		const char *table = (*tables)->name;
		router_collected(router, input, table);
		router_dropped(router, input, table, "no_output");
		router_dropped(router, input, table, "shutdown");
		router_dropped(router, input, table, "invalid");
		for (size_t i = 0; i < set->n; i++)
			journal_announce(set->journals[i], table);
	}
	for (size_t i = 0; i < set->n; i++)
		journal_announce_input(set->journals[i], input);
	router_leave(router, set);
}

/* What became of it, while the set is still held. */
static void routing_count(struct router *router, const struct routing *routing)
{
	const struct router_source *from = routing->from;
	/* The input still has them, and offers them again. */
	bool again = routing->n_refused > 0 && routing->origin.source;
	if (routing->blocked && from->passed_over)
		from->passed_over(from->arg, again);
	if (again)
		return;
	if (routing->n_taken == 0) {
		/* No journal took it: all of its rows are dropped here. */
		uint32_t rows = routing->batch->n_rows;
		struct metric *dropped =
			router_dropped(router, routing->from->input, routing->batch->table->name,
				       routing_reason(routing));
		metrics_begin(router->metrics);
		metric_add(routing->origin.collected, rows);
		metric_add(dropped, rows);
		metrics_end(router->metrics);
	} else
		for (size_t i = 0; i < routing->n_refused; i++)
			journal_refuse(routing->refused[i], routing->batch,
				       routing_reason(routing));
}

void router_count_invalid(struct router *router, const struct router_source *from,
			  const struct tally_table *table, uint32_t rows)
{
	struct metric *collected = router_collected(router, from->input, table->name);
	struct metric *dropped = router_dropped(router, from->input, table->name, "invalid");
	metrics_begin(router->metrics);
	metric_add(collected, rows);
	metric_add(dropped, rows);
	metrics_end(router->metrics);
}

/* Watchers see rows before any buffer has them, so that a live view does not stand still while a
 * buffer is blocked. */
int router_emit(struct router *router, const struct router_source *from, struct tally_batch *batch,
		const char *source, const char *position)
{
	struct routing routing = {.from = from, .batch = batch};
	bool resumable = source && position;
	routing.origin = (struct journal_origin){
		.input = from->input,
		.source = resumable ? source : NULL,
		.position = resumable ? position : NULL,
		.mark = resumable ? positions_open(router->positions, source, position) : NULL,
		.collected = router_collected(router, from->input, batch->table->name),
		.cancelled = routing_cancelled,
		.waiting = routing_waits,
		.arg = &routing,
	};
	bool done = batch->n_rows == 0;
	if (!done)
		watchers_show(router->watchers, batch);
	/* The set is held while its journals are pushed to, so that none of them is destroyed
	 * meanwhile. */
	while (!done) {
		struct router_set *set = router_enter(router);
		done = routing_push_all(&routing, set);
		if (done)
			routing_count(router, &routing);
		router_leave(router, set);
	}
	positions_close(router->positions, routing.origin.mark, routing.n_refused == 0);
	batch_drop(batch);
	return routing.cancelled ? -ECANCELED : 0;
}

/* What a journal has lost comes first, wherever else the rows have got to.  "": from the start,
 * which router_position() returns as -ENOENT. */
static int router_resume(const struct router_set *set, const struct tally_table *const *tables,
			 const char *source, char *ret, size_t size)
{
	for (size_t i = 0; i < set->n; i++) {
		if (!journal_wants(set->journals[i], tables))
			continue;
		int r = journal_resume(set->journals[i], source, ret, size);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

/* The journal's own position is newer than the file's, but only if the rows go nowhere else. */
static int router_known_position(struct router *router, const struct router_set *set,
				 const struct tally_table *const *tables, const char *source,
				 char *ret, size_t size)
{
	int r = -ENOENT;
	size_t wanted = 0;
	int kept = positions_get_pending(router->positions, source, ret, size);
	if (kept == -ENOENT)
		kept = positions_get(router->positions, source, ret, size);
	for (size_t i = 0; i < set->n; i++)
		wanted += journal_wants(set->journals[i], tables);
	/* Of several, one may have rows that another was passed over with: then from the start. */
	if (wanted <= 1 || (kept == -ENOENT && !positions_incomplete(router->positions, source)))
		for (size_t i = 0; i < set->n && r == -ENOENT; i++)
			if (journal_wants(set->journals[i], tables))
				r = journal_position(set->journals[i], source, ret, size);
	return r == -ENOENT ? kept : r;
}

int router_position(struct router *router, const struct tally_table *const *tables,
		    const char *source, char *ret, size_t size)
{
	struct router_set *set = router_enter(router);
	int known = router_known_position(router, set, tables, source, ret, size);
	int r = router_resume(set, tables, source, ret, size);
	router_leave(router, set);
	if (r == -ENOENT)
		return known;
	return r == 0 && ret[0] == '\0' ? -ENOENT : r;
}

int router_safe_position(struct router *router, const char *source, char *ret, size_t size)
{
	return positions_get(router->positions, source, ret, size);
}
