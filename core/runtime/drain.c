/*
 * Called by shutdown.c for inputs and then outputs, and by reload.c for what goes or is restarted.
 * All chosen instances are asked at once, since each stops on its own thread; then this waits in
 * short turns and interrupts them again in each, because an interrupt() that comes just before the
 * plugin blocks has no effect.  Housekeeping goes on meanwhile: drain_timeout may be far longer
 * than systemd's watchdog allows.
 *   - SIGTERM or SIGINT meanwhile: the drain deadline is now.
 *   - an instance that does not come back within drain_grace: it is named in the log and left.
 */
#include "runtime/drain.h"

#include "process/log.h"
#include "base/clock.h"

const int64_t drain_grace = 5 * CLOCK_SECOND;
static const int64_t drain_turn = 20 * CLOCK_MS;

static bool drain_means(const struct drain *drain, size_t i)
{
	return drain->pick(drain->arg, drain->daemon->instances[i]);
}

static bool drain_done(const struct drain *drain)
{
	const struct daemon *daemon = drain->daemon;
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (drain_means(drain, i) && !instance_done(daemon->instances[i]))
			return false;
	return true;
}

/* Woken when all have been asked: whoever looks up then sees that it was, wherever it waits. */
static void drain_ask(const struct drain *drain)
{
	struct daemon *daemon = drain->daemon;
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (drain_means(drain, i))
			instance_stop(daemon->instances[i], drain->drain_deadline);
	daemon_wake(daemon);
}

/* With the function that it hangs in: that is what its author needs to know. */
static void drain_log_late(const struct drain *drain)
{
	const struct daemon *daemon = drain->daemon;
	char what[128];
	for (size_t i = 0; i < daemon->n_instances; i++) {
		const struct instance *instance = daemon->instances[i];
		if (!drain_means(drain, i) || instance_done(instance))
			continue;
		instance_describe_call(instance, what, sizeof(what));
		log_list(TALLY_ERROR, instance_plan(instance)->name, "does not stop: %s", what);
	}
}

/* A loop with short turns and not a join: a thread that hangs in a plugin can be waited for with a
 * deadline only by looking. */
bool drain_wait(struct drain *drain)
{
	struct daemon *daemon = drain->daemon;
	int64_t asked = clock_monotonic();
	drain_ask(drain);
	while (!drain_done(drain)) {
		/* The deadline may be past already: those before may have taken all of the time. */
		int64_t from = drain->drain_deadline > asked ? drain->drain_deadline : asked;
		if (clock_monotonic() >= from + drain_grace) {
			drain_log_late(drain);
			return false;
		}
		/* A signal, chores, and another knock at every door. */
		bool signal = daemon_wait_signal(daemon, clock_monotonic() + drain_turn);
		daemon->stop = daemon->stop || signal;
		if (signal && !drain->hurried) {
			drain->hurried = true;
			log_message(TALLY_NOTICE, "daemon",
				    "asked to stop again: no longer waiting for outputs");
			drain->drain_deadline = clock_monotonic();
			drain_ask(drain);
		}
		daemon_housekeeping(daemon);
		for (size_t i = 0; i < daemon->n_instances; i++)
			if (drain_means(drain, i))
				instance_wake(daemon->instances[i]);
	}
	return true;
}
