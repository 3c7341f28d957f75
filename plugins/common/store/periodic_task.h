/*
 * A thread of a store's own that runs its maintenance periodically until it is stopped.  A round
 * that fails is counted and logged, and the next one continues where it left off.
 */
#ifndef TALLYD_PLUGINS_COMMON_PERIODIC_TASK_H
#define TALLYD_PLUGINS_COMMON_PERIODIC_TASK_H

#include <stdbool.h>
#include <tallyd/host.h>

#include "base/worker.h"

struct task {
	struct tally_ctx *ctx;
	const char *name;      /* of the thread */
	int seconds;           /* between two rounds */
	int failed_seconds;    /* after one that failed; 0: the same */
	uint32_t errors;       /* the metric that counts those that failed */
	int (*run)(void *arg); /* one round: < 0 as after tally_fail() */
	void *arg;
	/* Its own: all 0 before task_start(). */
	bool running;
	struct worker worker;
};

int task_start(struct task *task);
/* Whoever then makes the round's calls fail with -ECANCELED ends it at once: that is no failure. */
void task_tell_to_stop(struct task *task);
void task_stop(struct task *task); /* waits for the round; fine if there is no thread */

/* A long round calls this between its steps. */
static inline bool task_stopping(const struct task *task)
{
	return worker_is_stopping(&task->worker);
}

#endif
