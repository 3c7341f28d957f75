/*
 * SIGHUP: the configuration is read anew and the daemon becomes what it says.
 *   - anything wrong with it, also to a plugin, or a new buffer that does not start: all of it is
 *     logged, nothing changes.
 *   - what is the same goes on untouched, though it was made from the older plan, which is kept.
 *   - what takes a new configuration while running does; the rest is stopped, inputs first, outputs
 *     that go draining until drain_timeout, and made anew.
 *   - what does not stop stays, and so does its old configuration; logged as an error.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/drain.h"
#include "process/log.h"
#include "process/sd_notify.h"
#include "base/clock.h"

static const char reload_source[] = "daemon";
/* What a restarted output may take to end the write it is in. */
static const int64_t reload_write_timeout = 2 * CLOCK_SECOND;

struct reload {
	struct daemon *daemon;
	const struct plan *old, *plan;
	size_t fresh_buffers; /* the daemon's buffers from here on are new */
	unsigned started, stopped, reconfigured;
};

/* ---- Who goes? ---- */

static const struct plan_instance *reload_fresh(const struct reload *reload,
						const struct instance *instance)
{
	return plan_find(reload->plan, instance_plan(instance)->name);
}

/* One that an earlier reload asked to stop is on its way out, whatever the new plan says. */
static bool reload_keeps(const struct reload *reload, const struct instance *instance)
{
	const struct plan_instance *old = instance_plan(instance);
	const struct plan_instance *fresh = reload_fresh(reload, instance);
	if (!fresh || instance_asked_to_stop(instance))
		return false;
	return fresh == old || plan_instance_equal(old, fresh);
}

/* Will no output of that name read that buffer any more? */
static bool reload_leaves_buffer(const struct reload *reload, const struct instance *instance)
{
	const struct plan_instance *old = instance_origin(instance);
	const struct plan_instance *fresh = reload_fresh(reload, instance);
	if (!old->buffer)
		return false;
	return !fresh || !fresh->buffer || strcmp(fresh->buffer->name, old->buffer->name) != 0;
}

static bool reload_is_input_to_stop(const void *reload, const struct instance *instance)
{
	return instance_plan(instance)->kind == PLAN_INPUT && !reload_keeps(reload, instance);
}

static bool reload_is_to_drain(const void *reload, const struct instance *instance)
{
	return !reload_keeps(reload, instance) && reload_leaves_buffer(reload, instance);
}

static bool reload_is_output_to_stop(const void *reload, const struct instance *instance)
{
	return instance_plan(instance)->kind == PLAN_OUTPUT && !reload_keeps(reload, instance) &&
	       !reload_leaves_buffer(reload, instance);
}

/* ---- Taking a new configuration while running ---- */

/* The core's own options, like interval and tables, are only read when an instance is made. */
static bool reload_common_equal(const struct plan_instance *a, const struct plan_instance *b)
{
	for (size_t i = 0; i < a->options->n; i++) {
		const struct options_value *value = &a->options->values[i];
		const struct tally_option *own = a->plugin->options;
		while (own && own->name && strcmp(own->name, value->option->name) != 0)
			own++;
		if (own && own->name)
			continue;
		const struct options_value *other = options_find(b->options, value->option->name);
		const char *x = value->text ? value->text : "", *y = other->text ? other->text : "";
		if (strcmp(x, y) != 0)
			return false;
	}
	return true;
}

/* If anything of the core's own has changed, the instance is restarted instead. */
static void reload_reconfigure(struct reload *reload, struct instance *instance)
{
	const struct plan_instance *fresh = reload_fresh(reload, instance);
	struct error error;
	if (!fresh || reload_keeps(reload, instance) || instance_asked_to_stop(instance) ||
	    !reload_common_equal(instance_plan(instance), fresh))
		return;
	int r = instance_reconfigure(instance, fresh, &error);
	if (r == 0) {
		reload->reconfigured++;
		log_message(TALLY_INFO, fresh->name, "new settings applied");
	} else if (r != -ENOTSUP) {
		log_message(TALLY_WARNING, fresh->name,
			    "cannot apply the new settings while running: %s; restarting",
			    error.text);
	}
}

/* ---- Stopping ---- */

/* All of a kind together, so that patience is spent once and not for each of them. */
static void reload_drain(struct reload *reload, drain_select_fn *pick, int64_t patience)
{
	struct drain drain = {.daemon = reload->daemon,
			      .pick = pick,
			      .arg = reload,
			      .drain_deadline = clock_monotonic() + patience};
	drain_wait(&drain);
}

/* Its rows that are not written yet have nobody to wait for any more, unless they are on disk in
 * a buffer that is not configured any more either, and might be again. */
static void reload_forget_output(struct reload *reload, const struct plan_instance *plan,
				 uint64_t rows)
{
	const char *buffer = plan->buffer->name;
	struct journal *journal = buffer_journal(daemon_find_buffer(reload->daemon, buffer));
	if (journal_durable(journal) && !plan_find(reload->plan, buffer)) {
		if (rows)
			log_message(
				TALLY_WARNING, plan->name,
				"%" PRIu64
				" rows not written; they stay in %s until it is configured again",
				rows, buffer);
		return;
	}
	if (rows)
		log_message(TALLY_WARNING, plan->name,
			    "%" PRIu64 " rows were not written in time and are dropped, since it "
			    "no longer reads %s",
			    rows, buffer);
	journal_forget(journal, plan->name);
}

/* What it leaves waiting is reported after it has stopped, when the number is final. */
static void reload_remove(struct reload *reload, struct instance *instance)
{
	bool leaves = reload_leaves_buffer(reload, instance);
	bool gone = !reload_fresh(reload, instance);
	const struct plan_instance *plan = instance_origin(instance);
	uint64_t rows = instance_waiting(instance);
	daemon_remove_instance(reload->daemon, instance);
	reload->stopped++;
	if (leaves)
		reload_forget_output(reload, plan, rows);
	log_message(TALLY_INFO, plan->name,
		    gone ? "stopped: no longer configured"
			 : "stopped; restarting with new settings");
}

/* Inputs first, so that no rows come for outputs that go.  Outputs that leave their buffer write
 * what waits there, as nobody will after them; those that come back find it again and get no more
 * time than the write they are in. */
static void reload_stop_changed(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	reload_drain(reload, reload_is_input_to_stop, 0);
	reload_drain(reload, reload_is_to_drain, daemon->drain_timeout);
	reload_drain(reload, reload_is_output_to_stop, reload_write_timeout);
	/* From the end, since the last takes the place of one that is removed. */
	for (size_t i = daemon->n_instances; i-- > 0;)
		if (!reload_keeps(reload, daemon->instances[i]) &&
		    instance_done(daemon->instances[i]))
			reload_remove(reload, daemon->instances[i]);
}

/* ---- Buffers ---- */

/* Before anything is stopped, because a buffer that does not start must leave the daemon as it
 * was. */
static int reload_add_buffers(struct reload *reload, struct error *error)
{
	struct daemon *daemon = reload->daemon;
	reload->fresh_buffers = daemon->n_buffers;
	for (size_t i = 0; i < reload->plan->n_instances; i++) {
		const struct plan_instance *plan = &reload->plan->instances[i];
		if (plan->kind != PLAN_BUFFER || daemon_find_buffer(daemon, plan->name))
			continue;
		int r = daemon_add_buffer(daemon, plan, error);
		if (r < 0)
			return r;
		r = buffer_start(daemon->buffers[daemon->n_buffers - 1], error);
		if (r < 0) {
			error_prefix(error, "%s: cannot start: ", plan->name);
			return r;
		}
	}
	return 0;
}

/* By an instance that was to stop and did not: it still reads from it. */
static bool reload_buffer_used(const struct daemon *daemon, const char *name)
{
	for (size_t i = 0; i < daemon->n_instances; i++) {
		const struct plan_instance *plan = instance_origin(daemon->instances[i]);
		if (plan->buffer && strcmp(plan->buffer->name, name) == 0)
			return true;
	}
	return false;
}

/* Only those that were there before: fresh ones were made with the new settings. */
static void reload_change_buffers(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	for (size_t i = 0; i < reload->fresh_buffers; i++) {
		const struct plan_instance *old = buffer_plan(daemon->buffers[i]);
		const struct plan_instance *fresh = plan_find(reload->plan, old->name);
		if (fresh && !plan_instance_equal(old, fresh))
			buffer_reconfigure(daemon->buffers[i], fresh);
	}
}

/* Its outputs have drained it or said what they left. */
static void reload_remove_buffers(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	for (size_t i = daemon->n_buffers; i-- > 0;) {
		const struct plan_instance *plan = buffer_plan(daemon->buffers[i]);
		if (plan_find(reload->plan, plan->name) || reload_buffer_used(daemon, plan->name))
			continue;
		struct buffer *buffer = daemon_take_buffer(daemon, i);
		daemon_route(daemon);
		log_message(TALLY_INFO, plan->name, "stopped: no longer configured");
		buffer_destroy(buffer);
	}
}

/* ---- Starting ---- */

/* An instance that cannot be made is left out; the rest of the new configuration is in effect
 * already and cannot be taken back. */
static void reload_add_instances(struct reload *reload, enum plan_kind kind)
{
	struct error error;
	for (size_t i = 0; i < reload->plan->n_instances; i++) {
		const struct plan_instance *plan = &reload->plan->instances[i];
		if (plan->kind != kind || daemon_find_instance(reload->daemon, plan->name))
			continue;
		if (daemon_add_instance(reload->daemon, reload->plan, plan, &error) < 0)
			log_message(TALLY_ERROR, reload_source,
				    "%s; it does not run until the next reload", error.text);
		else
			reload->started++;
	}
}

/* Routed before the first of them starts, so that no row comes before its buffer is there. */
static void reload_start_changed(struct reload *reload)
{
	struct daemon *daemon = reload->daemon;
	size_t first = daemon->n_instances;
	struct error error;
	reload_add_instances(reload, PLAN_OUTPUT);
	reload_add_instances(reload, PLAN_INPUT);
	if (daemon_route(daemon) < 0)
		log_message(TALLY_ERROR, reload_source, "new buffers get no rows: out of memory");
	for (size_t i = first; i < daemon->n_instances; i++)
		if (instance_start(daemon->instances[i], &error) < 0)
			log_message(TALLY_ERROR, reload_source,
				    "%s; it does not run until a restart", error.text);
}

/* ---- The whole ---- */

/* What the running process was built around cannot change: paths and names are in open files,
 * locks and rows. */
static void reload_globals(const struct reload *reload)
{
	const struct plan_globals *old = &reload->old->globals, *fresh = &reload->plan->globals;
	const struct {
		const char *name, *old, *fresh;
	} fixed[] = {{"host", old->host, fresh->host},
		     {"plugin_dir", old->plugin_dir, fresh->plugin_dir},
		     {"state_dir", old->state_dir, fresh->state_dir}};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		if (strcmp(fixed[i].old, fixed[i].fresh) != 0)
			log_list(TALLY_WARNING, reload_source,
				 "[tallyd] %s = %s takes effect after a restart", fixed[i].name,
				 fixed[i].fresh);
	log_set_level(TALLY_ERROR + (int)fresh->log_level);
	reload->daemon->drain_timeout = fresh->drain_timeout;
}

/* Without a dry run: another process has just done it (reload_check.c), and doing it twice would
 * double the time in which plugins may hang. */
static int reload_load(struct daemon *daemon, struct plan **ret)
{
	struct problems problems;
	problems_init(&problems);
	daemon->load.tried = true;
	int r = load_plan(&daemon->load, ret, &problems);
	for (size_t i = 0; i < problems.n; i++)
		log_list(TALLY_ERROR, reload_source, "%s", problems.texts[i]);
	if (r == 0 && daemon_add_plan(daemon, *ret) < 0) {
		plan_destroy(*ret);
		r = -ENOMEM;
	}
	if (r < 0)
		log_list(TALLY_ERROR, reload_source,
			 "not reloaded, %zu problems; the old configuration stays in effect",
			 problems_count(&problems));
	problems_done(&problems);
	return r;
}

/* The new plan goes as well, since nothing is made from it. */
static void reload_undo_buffers(struct reload *reload, const struct error *error)
{
	struct daemon *daemon = reload->daemon;
	struct daemon_plan *newest = daemon->plans;
	while (daemon->n_buffers > reload->fresh_buffers)
		buffer_destroy(daemon_take_buffer(daemon, daemon->n_buffers - 1));
	daemon->plans = newest->older;
	plan_destroy(newest->plan);
	free(newest);
	log_list(TALLY_ERROR, reload_source,
		 "not reloaded: %s; the old configuration stays in effect", error->text);
}

/* Stop before start: a port, a file or a lock may pass from an old instance to a new one. */
static void reload_apply(struct daemon *daemon, const struct plan *old, const struct plan *plan)
{
	struct reload reload = {.daemon = daemon, .old = old, .plan = plan};
	struct error error;
	if (reload_add_buffers(&reload, &error) < 0) {
		reload_undo_buffers(&reload, &error);
		return;
	}
	reload_globals(&reload);
	reload_change_buffers(&reload);
	for (size_t i = 0; i < daemon->n_instances; i++)
		reload_reconfigure(&reload, daemon->instances[i]);
	reload_stop_changed(&reload);
	reload_start_changed(&reload);
	reload_remove_buffers(&reload);
	daemon_forget_plans(daemon);
	ready_socket_use(daemon->ready_socket, daemon->plans->plan);
	log_message(TALLY_INFO, reload_source,
		    "reloaded: %u stopped, %u started, %u took new settings, %zu run",
		    reload.stopped, reload.started, reload.reconfigured, daemon->n_instances);
}

/* systemd waits for READY=1 after RELOADING=1 whatever came of it, so `ready` is cleared also when
 * nothing has changed. */
void daemon_reload(struct daemon *daemon)
{
	const struct plan *old = daemon->plans->plan;
	struct plan *plan;
	sd_notify_reloading();
	log_message(TALLY_INFO, reload_source, "reloading %s", daemon->load.config_path);
	if (daemon_check_reload(daemon) == 0 && reload_load(daemon, &plan) == 0)
		reload_apply(daemon, old, plan);
	daemon->ready = false; /* again when all that are new have tried to start */
}
