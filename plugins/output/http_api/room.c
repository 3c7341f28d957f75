#include "room.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct room {
	struct tally_ctx *ctx;
	room_fly_fn *fly;
	void *arg;
	pthread_mutex_t lock; /* guards all below, all flights, and who waits for them */
	pthread_cond_t job, deadline;
	struct flight *jobs, **jobs_end; /* wait for a worker; each holds a reference */
	uint32_t n_jobs, jobs_max;
	struct request *first, *last; /* suspended, by `until`; references of their connections */
	uint32_t n_waiting;           /* of them, for the store */
	bool closed;
	pthread_t watcher, *workers;
	uint32_t n_workers;
};

/* ---- Who waits ----------------------------------------------------------- */

/* Most come in the order of their ends: those with an old answer to fall back on end sooner. */
static void room_link(struct room *room, struct request *request)
{
	struct request *before = room->last;
	while (before && before->until > request->until)
		before = before->previous;
	request->previous = before;
	request->next = before ? before->next : room->first;
	*(before ? &before->next : &room->first) = request;
	*(request->next ? &request->next->previous : &room->last) = request;
	if (room->first == request)
		pthread_cond_signal(&room->deadline);
	room->n_waiting += request->flight != NULL;
	tally_gauge(room->ctx, HTTP_IN_FLIGHT, room->n_waiting);
}

/* Before anybody can see it, since it may be resumed at once.  flight NULL: it only waits. */
static void room_suspend(struct room *room, struct flight *flight, struct request *request,
			 struct MHD_Connection *connection)
{
	MHD_suspend_connection(connection);
	request->connection = connection;
	request->stage = REQUEST_WAITING;
	request->flight = flight;
	request->previous_waiter = NULL;
	request->next_waiter = flight ? flight->waiters : NULL;
	if (request->next_waiter)
		request->next_waiter->previous_waiter = request;
	if (flight)
		flight->waiters = request;
	room_link(room, request);
}

/* From now on the caller, and nobody else, answers this request. */
static void room_take(struct room *room, struct request *request)
{
	struct request *next = request->next_waiter, *previous = request->previous_waiter;
	*(request->previous ? &request->previous->next : &room->first) = request->next;
	*(request->next ? &request->next->previous : &room->last) = request->previous;
	if (previous)
		previous->next_waiter = next;
	else if (request->flight)
		request->flight->waiters = next;
	if (next)
		next->previous_waiter = previous;
	request->stage = REQUEST_TAKEN;
	room->n_waiting -= request->flight != NULL;
	tally_gauge(room->ctx, HTTP_IN_FLIGHT, room->n_waiting);
}

static int room_check(const struct room *room)
{
	if (room->closed)
		return -ESHUTDOWN;
	return room->n_jobs == room->jobs_max ? -EBUSY : 0;
}

int room_enter(struct room *room, struct flight *flight, struct request *request,
	       struct MHD_Connection *connection)
{
	pthread_mutex_lock(&room->lock);
	int r = room_check(room);
	if (r == 0) {
		if (request)
			room_suspend(room, flight, request, connection);
		flight->next_job = NULL;
		*room->jobs_end = flight_keep(flight);
		room->jobs_end = &flight->next_job;
		room->n_jobs++;
		pthread_cond_signal(&room->job);
	}
	pthread_mutex_unlock(&room->lock);
	return r;
}

static void request_take_result(struct request *request, const struct flight *flight)
{
	request->parcel = parcel_keep(flight->result);
	if (!flight->result)
		reply_unavailable(&request->reply, "out of memory");
	if (flight->late)
		request->origin = ORIGIN_STALE;
	else if (flight->shared)
		request->origin = ORIGIN_HIT;
}

int room_join(struct room *room, struct flight *flight, struct request *request,
	      struct MHD_Connection *connection)
{
	int r = 0;
	pthread_mutex_lock(&room->lock);
	if (flight->landed) {
		request_take_result(request, flight);
		r = -EALREADY;
	} else if (room->closed) {
		r = -ESHUTDOWN;
	} else {
		room_suspend(room, flight, request, connection);
	}
	pthread_mutex_unlock(&room->lock);
	return r;
}

int room_delay(struct room *room, struct request *request, struct MHD_Connection *connection)
{
	pthread_mutex_lock(&room->lock);
	int r = room->closed ? -ESHUTDOWN : 0;
	if (r == 0)
		room_suspend(room, NULL, request, connection);
	pthread_mutex_unlock(&room->lock);
	return r;
}

bool room_is_deserted(struct room *room, const struct flight *flight)
{
	pthread_mutex_lock(&room->lock);
	bool deserted = room->closed || (!flight->waiters && !flight->key);
	pthread_mutex_unlock(&room->lock);
	return deserted;
}

/* ---- Workers ------------------------------------------------------------- */

static struct flight *room_next_job(struct room *room)
{
	pthread_mutex_lock(&room->lock);
	while (!room->jobs && !room->closed)
		pthread_cond_wait(&room->job, &room->lock);
	struct flight *flight = room->jobs;
	if (flight) {
		room->jobs = flight->next_job;
		if (!room->jobs)
			room->jobs_end = &room->jobs;
		room->n_jobs--;
	}
	pthread_mutex_unlock(&room->lock);
	return flight;
}

/* Those who wait get it, those who come later find it. */
static void room_land(struct room *room, struct flight *flight, struct parcel *result, bool late)
{
	struct request *ready = NULL;
	pthread_mutex_lock(&room->lock);
	flight->landed = true;
	flight->late = late;
	flight->result = result;
	while (flight->waiters) {
		struct request *request = flight->waiters;
		room_take(room, request);
		request_take_result(request, flight);
		request->next_waiter = ready;
		ready = request;
	}
	pthread_mutex_unlock(&room->lock);
	while (ready) {
		struct request *next = ready->next_waiter; /* it may be gone once resumed */
		MHD_resume_connection(ready->connection);
		ready = next;
	}
}

static void *room_work(void *arg)
{
	struct room *room = arg;
	struct flight *flight;
	pthread_setname_np(pthread_self(), "http-worker");
	while ((flight = room_next_job(room))) {
		if (!room_is_deserted(room, flight)) {
			bool late = false;
			struct parcel *result = room->fly(room->arg, flight, &late);
			room_land(room, flight, result, late);
		}
		flight_drop(flight);
	}
	return NULL;
}

/* ---- Deadlines ----------------------------------------------------------- */

/* Takes the request and lets the lock go meanwhile. */
static void room_give_up(struct room *room, struct request *request, const char *why)
{
	room_take(room, request);
	if (request->fallback) {
		request->parcel = request->fallback;
		request->fallback = NULL;
		request->origin = request->flight ? ORIGIN_STALE : ORIGIN_OFF;
	} else {
		reply_unavailable(&request->reply, "%s", why);
	}
	struct MHD_Connection *connection = request->connection;
	pthread_mutex_unlock(&room->lock);
	MHD_resume_connection(connection);
	pthread_mutex_lock(&room->lock);
}

static void room_wait_until(struct room *room, int64_t deadline)
{
	struct timespec until = {.tv_sec = deadline / HTTP_SECOND,
				 .tv_nsec = deadline % HTTP_SECOND};
	pthread_cond_timedwait(&room->deadline, &room->lock, &until);
}

static void *room_watch(void *arg)
{
	struct room *room = arg;
	pthread_setname_np(pthread_self(), "http-watcher");
	pthread_mutex_lock(&room->lock);
	while (!room->closed) {
		if (!room->first) {
			pthread_cond_wait(&room->deadline, &room->lock);
		} else if (room->first->until > tally_monotonic(room->ctx)) {
			room_wait_until(room, room->first->until);
		} else {
			tally_count(room->ctx, HTTP_TIMEOUTS, !room->first->fallback);
			room_give_up(room, room->first, "the store did not answer in time");
		}
	}
	pthread_mutex_unlock(&room->lock);
	return NULL;
}

/* ---- Opening and closing ------------------------------------------------- */

static int room_start_workers(struct room *room, uint32_t n)
{
	room->workers = calloc(n, sizeof(*room->workers));
	if (!room->workers)
		return -ENOMEM;
	for (; room->n_workers < n; room->n_workers++) {
		int r = pthread_create(&room->workers[room->n_workers], NULL, room_work, room);
		if (r)
			return -r;
	}
	return 0;
}

static void room_init(struct room *room)
{
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&room->lock, NULL);
	pthread_cond_init(&room->job, NULL);
	pthread_cond_init(&room->deadline, &monotonic);
	pthread_condattr_destroy(&monotonic);
	room->jobs_end = &room->jobs;
}

int room_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max, room_fly_fn *fly,
	      void *arg, struct room **ret)
{
	struct room *room = calloc(1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	room->ctx = ctx;
	room->fly = fly;
	room->arg = arg;
	room->jobs_max = jobs_max;
	room_init(room);
	int r = -pthread_create(&room->watcher, NULL, room_watch, room);
	if (r < 0) {
		room_free(room);
		return r;
	}
	r = room_start_workers(room, n_workers);
	if (r < 0) {
		room_close(room);
		room_free(room);
		return r;
	}
	*ret = room;
	return 0;
}

void room_close(struct room *room)
{
	pthread_mutex_lock(&room->lock);
	room->closed = true;
	pthread_cond_broadcast(&room->job);
	pthread_cond_broadcast(&room->deadline);
	while (room->first)
		room_give_up(room, room->first, "tallyd is shutting down");
	pthread_mutex_unlock(&room->lock);
	pthread_join(room->watcher, NULL);
	for (uint32_t i = 0; i < room->n_workers; i++)
		pthread_join(room->workers[i], NULL);
	room->n_workers = 0;
}

void room_free(struct room *room)
{
	pthread_cond_destroy(&room->deadline);
	pthread_cond_destroy(&room->job);
	pthread_mutex_destroy(&room->lock);
	free(room->workers);
	free(room);
}
