#include "store/periodic_task.h"

#include <string.h>
#include <time.h>

/* True: it is time to stop. */
static bool rounds_wait(struct rounds *rounds, int seconds)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	int timed_out = 0;
	pthread_mutex_lock(&rounds->lock);
	while (!rounds_stopping(rounds) && !timed_out)
		timed_out = pthread_cond_timedwait(&rounds->wake, &rounds->lock, &until);
	pthread_mutex_unlock(&rounds->lock);
	return rounds_stopping(rounds);
}

static void *rounds_thread(void *arg)
{
	struct rounds *rounds = arg;
	int seconds = rounds->seconds;
	pthread_setname_np(pthread_self(), rounds->name);
	while (!rounds_wait(rounds, seconds)) {
		seconds = rounds->seconds;
		if (rounds->run(rounds->arg) >= 0)
			continue;
		if (rounds->failed_seconds)
			seconds = rounds->failed_seconds;
		tally_count(rounds->ctx, rounds->errors, 1);
		tally_log(rounds->ctx, TALLY_WARNING, "upkeep: %s; trying again in %d s",
			  tally_reason(rounds->ctx), seconds);
	}
	return NULL;
}

int rounds_start(struct rounds *rounds)
{
	pthread_condattr_t monotonic;
	pthread_mutex_init(&rounds->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&rounds->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	int error = pthread_create(&rounds->thread, NULL, rounds_thread, rounds);
	rounds->running = error == 0;
	if (!error)
		return 0;
	pthread_cond_destroy(&rounds->wake);
	pthread_mutex_destroy(&rounds->lock);
	return tally_fail(rounds->ctx, error, "no thread for upkeep: %s", strerror(error));
}

void rounds_stop(struct rounds *rounds)
{
	if (!rounds->running)
		return;
	pthread_mutex_lock(&rounds->lock);
	atomic_store(&rounds->stop, true);
	pthread_cond_signal(&rounds->wake);
	pthread_mutex_unlock(&rounds->lock);
	pthread_join(rounds->thread, NULL);
	rounds->running = false;
	pthread_cond_destroy(&rounds->wake);
	pthread_mutex_destroy(&rounds->lock);
}
