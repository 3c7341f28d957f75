/*
 * The status for programs: one JSON object, and whether all is well.  Called by the main loop for
 * whoever asks through the status socket.  As status.c it takes only short locks, so it answers
 * while a plugin hangs.
 *
 * Healthy means: ready, nothing stopped, nothing failing, no buffer that takes no rows, and the
 * state directory in its place.  One failed gathering is enough: whoever asks (Docker, Kubernetes,
 * a load balancer) has retries of its own, and knows how patient it wants to be.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/status.h"
#include "process/process.h"
#include "base/clock.h"

/* ---- Health ---- */

struct status_reasons {
	char *text;
	size_t size, len;
	bool healthy;
};

__attribute__((format(printf, 2, 3))) static void status_reason(struct status_reasons *reasons,
								const char *fmt, ...)
{
	size_t room = reasons->size - reasons->len;
	va_list ap;
	int len = snprintf(reasons->text + reasons->len, room, "%s", reasons->healthy ? "" : "; ");
	reasons->healthy = false;
	if (len < 0 || (size_t)len >= room)
		return;
	va_start(ap, fmt);
	int more = vsnprintf(reasons->text + reasons->len + len, room - (size_t)len, fmt, ap);
	va_end(ap);
	len += more > 0 ? more : 0;
	reasons->len += (size_t)len < room ? (size_t)len : room - 1;
}

static void status_health_instance(struct status_reasons *reasons, struct instance *instance)
{
	const char *name = instance_plan(instance)->name;
	struct trouble_state state;
	char age[32];
	if (instance_trouble(instance, &state)) {
		trouble_age(&state, age, sizeof(age));
		status_reason(reasons, "%s has failed for %s: %s", name, age, state.text);
	} else if (!instance_up(instance)) {
		status_reason(reasons, "%s is not running", name);
	}
}

static void status_health_buffer(struct status_reasons *reasons, const struct buffer *buffer)
{
	struct trouble_state state;
	char age[32];
	if (!journal_blocked(buffer_journal(buffer), &state))
		return;
	trouble_age(&state, age, sizeof(age));
	status_reason(reasons, "%s has accepted no rows for %s: %s", buffer_plan(buffer)->name, age,
		      state.text);
}

bool status_health(struct daemon *daemon, char *ret_reasons, size_t size)
{
	struct status_reasons reasons = {.text = ret_reasons, .size = size, .healthy = true};
	*ret_reasons = '\0';
	if (daemon->stopping)
		status_reason(&reasons, "it is stopping");
	else if (!daemon->ready)
		status_reason(&reasons, "it is starting");
	if (daemon->state_missing && metric_get(daemon->state_missing) != 0)
		status_reason(&reasons, "state_dir %s is missing", daemon->state_path);
	for (size_t i = 0; !daemon->stopping && i < daemon->n_buffers; i++)
		if (buffer_journal(daemon->buffers[i]))
			status_health_buffer(&reasons, daemon->buffers[i]);
	for (size_t i = 0; daemon->ready && !daemon->stopping && i < daemon->n_instances; i++)
		status_health_instance(&reasons, daemon->instances[i]);
	return reasons.healthy;
}

/* ---- JSON ---- */

static void status_json_number(struct json_writer *json, const char *key, double value)
{
	json_write_key(json, key);
	json_write_real(json, value);
}

static void status_json_string(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, value);
}

/* trouble NULL: nothing is wrong. */
static void status_json_trouble(struct json_writer *json, const char *key,
				const struct trouble_state *trouble)
{
	json_write_key(json, key);
	if (!trouble) {
		json_write_null(json);
		return;
	}
	json_begin_object(json);
	json_write_key(json, "since");
	json_write_time(json, clock_now() - (clock_monotonic() - trouble->since));
	json_write_key(json, "times");
	json_write_int(json, trouble->failures);
	status_json_string(json, "error", trouble->text);
	json_end_object(json);
}

static void status_json_instance(struct json_writer *json, struct daemon *daemon,
				 struct instance *instance)
{
	const struct plan_instance *plan = instance_plan(instance);
	bool input = plan->kind == PLAN_INPUT;
	const char *label = input ? "input" : "output";
	struct trouble_state trouble;
	json_begin_object(json);
	status_json_string(json, "instance", plan->name);
	json_write_key(json, "running");
	json_write_bool(json, instance_up(instance));
	status_json_trouble(json, "failing",
			    instance_trouble(instance, &trouble) ? &trouble : NULL);
	if (input || plan->buffer) {
		const char *rows =
			input ? "tallyd_rows_collected_total" : "tallyd_rows_stored_total";
		status_json_number(json, input ? "rows_collected" : "rows_stored",
				   status_total(daemon, rows, label, plan->name));
		status_json_number(
			json, "rows_dropped",
			status_total(daemon, "tallyd_rows_dropped_total", label, plan->name));
	}
	if (!input && plan->buffer) {
		json_write_key(json, "rows_waiting");
		json_write_int(json, (int64_t)instance_waiting(instance));
	}
	json_end_object(json);
}

static void status_json_buffer(struct json_writer *json, struct daemon *daemon,
			       const struct buffer *buffer)
{
	const char *name = buffer_plan(buffer)->name;
	struct trouble_state trouble;
	json_begin_object(json);
	status_json_string(json, "buffer", name);
	status_json_number(json, "bytes",
			   status_total(daemon, "tallyd_buffer_bytes", "buffer", name));
	status_json_number(json, "capacity_bytes",
			   status_total(daemon, "tallyd_buffer_capacity_bytes", "buffer", name));
	struct journal *journal = buffer_journal(buffer);
	status_json_trouble(json, "blocked",
			    journal && journal_blocked(journal, &trouble) ? &trouble : NULL);
	json_end_object(json);
}

void status_json(struct daemon *daemon, struct json_writer *json)
{
	char reasons[2048];
	struct process_usage usage;
	bool healthy = status_health(daemon, reasons, sizeof(reasons));
	process_read(&usage);
	json_begin_object(json);
	status_json_string(json, "version", TALLYD_VERSION);
	status_json_string(json, "host", daemon->hostname);
	json_write_key(json, "healthy");
	json_write_bool(json, healthy);
	status_json_string(json, "reason", healthy ? NULL : reasons);
	json_write_key(json, "ready");
	json_write_bool(json, daemon->ready && !daemon->stopping);
	status_json_number(json, "up_seconds",
			   (double)(clock_monotonic() - daemon->started) / (double)CLOCK_SECOND);
	json_write_key(json, "resident_bytes");
	json_write_int(json, usage.resident_bytes);
	status_json_number(json, "cpu_seconds", usage.cpu_seconds);
	json_write_key(json, "buffers");
	json_begin_array(json);
	for (size_t i = 0; i < daemon->n_buffers; i++)
		status_json_buffer(json, daemon, daemon->buffers[i]);
	json_end_array(json);
	json_write_key(json, "instances");
	json_begin_array(json);
	for (size_t i = 0; i < daemon->n_instances; i++)
		status_json_instance(json, daemon, daemon->instances[i]);
	json_end_array(json);
	json_end_object(json);
}
