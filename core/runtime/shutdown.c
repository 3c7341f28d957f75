/*
 * The end: inputs stop, outputs drain until drain_timeout, then it is said what is left and where.
 *   - a second signal: what is not written by now is left.
 *   - an instance that does not come back: the process leaves without it, since its memory cannot
 *     be taken away from under a thread.
 */
#include <inttypes.h>
#include <unistd.h>

#include "process/exit_code.h"
#include "process/crash.h"
#include "runtime/drain.h"
#include "process/log.h"
#include "process/sd_notify.h"
#include "base/clock.h"

static const char shutdown_source[] = "daemon";

static bool shutdown_is_of_kind(const void *kind, const struct instance *instance)
{
	return instance_plan(instance)->kind == *(const enum plan_kind *)kind;
}

/* Rows in memory are lost now and are a warning; rows on disk only wait. */
static void shutdown_log_left(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_instances; i++) {
		const struct plan_instance *plan = instance_origin(daemon->instances[i]);
		uint64_t rows = instance_waiting(daemon->instances[i]);
		if (!rows)
			continue;
		struct buffer *buffer = daemon_find_buffer(daemon, plan->buffer->name);
		if (journal_durable(buffer_journal(buffer)))
			log_list(TALLY_NOTICE, plan->name,
				 "%" PRIu64 " rows not written yet; they are kept in %s and "
				 "written after the next start",
				 rows, plan->buffer->name);
		else
			log_list(TALLY_WARNING, plan->name,
				 "%" PRIu64
				 " rows not written; they were in memory (%s) and are lost",
				 rows, plan->buffer->name);
	}
}

void daemon_leave(struct daemon *daemon)
{
	struct error error;
	if (daemon->positions && positions_save(daemon->positions, &error) < 0)
		log_list(TALLY_ERROR, shutdown_source, "%s", error.text);
	log_list(TALLY_ERROR, shutdown_source,
		 "exiting although not everything has stopped, exit code %d", COMMAND_FAILED);
	crash_exiting();
	_exit(COMMAND_FAILED);
}

/* Outputs after inputs, so that what inputs emit while they stop is still written. */
int daemon_shutdown(struct daemon *daemon)
{
	static const enum plan_kind input = PLAN_INPUT, output = PLAN_OUTPUT;
	int64_t now = clock_monotonic();
	struct drain inputs = {.daemon = daemon,
			       .pick = shutdown_is_of_kind,
			       .arg = &input,
			       .drain_deadline = now};
	struct drain outputs = {.daemon = daemon,
				.pick = shutdown_is_of_kind,
				.arg = &output,
				.drain_deadline = now + daemon->drain_timeout};
	daemon->stopping = true;
	ready_socket_close(daemon->ready_socket);
	sd_notify_send("STOPPING=1");
	log_message(TALLY_INFO, shutdown_source, "stopping");
	bool done = drain_wait(&inputs);
	if (inputs.hurried)
		outputs.drain_deadline = clock_monotonic();
	done = drain_wait(&outputs) && done;
	shutdown_log_left(daemon);
	if (!done)
		daemon_leave(daemon);
	log_message(TALLY_INFO, shutdown_source, "stopped");
	return COMMAND_OK;
}
