#include "host_gone.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "host.h"
#include "base/clock.h"

enum { HOST_GATE_CLOSED = INT_MIN / 2 };
const int64_t HOST_LEAVE_TIMEOUT = 2 * CLOCK_SECOND;

bool host_gate_enter(struct host_gate *gate)
{
	if (atomic_fetch_add(&gate->inside, 1) >= 0)
		return true;
	atomic_fetch_sub(&gate->inside, 1);
	return false;
}

void host_gate_leave(struct host_gate *gate)
{
	atomic_fetch_sub(&gate->inside, 1);
}

/* Those who try meanwhile are counted for an instant, too. */
bool host_gate_close(struct host_gate *gate, int64_t deadline)
{
	const struct timespec turn = {.tv_nsec = CLOCK_MS};
	atomic_fetch_add(&gate->inside, HOST_GATE_CLOSED);
	while (atomic_load(&gate->inside) != HOST_GATE_CLOSED) {
		if (clock_monotonic() >= deadline)
			return false;
		nanosleep(&turn, NULL);
	}
	return true;
}

/* ---- Texts ---- */

struct host_text {
	struct host_text *next;
	char text[];
};

static pthread_mutex_t host_texts_lock = PTHREAD_MUTEX_INITIALIZER;
static struct host_text *host_texts; /* under host_texts_lock */

static struct host_text *host_text_add(const char *text)
{
	size_t size = strlen(text) + 1;
	struct host_text *added = malloc(sizeof(*added) + size);
	if (!added)
		return NULL;
	memcpy(added->text, text, size);
	added->next = host_texts;
	host_texts = added;
	return added;
}

/* As many as there are different names of instances, for as long as the process runs. */
const char *host_for_ever(const char *text)
{
	if (!text)
		return NULL;
	pthread_mutex_lock(&host_texts_lock);
	struct host_text *found = host_texts;
	while (found && strcmp(found->text, text) != 0)
		found = found->next;
	if (!found)
		found = host_text_add(text);
	pthread_mutex_unlock(&host_texts_lock);
	return found ? found->text : "";
}

/* ---- Hosts ---- */

static atomic_bool host_stuck;

void *host_gone_keep(void *host)
{
	static _Atomic(void *) gone[HOST_KEPT_GONE];
	static atomic_uint next;
	return atomic_exchange(&gone[atomic_fetch_add(&next, 1) % HOST_KEPT_GONE], host);
}

static int host_stop_fd = -1;

static void host_make_stop_fd(void)
{
	host_stop_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

int host_gone_stop_fd(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, host_make_stop_fd);
	return host_stop_fd;
}

void host_gone_stuck(void)
{
	atomic_store(&host_stuck, true);
}

bool host_any_stuck(void)
{
	return atomic_load(&host_stuck);
}
