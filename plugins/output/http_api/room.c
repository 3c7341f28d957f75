#include "room.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct room {
	struct tally_ctx *ctx;
	room_answer_fn *answer;
	void *arg;
	pthread_mutex_t lock; /* guards all below, and the stage of waiting requests */
	pthread_cond_t job, deadline;
	struct request *jobs, **jobs_end; /* wait for a worker; each holds a reference */
	uint32_t n_jobs, jobs_max;
	struct request *first, *last; /* suspended, by deadline; references of their connections */
	uint32_t n_waiting;
	bool closed;
	pthread_t watcher, *workers;
	uint32_t n_workers;
};

static void room_link(struct room *room, struct request *request)
{
	request->previous = room->last;
	request->next = NULL;
	*(room->last ? &room->last->next : &room->first) = request;
	room->last = request;
	tally_gauge(room->ctx, HTTP_IN_FLIGHT, ++room->n_waiting);
}

/* From now on the caller, and nobody else, answers this request. */
static void room_take(struct room *room, struct request *request)
{
	*(request->previous ? &request->previous->next : &room->first) = request->next;
	*(request->next ? &request->next->previous : &room->last) = request->previous;
	request->stage = REQUEST_TAKEN;
	tally_gauge(room->ctx, HTTP_IN_FLIGHT, --room->n_waiting);
}

int room_enter(struct room *room, struct request *request, struct MHD_Connection *connection)
{
	int r = 0;
	pthread_mutex_lock(&room->lock);
	if (room->closed)
		r = -ESHUTDOWN;
	else if (room->n_jobs == room->jobs_max)
		r = -EBUSY;
	if (r == 0) {
		/* Before anybody can see it: it may be resumed at once. */
		MHD_suspend_connection(connection);
		request->connection = connection;
		request->stage = REQUEST_WAITING;
		room_link(room, request);
		if (room->n_waiting == 1)
			pthread_cond_signal(&room->deadline);
		request->next_job = NULL;
		*room->jobs_end = request_keep(request);
		room->jobs_end = &request->next_job;
		room->n_jobs++;
		pthread_cond_signal(&room->job);
	}
	pthread_mutex_unlock(&room->lock);
	return r;
}

bool room_has_left(struct room *room, const struct request *request)
{
	pthread_mutex_lock(&room->lock);
	bool left = request->stage != REQUEST_WAITING;
	pthread_mutex_unlock(&room->lock);
	return left;
}

/* ---- Workers ------------------------------------------------------------- */

static struct request *room_next_job(struct room *room)
{
	pthread_mutex_lock(&room->lock);
	while (!room->jobs && !room->closed)
		pthread_cond_wait(&room->job, &room->lock);
	struct request *request = room->jobs;
	if (request) {
		room->jobs = request->next_job;
		if (!room->jobs)
			room->jobs_end = &room->jobs;
		room->n_jobs--;
	}
	pthread_mutex_unlock(&room->lock);
	return request;
}

/* Moves the reply into the request if it is still waited for. */
static void room_deliver(struct room *room, struct request *request, struct reply *reply)
{
	pthread_mutex_lock(&room->lock);
	bool waiting = request->stage == REQUEST_WAITING;
	if (waiting) {
		room_take(room, request);
		request->reply = *reply;
	}
	pthread_mutex_unlock(&room->lock);
	if (waiting)
		MHD_resume_connection(request->connection);
	else
		reply_done(reply);
}

static void *room_work(void *arg)
{
	struct room *room = arg;
	struct request *request;
	pthread_setname_np(pthread_self(), "http-worker");
	while ((request = room_next_job(room))) {
		if (!room_has_left(room, request)) {
			struct reply reply;
			reply_init(&reply);
			room->answer(room->arg, request, &reply);
			room_deliver(room, request, &reply);
		}
		request_drop(request);
	}
	return NULL;
}

/* ---- Deadlines ----------------------------------------------------------- */

/* Takes the request and lets the lock go meanwhile. */
static void room_give_up(struct room *room, struct request *request, const char *why)
{
	room_take(room, request);
	reply_unavailable(&request->reply, "%s", why);
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
		} else if (room->first->deadline > tally_monotonic(room->ctx)) {
			room_wait_until(room, room->first->deadline);
		} else {
			tally_count(room->ctx, HTTP_TIMEOUTS, 1);
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

int room_open(struct tally_ctx *ctx, uint32_t n_workers, uint32_t jobs_max, room_answer_fn *answer,
	      void *arg, struct room **ret)
{
	struct room *room = calloc(1, sizeof(*room));
	if (!room)
		return -ENOMEM;
	room->ctx = ctx;
	room->answer = answer;
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
