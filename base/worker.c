/*
 * `stopping` is an atomic besides being set under the lock, so that a long round can ask for it
 * without the lock; it is set and signalled under the lock, so it cannot fall between a wait's test
 * and its sleep.  Only pthread_create() can fail.
 */
#include "base/worker.h"

#include <string.h>

#include "base/condition.h"

void worker_init(struct worker *worker)
{
	memset(worker, 0, sizeof(*worker));
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
}

void worker_done(struct worker *worker)
{
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	pthread_setname_np(pthread_self(), worker->name);
	worker->run(worker->arg);
	return NULL;
}

int worker_start(struct worker *worker, const char *name, void (*run)(void *arg), void *arg)
{
	worker->name = name;
	worker->run = run;
	worker->arg = arg;
	int error = pthread_create(&worker->thread, NULL, worker_main, worker);
	worker->running = error == 0;
	return -error;
}

void worker_tell_to_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	atomic_store(&worker->stopping, true);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

void worker_stop(struct worker *worker)
{
	worker_tell_to_stop(worker);
	if (worker->running)
		pthread_join(worker->thread, NULL);
	worker->running = false;
}

enum worker_event worker_wait(struct worker *worker, int64_t until)
{
	bool in_time = true;
	pthread_mutex_lock(&worker->lock);
	while (!worker_is_stopping(worker) && !worker->woken && in_time)
		in_time = condition_wait(&worker->wake, &worker->lock, until);
	bool woken = worker->woken;
	worker->woken = false;
	pthread_mutex_unlock(&worker->lock);
	return worker_is_stopping(worker) ? WORKER_STOPPED : woken ? WORKER_WOKEN : WORKER_TIMEOUT;
}

void worker_wake(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->woken = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}
