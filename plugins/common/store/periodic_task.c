/*
 * The maintenance thread of a store.  It waits by the monotonic clock, so that a clock that is set
 * makes it neither hurry nor stall, and is woken to stop.  A long round asks task_stopping().
 * Whoever starts it stops it, on the core's thread; stopping waits until the round has noticed.
 */
#include "store/periodic_task.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

static void task_main(void *arg)
{
	struct task *task = arg;
	int seconds = task->seconds;
	while (worker_wait(&task->worker, clock_monotonic() + seconds * CLOCK_SECOND) !=
	       WORKER_STOPPED) {
		seconds = task->seconds;
		int r = task->run(task->arg);
		if (r >= 0 || (r == -ECANCELED && task_stopping(task)))
			continue;
		if (task->failed_seconds)
			seconds = task->failed_seconds;
		tally_count(task->ctx, task->errors, 1);
		tally_log(task->ctx, TALLY_WARNING, "maintenance failed: %s; trying again in %d s",
			  tally_reason(task->ctx), seconds);
	}
}

int task_start(struct task *task)
{
	worker_init(&task->worker);
	int r = worker_start(&task->worker, task->name, task_main, task);
	task->running = r == 0;
	if (r == 0)
		return 0;
	worker_done(&task->worker);
	return tally_fail(task->ctx, -r, "cannot start the maintenance thread: %s", strerror(-r));
}

void task_tell_to_stop(struct task *task)
{
	if (task->running)
		worker_tell_to_stop(&task->worker);
}

void task_stop(struct task *task)
{
	if (!task->running)
		return;
	worker_stop(&task->worker);
	worker_done(&task->worker);
	task->running = false;
}
