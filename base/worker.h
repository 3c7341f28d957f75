/*
 * A thread that an object owns: it has a name, waits between its rounds, can be woken before time
 * and is told to stop.
 *
 *	static void watch(void *arg)
 *	{
 *		struct thing *thing = arg;
 *		while (worker_wait(&thing->watcher, next_second()) != WORKER_STOPPED)
 *			thing_check(thing);
 *	}
 *
 * worker_init() and worker_done() belong to the owner, as does worker_start(); all else may be
 * called on any thread.  A thread that waits for changes of its owner's state under the owner's
 * lock uses a condition of the owner instead, and this only for its start and its end.
 */
#ifndef TALLYD_BASE_WORKER_H
#define TALLYD_BASE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct worker {
	const char *name; /* as the kernel takes it: at most 15 bytes */
	void (*run)(void *arg);
	void *arg;
	pthread_t thread;
	bool running;
	atomic_bool stopping;
	bool woken;           /* guarded by the lock */
	pthread_mutex_t lock; /* nothing else is taken under it */
	pthread_cond_t wake;
};

enum worker_event { WORKER_TIMEOUT, WORKER_WOKEN, WORKER_STOPPED };

void worker_init(struct worker *worker);
void worker_done(struct worker *worker); /* also of one that never started */

/* 0, or -EAGAIN: no thread could be had.  Runs once: worker_init() comes before another start. */
int worker_start(struct worker *worker, const char *name, void (*run)(void *arg), void *arg);
/* Tells it to stop, without waiting. */
void worker_tell_to_stop(struct worker *worker);
/* Tells it to stop, and waits until it has.  Nothing to do where there is no thread. */
void worker_stop(struct worker *worker);

/* On the thread: until a time of clock_monotonic(), INT64_MAX: for ever.  A wake that came since
 * the last wait counts. */
enum worker_event worker_wait(struct worker *worker, int64_t until);
void worker_wake(struct worker *worker);

/* For rounds that take long, between their steps. */
static inline bool worker_is_stopping(const struct worker *worker)
{
	return atomic_load(&worker->stopping);
}

#endif
