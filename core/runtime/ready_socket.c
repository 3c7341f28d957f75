/*
 * The thread: it accepts, answers one after the other, and looks each second whether its socket is
 * still in its place.  What can fail: the socket, which is one message and is tried again; a store
 * that hangs, which whoever waits is told by the line before; who comes meanwhile waits in the
 * socket's queue.
 */
#include "runtime/ready_socket.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/worker.h"
#include "plugin/reason.h"
#include "process/log.h"
#include "runtime/status_socket.h"

enum { READY_TEXT_SIZE = 2048, READY_KEEP_MS = 1000 };

struct ready_socket {
	const char *state_dir;
	struct bindings *bindings;
	struct metrics *metrics;
	pthread_mutex_t lock;
	struct plan *plan; /* guarded by the lock */
	struct worker worker;
	int closing; /* an eventfd: readable from when it closes */
	int socket;  /* the thread's; -1: none */
	bool reported;
};

/* ---- Reasons ---- */

struct ready_reasons {
	char text[READY_TEXT_SIZE];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void ready_add(struct ready_reasons *reasons,
							    const char *fmt, ...)
{
	size_t room = sizeof(reasons->text) - reasons->len;
	va_list ap;
	va_start(ap, fmt);
	int len = snprintf(reasons->text + reasons->len, room, "%s", reasons->len ? "; " : "");
	if (len >= 0 && (size_t)len < room) {
		room -= (size_t)len;
		reasons->len += (size_t)len;
		len = vsnprintf(reasons->text + reasons->len, room, fmt, ap);
		reasons->len += len < 0 ? 0 : (size_t)len < room ? (size_t)len : room - 1;
	}
	va_end(ap);
}

/* By the names that /readyz looks for, in http_api's missing.c and health.c. */
static int ready_sample(void *arg, const struct tally_sample *sample)
{
	static const char missing[] = "_file_missing";
	struct ready_reasons *reasons = arg;
	size_t len = strlen(sample->name), end = strlen(missing);
	if (sample->value == 0)
		return 0;
	if (strcmp(sample->name, "tallyd_input_blocked_since_seconds") == 0)
		ready_add(reasons, "an input waits for a buffer: %s", sample->labels);
	else if (strcmp(sample->name, "tallyd_state_dir_missing") == 0 ||
		 (len >= end && strcmp(sample->name + len - end, missing) == 0))
		ready_add(reasons, "a file is missing: %s{%s}", sample->name, sample->labels);
	return 0;
}

/* ---- Answering ---- */

static void ready_say(int fd, const char *verdict, const char *reasons)
{
	char line[READY_TEXT_SIZE + 32];
	int len = snprintf(line, sizeof(line), "%s%s%s", verdict, reasons[0] ? " " : "", reasons);
	for (char *at = line; *at; at++)
		if (*at == '\n')
			*at = ' ';
	line[len++] = '\n';
	(void)!send(fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int ready_table(void *arg, const struct tally_table *table)
{
	(void)arg;
	(void)table;
	return 0;
}

static void ready_ask(struct ready_socket *ready, int fd, const char *name,
		      struct ready_reasons *reasons)
{
	struct ready_reasons meanwhile = *reasons;
	struct error error = {0};
	void *slot = binding_slot(ready->bindings, TALLY_OPT_STORE, name);
	ready_add(&meanwhile, "%s has not answered yet", name);
	ready_say(fd, "unready", meanwhile.text);
	int r = binding_tables(slot, ready_table, NULL, &error);
	if (r < 0 && !error.text[0])
		reason_explain(r, &error);
	if (r < 0)
		ready_add(reasons, "%s: %s", name, error.text);
}

static void ready_answer(struct ready_socket *ready, int fd)
{
	struct ready_reasons reasons = {0};
	pthread_mutex_lock(&ready->lock);
	struct plan *plan = plan_keep(ready->plan);
	pthread_mutex_unlock(&ready->lock);
	if (metrics_each(ready->metrics, ready_sample, &reasons) < 0)
		ready_add(&reasons, "out of memory");
	for (size_t i = 0; i < plan->n_instances; i++)
		if (plan->instances[i].plugin->store)
			ready_ask(ready, fd, plan->instances[i].name, &reasons);
	plan_destroy(plan);
	ready_say(fd, reasons.len ? "unready" : "ready", reasons.text);
}

/* ---- The thread ---- */

static void ready_keep(struct ready_socket *ready)
{
	struct error error;
	if (status_socket_is_there(ready->state_dir, READY_SOCKET, ready->socket))
		return;
	if (ready->socket >= 0)
		close(ready->socket);
	ready->socket = status_socket_open(ready->state_dir, READY_SOCKET, &error);
	if (ready->socket < 0 && !ready->reported)
		log_message(TALLY_WARNING, "daemon",
			    "no socket for tallyd healthcheck --ready: %s; retrying every second",
			    error.text);
	ready->reported = ready->socket < 0;
}

static void ready_run(void *arg)
{
	struct ready_socket *ready = arg;
	struct pollfd fds[] = {{.fd = ready->closing, .events = POLLIN}, {.events = POLLIN}};
	while (!fds[0].revents) {
		ready_keep(ready);
		fds[1].fd = ready->socket;
		if (poll(fds, 2, READY_KEEP_MS) <= 0 || fds[0].revents)
			continue;
		auto_close int fd = accept4(ready->socket, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			ready_answer(ready, fd);
	}
	status_socket_close(ready->state_dir, READY_SOCKET, ready->socket);
}

/* ---- The main thread ---- */

struct ready_socket *ready_socket_start(const char *state_dir, struct bindings *bindings,
					struct metrics *metrics, struct plan *plan)
{
	struct ready_socket *ready = calloc(1, sizeof(*ready));
	if (!ready)
		return NULL;
	*ready = (struct ready_socket){.state_dir = state_dir,
				       .bindings = bindings,
				       .metrics = metrics,
				       .plan = plan_keep(plan),
				       .closing = eventfd(0, EFD_CLOEXEC),
				       .socket = -1};
	pthread_mutex_init(&ready->lock, NULL);
	worker_init(&ready->worker);
	if (ready->closing >= 0 && worker_start(&ready->worker, "ready", ready_run, ready) == 0)
		return ready;
	ready_socket_destroy(ready);
	return NULL;
}

void ready_socket_use(struct ready_socket *ready, struct plan *plan)
{
	if (!ready)
		return;
	pthread_mutex_lock(&ready->lock);
	struct plan *before = ready->plan;
	ready->plan = plan_keep(plan);
	pthread_mutex_unlock(&ready->lock);
	plan_destroy(before);
}

void ready_socket_close(struct ready_socket *ready)
{
	const uint64_t one = 1;
	if (ready)
		(void)!write(ready->closing, &one, sizeof(one));
}

void ready_socket_destroy(struct ready_socket *ready)
{
	if (!ready)
		return;
	ready_socket_close(ready);
	worker_stop(&ready->worker);
	worker_done(&ready->worker);
	if (ready->closing >= 0)
		close(ready->closing);
	pthread_mutex_destroy(&ready->lock);
	plan_destroy(ready->plan);
	free(ready);
}
