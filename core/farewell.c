#include "farewell.h"

#include <signal.h>

#include "log.h"
#include "signals.h"
#include "base/clock.h"

const int64_t farewell_grace = 5 * CLOCK_SECOND;
static const int64_t farewell_turn = 20 * CLOCK_MS;

static bool farewell_means(const struct farewell *farewell, size_t i)
{
	return farewell->pick(farewell->arg, farewell->daemon->instances[i]);
}

static bool farewell_done(const struct farewell *farewell)
{
	const struct daemon *daemon = farewell->daemon;
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (farewell_means(farewell, i) && !instance_done(daemon->instances[i]))
			return false;
	return true;
}

static void farewell_ask(const struct farewell *farewell)
{
	struct daemon *daemon = farewell->daemon;
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (farewell_means(farewell, i))
			instance_stop(daemon->instances[i], farewell->drain_deadline);
	daemon_wake(daemon);
}

static void farewell_hurry(struct farewell *farewell)
{
	if (farewell->hurried)
		return;
	farewell->hurried = true;
	log_message(TALLY_NOTICE, "daemon",
		    "told again to stop: not waiting for outputs any longer");
	farewell->drain_deadline = clock_monotonic();
	farewell_ask(farewell);
}

/* A signal, chores, and another knock at every door. */
static void farewell_turn_once(struct farewell *farewell)
{
	struct daemon *daemon = farewell->daemon;
	int signal = signals_wait(daemon->signals, clock_monotonic() + farewell_turn);
	if (signal == SIGTERM || signal == SIGINT) {
		daemon->stop = true;
		farewell_hurry(farewell);
	}
	daemon_breathe(daemon);
	for (size_t i = 0; i < daemon->n_instances; i++)
		if (farewell_means(farewell, i))
			instance_poke(daemon->instances[i]);
}

static void farewell_tell_late(const struct farewell *farewell)
{
	const struct daemon *daemon = farewell->daemon;
	char what[128];
	for (size_t i = 0; i < daemon->n_instances; i++) {
		const struct instance *instance = daemon->instances[i];
		if (!farewell_means(farewell, i) || instance_done(instance))
			continue;
		instance_describe_call(instance, what, sizeof(what));
		log_list(TALLY_ERROR, instance_plan(instance)->name, "does not stop: %s", what);
	}
}

bool farewell_wait(struct farewell *farewell)
{
	int64_t asked = clock_monotonic();
	farewell_ask(farewell);
	while (!farewell_done(farewell)) {
		/* The deadline may be past already: those before may have taken all of the time. */
		int64_t from = farewell->drain_deadline > asked ? farewell->drain_deadline : asked;
		if (clock_monotonic() >= from + farewell_grace) {
			farewell_tell_late(farewell);
			return false;
		}
		farewell_turn_once(farewell);
	}
	return true;
}
