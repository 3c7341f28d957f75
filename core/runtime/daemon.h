/*
 * The running daemon: everything that is made from a plan, and the loop that watches over it.  Main
 * thread only.  daemon.c starts and watches, reload.c changes it to another plan, shutdown.c ends
 * it, status.c tells how it is; they share what is below.
 */
#ifndef TALLYD_CORE_DAEMON_H
#define TALLYD_CORE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "instance/buffer.h"
#include "instance/plugin_api.h"
#include "instance/instance.h"
#include "instance/load.h"
#include "runtime/ready_socket.h"
#include "runtime/state_dir.h"

/* Runs until it is told to stop.  Returns an enum command_exit. */
int daemon_run(const char *config_path, const char *plugin_dir);

/* ---- For reload.c, shutdown.c, status.c and tests only ---- */

/* A plan that something still running was made from, the newest first. */
struct daemon_plan {
	struct daemon_plan *older;
	struct plan *plan;
};

struct daemon {
	struct load load;
	struct plugin_services services;
	struct bindings *bindings;
	struct positions *positions;
	pthread_rwlock_t registry_lock;
	struct state_dir state;
	char *hostname, *state_path;
	struct host_name host_name;
	struct daemon_plan *plans;
	struct buffer **buffers;
	size_t n_buffers;
	struct instance **instances; /* inputs and outputs */
	size_t n_instances;
	int64_t drain_timeout;
	int64_t started, chores_due, anew_due;   /* monotonic ns */
	int64_t watchdog_interval, watchdog_due; /* 0: nobody watches */
	struct metric *state_taken_away, *state_missing;
	int signals, status_socket;
	struct ready_socket *ready_socket; /* NULL: not ready yet */
	bool ready, stopping;
	/* Signals that came while the main thread was in another loop than its own. */
	bool stop, reload;
};

/* What must be done at every turn of whatever loop the main thread is in: watchdog, positions, what
 * the log left out.  housekeeping.c. */
void daemon_housekeeping(struct daemon *daemon);
void daemon_save_positions(struct daemon *daemon); /* a failure is logged */
/* daemon_state.c: makes the state directory again if somebody has taken it away. */
void daemon_keep_state(struct daemon *daemon);
/* Likewise the socket for `tallyd status` in it. */
void daemon_keep_socket(struct daemon *daemon);

int daemon_add_plan(struct daemon *daemon, struct plan *plan);
void daemon_forget_plans(struct daemon *daemon); /* those that nothing is made from any more */

/* Made and added, not started. */
int daemon_add_buffer(struct daemon *daemon, const struct plan_instance *plan, struct error *error);
int daemon_add_instance(struct daemon *daemon, const struct plan *plan,
			const struct plan_instance *instance, struct error *error);
struct buffer *daemon_take_buffer(struct daemon *daemon, size_t i); /* out of the list */
void daemon_remove_instance(struct daemon *daemon, struct instance *instance);
struct buffer *daemon_find_buffer(const struct daemon *daemon, const char *name);
struct instance *daemon_find_instance(const struct daemon *daemon, const char *name);

/* The router learns of all buffers, and of all tables that inputs may emit. */
int daemon_route(struct daemon *daemon);
/* Whoever waits in a full buffer, or for a batch to be due, looks up. */
void daemon_wake(struct daemon *daemon);

/* Is the configuration, as it is now, fit to be loaded?  0; -EINVAL: no, and the log says why;
 * -ECANCELED: a signal to stop came meanwhile. */
int daemon_check_reload(struct daemon *daemon);
/* Waits for a signal, in whatever loop the main thread is in: 0 (none before the deadline), SIGTERM
 * or SIGINT.  A SIGHUP is remembered for the main loop, the status is logged at once. */
int daemon_wait_signal(struct daemon *daemon, int64_t deadline);

void daemon_reload(struct daemon *daemon);
/* Returns an enum command_exit; does not return if a plugin does not. */
int daemon_shutdown(struct daemon *daemon);
/* Ends the process at once, with the positions saved: a thread of a plugin that did not come back
 * holds on to memory, so nothing may be freed. */
_Noreturn void daemon_leave(struct daemon *daemon);
void daemon_log_status(struct daemon *daemon);

#endif
