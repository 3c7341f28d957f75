/*
 * Three kinds of threads meet here.  The HTTP thread adds requests; workers run fetches and resume
 * the requests that wait for them; the watcher answers requests whose time is over.  A request is
 * in the list by `until`, and in the list of its fetch; wait_list_take() removes it from both,
 * under the lock, and whoever called that owns the request and resumes it.
 *
 * MHD_resume_connection() is called without the lock: it takes a lock of libmicrohttpd's, and the
 * order of the two would then depend on what libmicrohttpd does around its callbacks.  Suspending
 * happens under ours, before the request is in any list, since it may be resumed at once.
 *
 * Opening can fail for want of memory or threads, queueing because wait_list_close() was called or
 * jobs_max fetches wait already.
 */
#include "cache/wait_list.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/condition.h"

static const int64_t wait_list_look_every = 10 * CLOCK_MS; /* whether a client has left */

struct wait_list {
	struct tally_ctx *ctx;
	wait_list_fetch_fn *run_fetch;
	void *arg;
	pthread_mutex_t lock;           /* guards everything below, and all fetches */
	pthread_cond_t job;             /* wakes workers, one at a time: */
	uint32_t n_asleep;              /* those that wait for it */
	bool waking;                    /* one of them is about to look for a job */
	pthread_cond_t deadline;        /* wakes the watcher: there is an earlier one */
	struct fetch *jobs, **jobs_end; /* fetches without a worker; holds references */
	uint32_t n_jobs, jobs_max;
	struct request *first, *last; /* suspended, by `until`; their connections hold references */
	uint32_t n_waiting;           /* of them for the store: not delayed ones */
	bool closed;
	int64_t watched; /* until when the watcher sleeps, as far as it knows */
	pthread_t watcher, *workers;
	uint32_t n_workers;
};

/* ---- Waiting requests ---------------------------------------------------- */

/* Searches from the end: most requests come in the order of their deadlines, only those with a
 * stale answer to fall back on end sooner.  So this is O(1) in practice. */
static void wait_list_insert(struct wait_list *wait_list, struct request *request)
{
	struct request *before = wait_list->last;
	while (before && before->until > request->until)
		before = before->previous;
	request->previous = before;
	request->next = before ? before->next : wait_list->first;
	*(before ? &before->next : &wait_list->first) = request;
	*(request->next ? &request->next->previous : &wait_list->last) = request;
	/* It need not be woken for each that comes and goes before the time that it waits for. */
	if (request->until < wait_list->watched)
		pthread_cond_signal(&wait_list->deadline);
	wait_list->n_waiting += request->fetch != NULL;
	tally_gauge(wait_list->ctx, HTTP_IN_FLIGHT, wait_list->n_waiting);
}

/* fetch NULL: it waits for its time only (wait_list_delay). */
static void wait_list_suspend(struct wait_list *wait_list, struct fetch *fetch,
			      struct request *request, struct MHD_Connection *connection)
{
	MHD_suspend_connection(connection);
	request->connection = connection;
	request->stage = REQUEST_WAITING;
	request->fetch = fetch;
	request->previous_waiter = NULL;
	request->next_waiter = fetch ? fetch->waiters : NULL;
	if (request->next_waiter)
		request->next_waiter->previous_waiter = request;
	if (fetch)
		fetch->waiters = request;
	wait_list_insert(wait_list, request);
}

/* From now on the caller, and nobody else, answers this request. */
static void wait_list_take(struct wait_list *wait_list, struct request *request)
{
	struct request *next = request->next_waiter, *previous = request->previous_waiter;
	*(request->previous ? &request->previous->next : &wait_list->first) = request->next;
	*(request->next ? &request->next->previous : &wait_list->last) = request->previous;
	if (previous)
		previous->next_waiter = next;
	else if (request->fetch)
		request->fetch->waiters = next;
	if (next)
		next->previous_waiter = previous;
	request->stage = REQUEST_TAKEN;
	wait_list->n_waiting -= request->fetch != NULL;
	tally_gauge(wait_list->ctx, HTTP_IN_FLIGHT, wait_list->n_waiting);
}

/* With the lock.  Whether the caller has to wake a worker once it has let go of the lock: one that
 * woke up before would only wait for it.  While one is on its way no other is woken, as that one
 * sees to it when there is more than it can do. */
static bool wait_list_wakes_worker(struct wait_list *wait_list)
{
	if (!wait_list->jobs || !wait_list->n_asleep || wait_list->waking)
		return false;
	wait_list->waking = true;
	return true;
}

int wait_list_queue(struct wait_list *wait_list, struct fetch *fetch, struct request *request,
		    struct MHD_Connection *connection)
{
	pthread_mutex_lock(&wait_list->lock);
	/* What refreshes the cache for later leaves room for those who wait. */
	uint32_t most = request ? wait_list->jobs_max : (wait_list->jobs_max + 3) / 4;
	bool full = wait_list->n_jobs >= most;
	int r = wait_list->closed ? -ESHUTDOWN : full ? -EBUSY : 0;
	if (r == 0) {
		if (request)
			wait_list_suspend(wait_list, fetch, request, connection);
		fetch->looked = clock_monotonic();
		fetch->next_job = NULL;
		*wait_list->jobs_end = fetch_keep(fetch);
		wait_list->jobs_end = &fetch->next_job;
		wait_list->n_jobs++;
	}
	bool wakes = wait_list_wakes_worker(wait_list);
	pthread_mutex_unlock(&wait_list->lock);
	if (wakes)
		pthread_cond_signal(&wait_list->job);
	return r;
}

static void request_take_result(struct request *request, const struct fetch *fetch)
{
	request->response = response_keep(fetch->result);
	if (!fetch->result)
		response_unavailable(&request->builder, "out of memory");
	if (fetch->stale)
		request->origin = ORIGIN_STALE;
	else if (fetch->from_shared_cache)
		request->origin = ORIGIN_HIT;
}

int wait_list_join(struct wait_list *wait_list, struct fetch *fetch, struct request *request,
		   struct MHD_Connection *connection)
{
	int r = 0;
	pthread_mutex_lock(&wait_list->lock);
	if (fetch->finished) {
		request_take_result(request, fetch);
		r = -EALREADY;
	} else if (wait_list->closed) {
		r = -ESHUTDOWN;
	} else {
		wait_list_suspend(wait_list, fetch, request, connection);
	}
	pthread_mutex_unlock(&wait_list->lock);
	return r;
}

int wait_list_delay(struct wait_list *wait_list, struct request *request,
		    struct MHD_Connection *connection)
{
	pthread_mutex_lock(&wait_list->lock);
	int r = wait_list->closed ? -ESHUTDOWN : 0;
	if (r == 0)
		wait_list_suspend(wait_list, NULL, request, connection);
	pthread_mutex_unlock(&wait_list->lock);
	return r;
}

/* libmicrohttpd does not watch the sockets of suspended connections.  A client that has closed its
 * side counts as gone, as with nginx (499). */
static bool wait_list_has_left(const struct request *waiter)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(waiter->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct pollfd socket = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
	return poll(&socket, 1, 0) > 0;
}

/* With the lock.  A result that will be cached is wanted even if nobody waits; any other has one
 * request at most. */
static bool wait_list_nobody_waits(const struct wait_list *wait_list, const struct fetch *fetch)
{
	return wait_list->closed || (!fetch->waiters && !fetch->key);
}

/* A store asks at the start of each query, and when it has rows; most are done before it matters,
 * so that only now and then the lock is taken and the client's socket looked at. */
static bool wait_list_looks(struct fetch *fetch)
{
	int64_t now = clock_monotonic();
	if (now - fetch->looked < wait_list_look_every)
		return false;
	fetch->looked = now;
	return true;
}

bool wait_list_is_abandoned(struct wait_list *wait_list, struct fetch *fetch)
{
	if (!wait_list_looks(fetch))
		return false;
	pthread_mutex_lock(&wait_list->lock);
	bool abandoned = wait_list_nobody_waits(wait_list, fetch) ||
			 (!fetch->key && wait_list_has_left(fetch->waiters));
	pthread_mutex_unlock(&wait_list->lock);
	return abandoned;
}

/* ---- Workers ------------------------------------------------------------- */

static void wait_list_sleep(struct wait_list *wait_list)
{
	wait_list->n_asleep++;
	pthread_cond_wait(&wait_list->job, &wait_list->lock);
	wait_list->n_asleep--;
	wait_list->waking = false;
}

/* ret_wanted: false if whoever waited for it has given up while it was queued. */
static struct fetch *wait_list_next_job(struct wait_list *wait_list, bool *ret_wanted)
{
	pthread_mutex_lock(&wait_list->lock);
	while (!wait_list->jobs && !wait_list->closed)
		wait_list_sleep(wait_list);
	struct fetch *fetch = wait_list->jobs;
	if (fetch) {
		wait_list->jobs = fetch->next_job;
		if (!wait_list->jobs)
			wait_list->jobs_end = &wait_list->jobs;
		wait_list->n_jobs--;
		*ret_wanted = !wait_list_nobody_waits(wait_list, fetch);
	}
	bool wakes = wait_list_wakes_worker(wait_list);
	pthread_mutex_unlock(&wait_list->lock);
	if (wakes)
		pthread_cond_signal(&wait_list->job);
	return fetch;
}

/* Requests that wait get the result; one that joins a moment later finds it in the fetch.  They are
 * collected first and resumed without the lock. */
static void wait_list_finish(struct wait_list *wait_list, struct fetch *fetch,
			     struct response *result, bool stale)
{
	struct request *ready = NULL;
	pthread_mutex_lock(&wait_list->lock);
	fetch->finished = true;
	fetch->stale = stale;
	fetch->result = result;
	while (fetch->waiters) {
		struct request *request = fetch->waiters;
		wait_list_take(wait_list, request);
		request_take_result(request, fetch);
		request->next_waiter = ready;
		ready = request;
	}
	pthread_mutex_unlock(&wait_list->lock);
	while (ready) {
		struct request *next = ready->next_waiter; /* it may be gone once resumed */
		MHD_resume_connection(ready->connection);
		ready = next;
	}
}

static void *wait_list_work(void *arg)
{
	struct wait_list *wait_list = arg;
	struct fetch *fetch;
	bool wanted;
	pthread_setname_np(pthread_self(), "http-worker");
	while ((fetch = wait_list_next_job(wait_list, &wanted))) {
		if (wanted) {
			bool stale = false;
			struct response *result =
				wait_list->run_fetch(wait_list->arg, fetch, &stale);
			wait_list_finish(wait_list, fetch, result, stale);
		}
		fetch_drop(fetch);
	}
	return NULL;
}

/* ---- Deadlines ----------------------------------------------------------- */

/* With the lock, which it releases to resume the request. */
static void wait_list_give_up(struct wait_list *wait_list, struct request *request, const char *why)
{
	wait_list_take(wait_list, request);
	if (request->fallback) {
		request->response = request->fallback;
		request->fallback = NULL;
		request->origin = request->fetch ? ORIGIN_STALE : ORIGIN_OFF;
	} else {
		response_unavailable(&request->builder, "%s", why);
	}
	struct MHD_Connection *connection = request->connection;
	pthread_mutex_unlock(&wait_list->lock);
	MHD_resume_connection(connection);
	pthread_mutex_lock(&wait_list->lock);
}

static void *wait_list_watch(void *arg)
{
	struct wait_list *wait_list = arg;
	pthread_setname_np(pthread_self(), "http-watcher");
	pthread_mutex_lock(&wait_list->lock);
	while (!wait_list->closed) {
		int64_t next = wait_list->first ? wait_list->first->until : INT64_MAX;
		wait_list->watched = next;
		if (next > tally_monotonic(wait_list->ctx)) {
			condition_wait(&wait_list->deadline, &wait_list->lock, next);
		} else {
			tally_count(wait_list->ctx, HTTP_TIMEOUTS, !wait_list->first->fallback);
			wait_list_give_up(wait_list, wait_list->first,
					  "the store did not answer in time");
		}
	}
	pthread_mutex_unlock(&wait_list->lock);
	return NULL;
}

/* ---- Opening and closing ------------------------------------------------- */

static int wait_list_start_workers(struct wait_list *wait_list, uint32_t n)
{
	wait_list->workers = calloc(n, sizeof(*wait_list->workers));
	if (!wait_list->workers)
		return -ENOMEM;
	for (; wait_list->n_workers < n; wait_list->n_workers++) {
		int r = pthread_create(&wait_list->workers[wait_list->n_workers], NULL,
				       wait_list_work, wait_list);
		if (r)
			return -r;
	}
	return 0;
}

int wait_list_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max,
		   wait_list_fetch_fn *run_fetch, void *arg, struct wait_list **ret)
{
	struct wait_list *wait_list = calloc(1, sizeof(*wait_list));
	if (!wait_list)
		return -ENOMEM;
	wait_list->ctx = ctx;
	wait_list->run_fetch = run_fetch;
	wait_list->arg = arg;
	wait_list->jobs_max = jobs_max;
	wait_list->jobs_end = &wait_list->jobs;
	wait_list->watched = INT64_MAX;
	pthread_mutex_init(&wait_list->lock, NULL);
	pthread_cond_init(&wait_list->job, NULL);
	pthread_cond_init(&wait_list->deadline, NULL);
	int r = -pthread_create(&wait_list->watcher, NULL, wait_list_watch, wait_list);
	if (r < 0) {
		wait_list_free(wait_list);
		return r;
	}
	/* From here on there is a thread to end: closing, not only freeing. */
	r = wait_list_start_workers(wait_list, n_workers);
	if (r < 0) {
		wait_list_close(wait_list);
		wait_list_free(wait_list);
		return r;
	}
	*ret = wait_list;
	return 0;
}

void wait_list_close(struct wait_list *wait_list)
{
	pthread_mutex_lock(&wait_list->lock);
	wait_list->closed = true;
	pthread_cond_broadcast(&wait_list->job);
	pthread_cond_broadcast(&wait_list->deadline);
	while (wait_list->first)
		wait_list_give_up(wait_list, wait_list->first, "tallyd is shutting down");
	pthread_mutex_unlock(&wait_list->lock);
	pthread_join(wait_list->watcher, NULL);
	for (uint32_t i = 0; i < wait_list->n_workers; i++)
		pthread_join(wait_list->workers[i], NULL);
	wait_list->n_workers = 0;
}

void wait_list_free(struct wait_list *wait_list)
{
	pthread_cond_destroy(&wait_list->deadline);
	pthread_cond_destroy(&wait_list->job);
	pthread_mutex_destroy(&wait_list->lock);
	free(wait_list->workers);
	free(wait_list);
}
