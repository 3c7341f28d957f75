/*
 * The maintenance thread of a store.  It waits by the monotonic clock, so that a clock that is set
 * makes it neither hurry nor stall, and is woken to stop.  `stop` is an atomic besides, so that a
 * long round can ask without the lock.  Whoever starts it stops it, on the core's thread; stopping
 * waits for the round to see that it is to stop.
 */
#include "store/periodic_task.h"

#include <string.h>
#include <time.h>

/* True: it is time to stop. */
static bool task_wait(struct task *task, int seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	int timed_out = 0;
	pthread_mutex_lock(&task->lock);
	/* Stopping is set and signalled under the lock, so it cannot fall between this test and the
	 * wait. */
	while (!task_stopping(task) && !timed_out)
		timed_out = pthread_cond_timedwait(&task->wake, &task->lock, &until);
	pthread_mutex_unlock(&task->lock);
	return task_stopping(task);
}

static void *task_thread(void *arg)
{
	struct task *task = arg;
	int seconds = task->seconds;
	pthread_setname_np(pthread_self(), task->name);
	while (!task_wait(task, seconds)) {
		seconds = task->seconds;
		if (task->run(task->arg) >= 0)
			continue;
		if (task->failed_seconds)
			seconds = task->failed_seconds;
		tally_count(task->ctx, task->errors, 1);
		tally_log(task->ctx, TALLY_WARNING, "upkeep: %s; trying again in %d s",
			  tally_reason(task->ctx), seconds);
	}
	return NULL;
}

int task_start(struct task *task)
{
	pthread_condattr_t monotonic;
	pthread_mutex_init(&task->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&task->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int error = pthread_create(&task->thread, NULL, task_thread, task);
	task->running = error == 0;
	if (!error)
		return 0;
	pthread_cond_destroy(&task->wake);
	pthread_mutex_destroy(&task->lock);
	return tally_fail(task->ctx, error, "no thread for upkeep: %s", strerror(error));
}

void task_stop(struct task *task)
{
	if (!task->running)
		return;
	pthread_mutex_lock(&task->lock);
	atomic_store(&task->stop, true);
	pthread_cond_signal(&task->wake);
	pthread_mutex_unlock(&task->lock);
	pthread_join(task->thread, NULL);
	task->running = false;
	pthread_cond_destroy(&task->wake);
	pthread_mutex_destroy(&task->lock);
}
