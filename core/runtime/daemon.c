/*
 * Starting: configuration → plan → state directory → buffers → outputs → inputs; READY once each
 * has tried to start.  Then a loop over signals and small chores, which never waits for a plugin.
 *   - a wrong configuration: every problem is printed, exit 3.
 *   - no state directory, or another daemon in it: exit 1.
 *   - a buffer that does not start: tried again, since nothing can be kept without it.
 *   - an input or output that does not start: its own thread's business (instance.c).
 */
#include "runtime/daemon.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/container.h"
#include "process/exit_code.h"
#include "process/log.h"
#include "process/process.h"
#include "process/sd_notify.h"
#include "process/signals.h"
#include "runtime/status_socket.h"
#include "base/backoff.h"
#include "base/clock.h"

static const char daemon_source[] = "daemon";
static const int64_t daemon_ready_interval = CLOCK_SECOND / 20; /* until everyone has tried */

/* ---- The loop ---- */

/* Until ready the loop looks around often, since the threads of instances do not report that they
 * have tried. */
static int64_t daemon_next_turn(const struct daemon *daemon)
{
	int64_t due = daemon->chores_due;
	if (!daemon->ready)
		due = clock_monotonic() + daemon_ready_interval;
	if (daemon->watchdog_interval && daemon->watchdog_due < due)
		due = daemon->watchdog_due;
	return due;
}

static size_t daemon_count(const struct daemon *daemon, enum plan_kind kind)
{
	size_t n = 0;
	for (size_t i = 0; i < daemon->n_instances; i++)
		n += instance_plan(daemon->instances[i])->kind == kind;
	return n;
}

/* After a reload it is there already. */
static void daemon_open_ready(struct daemon *daemon)
{
	if (!daemon->ready_socket)
		daemon->ready_socket =
			ready_socket_start(daemon->state_path, daemon->bindings,
					   daemon->services.metrics, daemon->plans->plan);
	if (!daemon->ready_socket)
		log_message(TALLY_WARNING, daemon_source,
			    "no socket for tallyd healthcheck --ready: out of memory or threads");
}

/* Ready means that everything was tried once, not that it works: a store that is down must not
 * keep systemd from finishing its start. */
static void daemon_check_ready(struct daemon *daemon)
{
	char text[256];
	size_t up = 0;
	for (size_t i = 0; i < daemon->n_instances; i++) {
		if (!instance_tried(daemon->instances[i]))
			return;
		up += instance_up(daemon->instances[i]);
	}
	daemon->ready = true;
	daemon_open_ready(daemon);
	snprintf(text, sizeof(text), "%zu inputs, %zu buffers, %zu outputs; %zu of %zu started",
		 daemon_count(daemon, PLAN_INPUT), daemon->n_buffers,
		 daemon_count(daemon, PLAN_OUTPUT), up, daemon->n_instances);
	sd_notify_send("READY=1\nSTATUS=%s", text);
	log_message(TALLY_INFO, daemon_source, "ready: %s", text);
}

/* Housekeeping before a signal is acted on: a reload or a stop takes its time, and the watchdog
 * should have been answered just before. */
static int daemon_watch(struct daemon *daemon)
{
	for (;;) {
		int signal =
			daemon_wait_signal(daemon, daemon->reload ? 0 : daemon_next_turn(daemon));
		daemon_housekeeping(daemon);
		if (!daemon->ready)
			daemon_check_ready(daemon);
		if (signal || daemon->stop)
			return daemon_shutdown(daemon);
		if (daemon->reload) {
			/* Cleared first: a SIGHUP that comes meanwhile is another one. */
			daemon->reload = false;
			daemon_reload(daemon);
		}
	}
}

/* ---- Starting ---- */

/* Before any plugin is made, since plugins are given the state directory and the producer id. */
static int daemon_open_state(struct daemon *daemon, const struct plan_globals *globals,
			     struct error *error)
{
	daemon->drain_timeout = globals->drain_timeout;
	daemon->hostname = strdup(globals->host);
	daemon->state_path = strdup(globals->state_dir);
	if (!daemon->hostname || !daemon->state_path)
		return error_set(error, ENOMEM, "out of memory");
	int r = state_dir_open(daemon->state_path, &daemon->state, error);
	if (r < 0)
		return r;
	if (container_takes_along(daemon->state_path, ""))
		log_message(TALLY_WARNING, daemon_source,
			    "state_dir %s is on no volume: what is stored goes with this "
			    "container (docker run -v tallyd:%s)",
			    daemon->state_path, daemon->state_path);
	daemon->services.hostname = daemon->hostname;
	daemon->services.host_name = globals->host_is_made_up ? &daemon->host_name : NULL;
	daemon->services.state_dir = daemon->state_path;
	daemon->services.producer = daemon->state.producer;
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/positions", daemon->state_path);
	r = positions_create(path, &daemon->positions, error);
	if (r != -EBADMSG)
		return r;
	log_message(TALLY_WARNING, daemon_source, "%s; inputs start as if for the first time",
		    error->text);
	return 0;
}

/* Signals last: from here on the main thread has to read them. */
static int daemon_open_services(struct daemon *daemon, struct error *error)
{
	struct plugin_services *services = &daemon->services;
	char labels[64] = "";
	services->registry = daemon->load.registry;
	services->registry_lock = &daemon->registry_lock;
	services->metrics = metrics_create();
	if (!services->metrics)
		return error_set(error, ENOMEM, "out of memory");
	services->router = router_create(services->metrics, daemon->positions);
	if (!services->router)
		return error_set(error, ENOMEM, "out of memory");
	metrics_label(labels, sizeof(labels), "version", TALLYD_VERSION);
	metric_set(metrics_gauge(services->metrics, "tallyd_build_info", labels, NULL,
				 "The version of the daemon."),
		   1);
	daemon->state_taken_away =
		metrics_counter(services->metrics, "tallyd_state_taken_away_total", "", NULL,
				"Times state_dir or a file in it was found removed or replaced.");
	daemon->state_missing =
		metrics_gauge(services->metrics, "tallyd_state_dir_missing", "", NULL,
			      "1 while state_dir is missing and cannot be created again.");
	daemon->signals = signals_open(error);
	return daemon->signals < 0 ? daemon->signals : 0;
}

/* Tries until the buffer starts; false: a signal to stop came first. */
static bool daemon_start_buffer(struct daemon *daemon, struct buffer *buffer)
{
	struct error error;
	for (unsigned failures = 0; buffer_start(buffer, &error) < 0; failures++) {
		log_message(TALLY_ERROR, buffer_plan(buffer)->name,
			    "cannot start: %s; nothing runs without it, retrying until it works",
			    error.text);
		int64_t until = clock_monotonic() +
				backoff_pause(CLOCK_SECOND / 2, 30 * CLOCK_SECOND, failures);
		while (clock_monotonic() < until) {
			if (daemon_wait_signal(daemon, daemon_next_turn(daemon)))
				return false;
			daemon_housekeeping(daemon);
		}
	}
	log_message(TALLY_INFO, buffer_plan(buffer)->name, "started");
	return true;
}

/* Buffers start on the main thread and before everything else: no row may come before there is a
 * place for it. */
static int daemon_make_buffers(struct daemon *daemon, const struct plan *plan, struct error *error)
{
	for (size_t i = 0; i < plan->n_instances; i++) {
		if (plan->instances[i].kind != PLAN_BUFFER)
			continue;
		int r = daemon_add_buffer(daemon, &plan->instances[i], error);
		if (r < 0)
			return r;
		if (!daemon_start_buffer(daemon, daemon->buffers[daemon->n_buffers - 1]))
			return error_set(error, ECANCELED,
					 "asked to stop before startup was complete");
	}
	return 0;
}

/* Made first and started when all are there, so that no row comes before its output. */
static int daemon_make_instances(struct daemon *daemon, const struct plan *plan,
				 struct error *error)
{
	int r = 0;
	for (int inputs = 0; inputs <= 1; inputs++)
		for (size_t i = 0; i < plan->n_instances && r == 0; i++) {
			const struct plan_instance *instance = &plan->instances[i];
			if (instance->kind == (inputs ? PLAN_INPUT : PLAN_OUTPUT))
				r = daemon_add_instance(daemon, plan, instance, error);
		}
	if (r == 0 && daemon_route(daemon) < 0)
		r = error_set(error, ENOMEM, "out of memory");
	for (size_t i = 0; i < daemon->n_instances && r == 0; i++)
		r = instance_start(daemon->instances[i], error);
	return r;
}

/* The order is that of the flow, from its end: buffers, outputs, inputs. */
static int daemon_start(struct daemon *daemon, struct plan *plan, struct error *error)
{
	int r = daemon_open_state(daemon, &plan->globals, error);
	if (r == 0)
		r = daemon_open_services(daemon, error);
	if (r < 0)
		return r;
	daemon->started = clock_monotonic();
	daemon_keep_socket(daemon);
	daemon->watchdog_interval = sd_notify_watchdog_interval();
	log_message(TALLY_INFO, daemon_source, "tallyd %s starts: %s, state in %s", TALLYD_VERSION,
		    daemon->load.config_path, daemon->state_path);
	if (plan->n_instances == 0)
		log_message(TALLY_WARNING, daemon_source,
			    "nothing is configured: no [input.…] or [output.…] section is enabled");
	r = daemon_make_buffers(daemon, plan, error);
	return r < 0 ? r : daemon_make_instances(daemon, plan, error);
}

/* Nothing runs any more. */
static void daemon_done(struct daemon *daemon)
{
	while (daemon->n_instances)
		daemon_remove_instance(daemon, daemon->instances[0]);
	/* A thread that a plugin has left behind may be using what is freed below. */
	if (plugin_api_any_stuck())
		daemon_leave(daemon);
	ready_socket_destroy(daemon->ready_socket);
	if (daemon->services.router)
		router_set(daemon->services.router, NULL, 0);
	while (daemon->n_buffers)
		buffer_destroy(daemon_take_buffer(daemon, 0));
	free(daemon->instances);
	free(daemon->buffers);
	if (daemon->positions)
		daemon_save_positions(daemon);
	positions_destroy(daemon->positions);
	router_destroy(daemon->services.router);
	metrics_destroy(daemon->services.metrics);
	while (daemon->plans) {
		struct daemon_plan *plan = daemon->plans;
		daemon->plans = plan->older;
		plan_destroy(plan->plan);
		free(plan);
	}
	registry_destroy(daemon->load.registry);
	bindings_destroy(daemon->bindings);
	if (daemon->state.lock >= 0)
		state_dir_close(&daemon->state);
	if (daemon->signals >= 0)
		close(daemon->signals);
	if (daemon->state_path)
		status_socket_close(daemon->state_path, STATUS_SOCKET, daemon->status_socket);
	free(daemon->hostname);
	free(daemon->state_path);
	pthread_rwlock_destroy(&daemon->registry_lock);
}

/* Problems of the configuration go to standard error as they are, a line each with file and line
 * number, as `tallyd check` prints them. */
static int daemon_start_and_watch(struct daemon *daemon)
{
	struct plan *plan;
	struct error error;
	struct problems problems;
	problems_init(&problems);
	int r = load_plan(&daemon->load, &plan, &problems);
	for (size_t i = 0; i < problems.n; i++)
		fprintf(stderr, "%s\n", problems.texts[i]);
	if (problems.lost)
		fprintf(stderr, "%zu more problems (out of memory)\n", problems.lost);
	problems_done(&problems);
	if (r == -ECANCELED) {
		log_message(TALLY_INFO, daemon_source, "asked to stop before startup was complete");
		return COMMAND_OK;
	}
	if (r < 0)
		return COMMAND_CONFIG;
	if (daemon_add_plan(daemon, plan) < 0) {
		plan_destroy(plan);
		return COMMAND_FAILED;
	}
	log_set_level(TALLY_ERROR + (int)plan->globals.log_level);
	r = daemon_start(daemon, plan, &error);
	if (r == 0)
		return daemon_watch(daemon);
	log_message(TALLY_ERROR, daemon_source, "%s", error.text);
	daemon_shutdown(daemon); /* ends those that have been started */
	return r == -ECANCELED ? COMMAND_OK : COMMAND_FAILED;
}

/* All of the daemon is one struct on this stack; daemon_done() undoes whatever part of it was
 * made. */
int daemon_run(const char *config_path, const char *plugin_dir)
{
	struct daemon daemon = {.load = {.config_path = config_path, .plugin_dir = plugin_dir},
				.state = {.lock = -1},
				.signals = -1,
				.status_socket = -1};
	process_raise_file_limit();
	pthread_rwlock_init(&daemon.registry_lock, NULL);
	daemon.bindings = bindings_create();
	daemon.load.slot = binding_slot;
	daemon.load.slot_arg = daemon.bindings;
	daemon.load.registry_lock = &daemon.registry_lock;
	int exit_code = daemon.bindings ? daemon_start_and_watch(&daemon) : COMMAND_FAILED;
	daemon_done(&daemon);
	return exit_code;
}
