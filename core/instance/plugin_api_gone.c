/*
 * What outlives an instance, because a thread of its plugin may: the gate, the kept structs, the
 * texts.  The gate is one counter.  Entering adds one, closing subtracts PLUGIN_API_GATE_CLOSED, so
 * that a single atomic operation both counts a caller in and tells it whether the gate is closed;
 * no lock is taken on the way of every tally_…() call.
 *
 * Called by the files of plugin_api, the gate on any thread.  Closing waits for callers that are
 * inside, until its deadline; what still has a caller then is kept for ever
 * (plugin_api_gone_stuck()).
 */
#include "instance/plugin_api_gone.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "instance/plugin_api.h"
#include "base/clock.h"

enum { PLUGIN_API_GATE_CLOSED = INT_MIN / 2 };
const int64_t PLUGIN_API_LEAVE_TIMEOUT = 2 * CLOCK_SECOND;

/* Counted before it is known whether it is open, and taken back if not: checking first would
 * leave a gap in which the gate can close. */
bool plugin_api_gate_enter(struct plugin_api_gate *gate)
{
	if (atomic_fetch_add(&gate->inside, 1) >= 0)
		return true;
	atomic_fetch_sub(&gate->inside, 1);
	return false;
}

void plugin_api_gate_leave(struct plugin_api_gate *gate)
{
	atomic_fetch_sub(&gate->inside, 1);
}

/* Those who try meanwhile are counted for an instant, too. */
bool plugin_api_gate_close(struct plugin_api_gate *gate, int64_t deadline)
{
	const struct timespec turn = {.tv_nsec = CLOCK_MS};
	atomic_fetch_add(&gate->inside, PLUGIN_API_GATE_CLOSED);
	while (atomic_load(&gate->inside) != PLUGIN_API_GATE_CLOSED) {
		if (clock_monotonic() >= deadline)
			return false;
		nanosleep(&turn, NULL);
	}
	return true;
}

/* ---- Texts ---- */

struct plugin_api_text {
	struct plugin_api_text *next;
	char text[];
};

static pthread_mutex_t plugin_api_texts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct plugin_api_text *plugin_api_texts; /* under plugin_api_texts_lock */

/* Never freed: threads that outlive their instance, and crash messages, use these texts at any
 * time.  There are as many as different names of instances, for as long as the process runs. */
const char *plugin_api_for_ever(const char *text)
{
	if (!text)
		return NULL;
	size_t size = strlen(text) + 1;
	pthread_mutex_lock(&plugin_api_texts_lock);
	struct plugin_api_text *found = plugin_api_texts;
	while (found && strcmp(found->text, text) != 0)
		found = found->next;
	if (!found && (found = malloc(sizeof(*found) + size))) {
		memcpy(found->text, text, size);
		found->next = plugin_api_texts;
		plugin_api_texts = found;
	}
	pthread_mutex_unlock(&plugin_api_texts_lock);
	return found ? found->text : "";
}

/* ---- Hosts ---- */

static atomic_bool plugin_api_stuck;

void *plugin_api_gone_keep(void *host)
{
	static _Atomic(void *) gone[PLUGIN_API_KEPT_GONE];
	static atomic_uint next;
	return atomic_exchange(&gone[atomic_fetch_add(&next, 1) % PLUGIN_API_KEPT_GONE], host);
}

static int plugin_api_stop_fd = -1;

static void plugin_api_make_stop_fd(void)
{
	plugin_api_stop_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

int plugin_api_gone_stop_fd(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, plugin_api_make_stop_fd);
	return plugin_api_stop_fd;
}

void plugin_api_gone_stuck(void)
{
	atomic_store(&plugin_api_stuck, true);
}

bool plugin_api_any_stuck(void)
{
	return atomic_load(&plugin_api_stuck);
}
