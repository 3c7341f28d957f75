/*
 * A life: start → work → stop, again after a back-off when the work ends early, until it is over.
 *   - start() fails: logged once, tried again after 0.5 s doubling to 30 s, logged when it works.
 *   - work ends early: an error, and the same back-off.
 *   - the plugin does not come back from a call: interrupt() again and again from the main thread;
 *     if that does not help, the daemon decides what becomes of it, not this file.
 */
#include "instance/instance.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "process/crash.h"
#include "instance/plugin_metrics.h"
#include "instance/instance_parts.h"
#include "process/log.h"
#include "plugin/reason.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/text.h"

static const int64_t backoff_first = CLOCK_SECOND / 2, backoff_last = 30 * CLOCK_SECOND;
static const int64_t backoff_slice = CLOCK_SECOND / 5; /* how often a draining output looks up */

/* Should the thread come to its end?  An output that was asked to stop first writes what waits. */
static bool instance_over(const struct instance *instance)
{
	if (plugin_api_stopping(instance->api))
		return true;
	return atomic_load(&instance->asked) && instance_waiting(instance) == 0;
}

/* ---- The thread ---- */

static void instance_set_callable(struct instance *instance, bool callable)
{
	pthread_mutex_lock(&instance->lock);
	instance->callable = callable;
	pthread_mutex_unlock(&instance->lock);
}

/* In slices, since an output that was asked to stop is over when nothing waits any more. */
static void instance_back_off(struct instance *instance, struct backoff *backoff)
{
	int64_t until = clock_monotonic() + backoff_next(backoff);
	for (int64_t left = until - clock_monotonic(); left > 0 && !instance_over(instance);
	     left = until - clock_monotonic())
		plugin_api_sleep(instance->api, left < backoff_slice ? left : backoff_slice);
}

/* May be interrupted from before start() on, since start() may connect and hang. */
static int instance_try_start(struct instance *instance, struct error *error)
{
	instance_set_callable(instance, true);
	int r = 0;
	if (instance->plugin->start)
		r = NAMED_CALL(&instance->call, "start", instance->plugin->start(instance->self));
	atomic_store(&instance->tried, true);
	if (r == 0)
		return 0;
	instance_set_callable(instance, false);
	return reason_explain(r < 0 ? r : -EIO, error);
}

/* With the number of attempts, if there were any: an operator who saw the failures looks for the
 * line that ends them. */
static void instance_log_started(struct instance *instance, unsigned failures, int64_t since)
{
	const struct tally_input *input = instance->plugin->input;
	char what[64] = "", interval[32], took[32];
	if (instance->origin->kind == PLAN_INPUT && input && input->gather) {
		text_format_duration(instance->origin->common.interval, interval, sizeof(interval));
		snprintf(what, sizeof(what), ", every %s", interval);
	}
	int64_t s = (clock_monotonic() - since) / CLOCK_SECOND;
	text_format_duration(s * CLOCK_SECOND, took, sizeof(took));
	if (failures)
		log_message(TALLY_NOTICE, instance->name,
			    "started%s, after %u failed attempts in %s", what, failures, took);
	else
		log_message(TALLY_INFO, instance->name, "started%s", what);
}

/* Every attempt counts, and the trouble decides which are logged; the rest can be seen at level
 * debug. */
static void instance_log_not_started(struct instance *instance, const struct error *error)
{
	struct trouble_state state;
	char age[32];
	enum trouble_change news = trouble_note(&instance->trouble, error->text, &state);
	trouble_age(&state, age, sizeof(age));
	if (news == TROUBLE_CHANGES || news == TROUBLE_LASTS)
		log_message(TALLY_ERROR, instance->name,
			    "still cannot start after %u attempts in %s: %s", state.failures, age,
			    error->text);
	else
		log_message(news == TROUBLE_NOTHING ? TALLY_DEBUG : TALLY_ERROR, instance->name,
			    "cannot start: %s; retrying until it works, at least every 30s",
			    error->text);
}

/* False: over before it worked. */
static bool instance_bring_up(struct instance *instance)
{
	struct error error;
	struct trouble_state trouble;
	struct backoff backoff = {.first = backoff_first, .most = backoff_last};
	int64_t since = clock_monotonic();
	unsigned failures = 0;
	while (!plugin_api_stopping(instance->api)) {
		if (instance_try_start(instance, &error) == 0) {
			instance_log_started(instance, failures, since);
			trouble_end(&instance->trouble, &trouble);
			return true;
		}
		if (instance_over(instance))
			return false;
		failures++;
		instance_log_not_started(instance, &error);
		instance_back_off(instance, &backoff);
		if (instance_over(instance))
			return false;
	}
	return false;
}

static bool instance_offers(const struct instance *instance)
{
	return instance->plugin->store || instance->plugin->cache;
}

/* Queries first: a store must not be stopped under a query that is running in it.  They have
 * deadlines, so the wait for them ends; if it does not, the main thread gives this one up. */
static void instance_take_down(struct instance *instance)
{
	metric_set(instance->up, 0);
	if (instance->plugin->watcher)
		watchers_detach(router_watchers(instance->setup.services->router), instance->self);
	while (instance_offers(instance) &&
	       !binding_detach(instance->setup.bindings, instance->name,
			       clock_monotonic() + 2 * CLOCK_SECOND))
		log_message(TALLY_WARNING, instance->name,
			    "stopping: still waiting for queries in flight");
	instance_set_callable(instance, false);
	if (!instance->plugin->stop)
		return;
	call_begin(&instance->call, "stop");
	PLUGIN_CALL(instance->plugin->stop(instance->self));
	call_end(&instance->call);
}

/* False: over. */
static bool instance_live_once(struct instance *instance, struct backoff *backoff)
{
	struct error error;
	if (!instance_bring_up(instance))
		return false;
	metric_set(instance->up, 1);
	if (instance_offers(instance))
		binding_attach(instance->setup.bindings, instance->name, instance->plugin,
			       instance->self);
	if (instance->plugin->watcher &&
	    watchers_attach(router_watchers(instance->setup.services->router),
			    instance->plugin->watcher, instance->self,
			    plugin_api_ctx(instance->api)->name) < 0)
		log_message(TALLY_ERROR, instance->name, "cannot watch rows: out of memory");
	int64_t since = clock_monotonic();
	int r = instance_work(instance, &error);
	instance_take_down(instance);
	if (r == 0 || plugin_api_stopping(instance->api))
		return false;
	if (clock_monotonic() - since > backoff_last)
		backoff_reset(backoff);
	log_message(TALLY_ERROR, instance->name, "%s; starting it again", error.text);
	trouble_note(&instance->trouble, error.text, NULL);
	instance_back_off(instance, backoff);
	return !instance_over(instance);
}

/* Was it stopped only to begin anew? */
static bool instance_resumes(struct instance *instance)
{
	if (!atomic_exchange(&instance->again, false) || atomic_load(&instance->asked))
		return false;
	plugin_api_resume(instance->api);
	return !atomic_load(&instance->asked);
}

/* `tried` also at the end: an instance that was stopped before its first attempt must not keep the
 * daemon from getting ready. */
static void *instance_main(void *arg)
{
	struct instance *instance = arg;
	struct backoff backoff = {.first = backoff_first, .most = backoff_last};
	crash_thread_begin();
	crash_enter(plugin_api_ctx(instance->api)->name);
	/* The kernel shows 15 characters: the plugin's name and label say more than the kind. */
	const char *dot = strchr(instance->name, '.');
	char name[16];
	snprintf(name, sizeof(name), "%s", dot ? dot + 1 : instance->name);
	prctl(PR_SET_NAME, name);
	bool alive = true;
	while (alive && (!instance_over(instance) || instance_resumes(instance)))
		alive = instance_live_once(instance, &backoff) || instance_resumes(instance);
	atomic_store(&instance->tried, true);
	crash_leave(NULL);
	crash_thread_end();
	atomic_store(&instance->done, true);
	return NULL;
}

/* ---- From the main thread ---- */

/* Attached here and not at the start: rows that are collected while an output cannot connect
 * must wait for it. */
static int instance_create_delivery(struct instance *instance, struct error *error)
{
	if (instance->origin->kind != PLAN_OUTPUT || !instance->origin->buffer)
		return 0;
	const struct delivery_setup setup = {.name = instance->name,
					     .output = instance->plugin->output,
					     .self = instance->self,
					     .tables = instance->origin->common.tables,
					     .journal = instance->setup.journal,
					     .metrics = instance->setup.services->metrics,
					     .call = &instance->call};
	instance->delivery = delivery_create(&setup, error);
	if (!instance->delivery)
		return -error->code;
	plugin_api_set_delivery(instance->api, instance->delivery);
	return 0;
}

/* create() does no I/O by the ABI, so the main thread may call it. */
static int instance_create_self(struct instance *instance, struct error *error)
{
	const struct plan_instance *plan = instance->origin;
	if (!plan->plugin->create)
		return 0;
	const char *before = crash_enter(plugin_api_ctx(instance->api)->name);
	int r = PLUGIN_CALL(
		plan->plugin->create(plugin_api_ctx(instance->api), plan->config, &instance->self));
	crash_leave(before);
	return r < 0 ? reason_explain(r, error) : 0;
}

/* Series first, so that they exist even if the instance never starts. */
int instance_create(const struct instance_setup *setup, struct instance **ret, struct error *error)
{
	const struct plan_instance *plan = setup->instance;
	const struct tally_input *input = plan->plugin->input;
	bool gathers = plan->kind == PLAN_INPUT && input && input->gather;
	struct instance *instance = calloc(1, sizeof(*instance));
	if (!instance)
		return error_set(error, ENOMEM, "%s: out of memory", plan->name);
	instance->setup = *setup;
	instance->origin = plan;
	instance->plan = plan;
	instance->name = plan->name;
	instance->plugin = plan->plugin;
	instance->up = plugin_metrics_announce(setup->services->metrics, plan->plugin, plan->name,
					       plan_kind_name(plan->kind));
	instance->failing = plugin_metrics_failing(setup->services->metrics, plan->name);
	pthread_mutex_init(&instance->lock, NULL);
	trouble_init(&instance->trouble);
	instance_announce(instance);
	int r = plugin_api_create(setup->services, plan->plugin, plan->name,
				  gathers ? plan->common.interval : 0, &instance->api, error);
	if (r == 0 && plugin_api_pin(instance->api, plan->owner) < 0)
		r = error_set(error, ENOMEM, "out of memory");
	if (r == 0)
		plugin_api_set_options(instance->api, plan->options);
	if (r == 0)
		r = instance_create_self(instance, error);
	if (r == 0)
		r = instance_create_delivery(instance, error);
	if (r < 0) {
		error_prefix(error, "%s: ", plan->name);
		instance_destroy(instance);
		return r;
	}
	*ret = instance;
	return 0;
}

int instance_start(struct instance *instance, struct error *error)
{
	int r = pthread_create(&instance->thread, NULL, instance_main, instance);
	if (r > 0)
		return error_set(error, r, "%s: cannot create its thread: %s", instance->name,
				 strerror(r));
	instance->threaded = true;
	return 0;
}

/* Under the lock, so that stop() cannot run at the same time and free what interrupt() touches. */
static void instance_interrupt(struct instance *instance)
{
	if (!instance->plugin->interrupt)
		return;
	pthread_mutex_lock(&instance->lock);
	const char *before = crash_enter(plugin_api_ctx(instance->api)->name);
	if (instance->callable)
		PLUGIN_CALL(instance->plugin->interrupt(instance->self));
	crash_leave(before);
	pthread_mutex_unlock(&instance->lock);
}

/* The deadline first and `asked` second: whoever sees `asked` sees a deadline. */
void instance_stop(struct instance *instance, int64_t drain_deadline)
{
	__atomic_store_n(&instance->drain_deadline, drain_deadline, __ATOMIC_RELEASE);
	atomic_store(&instance->asked, true);
	if (instance->setup.journal)
		journal_wake(instance->setup.journal);
	instance_wake(instance);
}

/* An output that still drains is left alone until its deadline; everybody else is interrupted. */
void instance_wake(struct instance *instance)
{
	if (instance_waiting(instance) && clock_monotonic() < instance->drain_deadline)
		return;
	plugin_api_stop(instance->api);
	if (instance->setup.journal)
		journal_wake(instance->setup.journal);
	if (!instance_done(instance))
		instance_interrupt(instance);
}

bool instance_is_passed_over(const struct instance *instance)
{
	return instance->origin->kind == PLAN_INPUT && plugin_api_is_passed_over(instance->api);
}

/* A stop that only the thread sees: it comes back from its work, and instance_resumes() lets it
 * start again. */
bool instance_begin_anew(struct instance *instance)
{
	if (atomic_load(&instance->asked) || !instance_is_passed_over(instance) ||
	    !plugin_api_take_passed_over(instance->api))
		return false;
	atomic_store(&instance->again, true);
	plugin_api_stop(instance->api);
	instance_interrupt(instance);
	return true;
}

bool instance_done(const struct instance *instance)
{
	return !instance->threaded || atomic_load(&instance->done);
}

bool instance_asked_to_stop(const struct instance *instance)
{
	return atomic_load(&instance->asked);
}

/* The delivery goes before the plugin's self, which it writes to. */
void instance_destroy(struct instance *instance)
{
	if (!instance)
		return;
	if (instance->threaded)
		pthread_join(instance->thread, NULL);
	delivery_destroy(instance->delivery);
	if (instance->self && instance->plugin->destroy) {
		const char *before = crash_enter(plugin_api_ctx(instance->api)->name);
		PLUGIN_CALL(instance->plugin->destroy(instance->self));
		crash_leave(before);
	}
	plugin_api_destroy(instance->api);
	metric_set(instance->failing, 0);
	pthread_mutex_destroy(&instance->lock);
	trouble_done(&instance->trouble);
	free(instance);
}

/* The fresh plan is pinned before the plugin sees its configuration, since it may keep pointers
 * into it at once. */
int instance_reconfigure(struct instance *instance, const struct plan_instance *fresh,
			 struct error *error)
{
	if (!instance->plugin->reconfigure)
		return error_set(error, ENOTSUP, "%s: cannot be reconfigured without a restart",
				 instance->name);
	if (plugin_api_pin(instance->api, fresh->owner) < 0)
		return error_set(error, ENOMEM, "out of memory");
	const char *before = crash_enter(plugin_api_ctx(instance->api)->name);
	int r = PLUGIN_CALL(instance->plugin->reconfigure(instance->self, fresh->config));
	crash_leave(before);
	if (r < 0) {
		reason_explain(r, error);
		plugin_api_pin(instance->api,
			       instance->plan->owner); /* it is to be restarted anyway */
		return r;
	}
	instance->plan = fresh;
	plugin_api_set_options(instance->api, fresh->options);
	return 0;
}

const struct plan_instance *instance_plan(const struct instance *instance)
{
	return instance->plan;
}

const struct tally_table *const *instance_tables(const struct instance *instance)
{
	return plugin_api_tables(instance->api);
}

const struct plan_instance *instance_origin(const struct instance *instance)
{
	return instance->origin;
}

bool instance_up(const struct instance *instance)
{
	return metric_get(instance->up) == 1;
}

bool instance_tried(const struct instance *instance)
{
	return atomic_load(&instance->tried);
}

uint64_t instance_waiting(const struct instance *instance)
{
	return instance->delivery ? delivery_waiting(instance->delivery) : 0;
}

bool instance_trouble(struct instance *instance, struct trouble_state *ret)
{
	if (trouble_read(&instance->trouble, ret))
		return true;
	return instance->delivery && delivery_trouble(instance->delivery, ret);
}

void instance_count_trouble(struct instance *instance)
{
	struct trouble_state state;
	metric_set(instance->failing, instance_trouble(instance, &state));
}

/* Read without a lock, while the thread hangs: name and since may belong to two calls in a row,
 * which is good enough for a message. */
void instance_describe_call(const struct instance *instance, char *ret, size_t size)
{
	char age[32];
	const char *name = atomic_load(&instance->call.name);
	int64_t ns = clock_monotonic() - atomic_load(&instance->call.since);
	int64_t unit = ns < CLOCK_SECOND ? CLOCK_MS : CLOCK_SECOND;
	text_format_duration(ns / unit * unit, age, sizeof(age));
	if (name)
		snprintf(ret, size, "%s() has not returned for %s", name, age);
	else
		snprintf(ret, size,
			 "its thread has not ended, although it is in no function of the plugin");
}
