/*
 * A buffer's life: create → start → (reconfigure) → destroy, all on the main thread; between start
 * and destroy the plugin is called through its journal, under the journal's lock, by whatever
 * thread pushes or fetches (buffer_calls.c).
 *   - start fails: there is no journal yet, nothing is freed, and it may be tried again.  daemon.c
 *     does, since nothing can be kept without it; a reload gives up instead.
 *   - destroy: the journal goes before the plugin stops, since it is what calls the plugin.
 */
#include "instance/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "instance/buffer_calls.h"
#include "process/crash.h"
#include "instance/plugin_metrics.h"
#include "process/log.h"
#include "plugin/reason.h"

struct buffer {
	struct buffer_setup setup;
	const struct plan_instance *plan; /* in effect: differs after buffer_reconfigure() */
	const char *name;
	const struct tally_plugin *plugin;
	struct api *api;
	void *self;
	struct buffer_calls calls;
	bool started;
	struct journal *journal;
	struct metric *up;
};

/* The plugin's config points into the plan, so the plan is pinned before create() can keep such
 * a pointer. */
int buffer_create(const struct buffer_setup *setup, struct buffer **ret, struct error *error)
{
	const struct plan_instance *plan = setup->instance;
	struct buffer *buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return error_set(error, ENOMEM, "%s: out of memory", plan->name);
	buffer->setup = *setup;
	buffer->plan = plan;
	buffer->name = plan->name;
	buffer->plugin = plan->plugin;
	buffer->up = plugin_metrics_announce(setup->services->metrics, plan->plugin, plan->name,
					     plan_kind_name(plan->kind));
	int r = plugin_api_create(setup->services, plan->plugin, plan->name, 0, &buffer->api,
				  error);
	if (r == 0 && plugin_api_pin(buffer->api, plan->owner) < 0)
		r = error_set(error, ENOMEM, "out of memory");
	if (r == 0 && plan->plugin->create) {
		const char *before = crash_enter(plugin_api_ctx(buffer->api)->name);
		r = PLUGIN_CALL(plan->plugin->create(plugin_api_ctx(buffer->api), plan->config,
						     &buffer->self));
		crash_leave(before);
		r = r < 0 ? reason_explain(r, error) : 0;
	}
	if (r < 0) {
		error_prefix(error, "%s: ", plan->name);
		buffer_destroy(buffer);
		return r;
	}
	*ret = buffer;
	return 0;
}

/* Also after a create() that failed, when there may be no api yet. */
static void buffer_stop(struct buffer *buffer)
{
	const char *before = crash_enter(buffer->api ? plugin_api_ctx(buffer->api)->name : NULL);
	if (buffer->started && buffer->plugin->stop)
		PLUGIN_CALL(buffer->plugin->stop(buffer->self));
	crash_leave(before);
	buffer->started = false;
}

/* The journal is made after start(), since it asks the plugin at once what it holds. */
int buffer_start(struct buffer *buffer, struct error *error)
{
	const struct journal_setup setup = {.name = buffer->name,
					    .buffer = &buffer->calls.calls,
					    .self = &buffer->calls,
					    .metrics = buffer->setup.services->metrics,
					    .positions = buffer->setup.positions};
	buffer_calls_init(&buffer->calls, buffer->plugin->buffer, buffer->self,
			  plugin_api_ctx(buffer->api)->name);
	const char *before = crash_enter(plugin_api_ctx(buffer->api)->name);
	int r = buffer->plugin->start ? PLUGIN_CALL(buffer->plugin->start(buffer->self)) : 0;
	crash_leave(before);
	if (r != 0)
		return reason_explain(r < 0 ? r : -EIO, error);
	buffer->started = true;
	r = journal_create(&setup, &buffer->plan->common.journal, &buffer->journal, error);
	if (r < 0)
		buffer_stop(buffer);
	else
		metric_set(buffer->up, 1);
	return r;
}

/* In the reverse order of starting, each step only if it was reached. */
void buffer_destroy(struct buffer *buffer)
{
	if (!buffer)
		return;
	metric_set(buffer->up, 0);
	if (buffer->journal)
		journal_destroy(buffer->journal);
	buffer_stop(buffer);
	const char *before = crash_enter(buffer->api ? plugin_api_ctx(buffer->api)->name : NULL);
	if (buffer->self && buffer->plugin->destroy)
		PLUGIN_CALL(buffer->plugin->destroy(buffer->self));
	crash_leave(before);
	plugin_api_destroy(buffer->api);
	free(buffer);
}

struct journal *buffer_journal(const struct buffer *buffer)
{
	return buffer->journal;
}

static const char *buffer_option_text(const struct plan_instance *plan,
				      const struct tally_option *option)
{
	for (size_t i = 0; i < plan->options->n; i++)
		if (plan->options->values[i].option == option)
			return plan->options->values[i].text;
	return NULL;
}

/* Are the options that the plugin itself declares the same?  (Those common to buffers are ours.) */
static bool buffer_own_options_equal(const struct plan_instance *a, const struct plan_instance *b)
{
	for (const struct tally_option *o = a->plugin->options; o && o->name; o++) {
		/* NULL, not given, is another value than "". */
		const char *x = buffer_option_text(a, o), *y = buffer_option_text(b, o);
		if (x && y ? strcmp(x, y) != 0 : x != y)
			return false;
	}
	return true;
}

/* A buffer is never restarted for new options: what it holds would have to move.  Those of the
 * core apply at once; those of the plugin if it can take them while running. */
void buffer_reconfigure(struct buffer *buffer, const struct plan_instance *fresh)
{
	const struct plan_instance *old = buffer->plan;
	struct error error;
	int r = 0;
	buffer->plan = fresh;
	if (buffer_own_options_equal(old, fresh)) {
		journal_configure(buffer->journal, &fresh->common.journal);
		log_message(TALLY_INFO, buffer->name, "new settings applied");
		return;
	}
	if (buffer->plugin->reconfigure)
		r = plugin_api_pin(buffer->api, fresh->owner);
	const char *before = crash_enter(plugin_api_ctx(buffer->api)->name);
	if (buffer->plugin->reconfigure && r == 0)
		r = PLUGIN_CALL(buffer->plugin->reconfigure(buffer->self, fresh->config));
	crash_leave(before);
	journal_configure(buffer->journal, &fresh->common.journal);
	if (r < 0)
		reason_explain(r, &error);
	if (r < 0)
		log_message(TALLY_ERROR, buffer->name,
			    "cannot apply the new settings: %s; the old ones stay in effect",
			    error.text);
	else if (buffer->plugin->reconfigure)
		log_message(TALLY_INFO, buffer->name, "new settings applied");
	else
		log_message(TALLY_WARNING, buffer->name,
			    "cannot apply the new settings while it holds rows; they take effect "
			    "when the daemon restarts");
}

const struct plan_instance *buffer_plan(const struct buffer *buffer)
{
	return buffer->plan;
}

const struct plan_instance *buffer_origin(const struct buffer *buffer)
{
	return buffer->setup.instance;
}
