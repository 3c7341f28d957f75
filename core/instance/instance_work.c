/*
 * What an instance does between start() and stop(), by what it is: gathers at its ticks, follows
 * (run), delivers from its journal, or serves, which is only waiting for the end.
 */
#include "instance/instance_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "process/log.h"
#include "instance/scheduler.h"
#include "plugin/reason.h"
#include "base/clock.h"
#include "base/globs.h"
#include "base/hash.h"
#include "base/text.h"

/* ---- Inputs that gather ---- */

enum { GATHER_LOG_SKIPPED = 100 };

struct gathering {
	struct instance *instance;
	struct scheduler scheduler;
	struct metric *gathers, *errors, *skipped, *time;
	uint64_t skipped_here; /* since the start, for telling only every so often */
	uint64_t waited_ticks; /* of this gather: counted while it waited for a buffer */
	bool waited;           /* this gather did */
	unsigned failures;     /* in a row */
};

static struct metric *gathering_counter(const struct instance *instance, const char *name,
					const char *unit, const char *help)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "input", instance->name);
	return metrics_counter(instance->setup.services->metrics, name, labels, unit, help);
}

/* The same series each time an instance is started: metrics are found by name. */
static void gathering_count(struct gathering *g, const struct instance *instance)
{
	g->gathers = gathering_counter(instance, "tallyd_gathers_total", NULL,
				       "Times the input was asked to gather.");
	g->errors = gathering_counter(instance, "tallyd_gather_errors_total", NULL,
				      "Gathers that failed.");
	g->skipped = gathering_counter(
		instance, "tallyd_gathers_skipped_total", NULL,
		"Gathers skipped because the previous one took too long or waited for a buffer.");
	g->time = gathering_counter(instance, "tallyd_gather_seconds_total", "ns",
				    "Time spent gathering.");
}

/* Found again by name when it starts: gathering_count() makes the same series each time. */
void instance_announce(const struct instance *instance)
{
	const struct tally_input *input = instance->plugin->input;
	struct gathering g;
	if (instance->origin->kind == PLAN_INPUT && input && input->gather)
		gathering_count(&g, instance);
}

/* A failed gather is not repeated before its time: the next tick comes anyway, and an engine in
 * trouble must not be asked more often. */
static void gathering_judge(struct gathering *g, int r)
{
	struct instance *instance = g->instance;
	struct trouble_state over;
	struct error error;
	if (r == 0) {
		if (g->failures)
			log_message(TALLY_NOTICE, instance->name,
				    "gathers again, after %u failures", g->failures);
		g->failures = 0;
		trouble_end(&instance->trouble, &over);
		return;
	}
	if (r == -ECANCELED && plugin_api_stopping(instance->api))
		return;
	metric_add(g->errors, 1);
	g->failures++;
	reason_explain(r < 0 ? r : -EIO, &error);
	trouble_note(&instance->trouble, error.text, NULL);
	log_message(TALLY_ERROR, instance->name, "cannot gather: %s; retrying at the next interval",
		    error.text);
}

/* Ticks that pass while a buffer takes no rows are counted as they do, not when it is over. */
static void gathering_waits(void *arg)
{
	struct gathering *g = arg;
	uint64_t passed = scheduler_passed(&g->scheduler, clock_monotonic());
	if (passed > g->waited_ticks)
		metric_add(g->skipped, passed - g->waited_ticks);
	g->waited_ticks = passed;
	g->waited = true;
}

/* Once when it begins and then every so many, because an interval that is too short for its
 * engine skips for as long as the daemon runs. */
static void gathering_log_skipped(struct gathering *g, uint64_t skipped, int64_t took)
{
	uint64_t before = g->skipped_here;
	char interval[32], duration[32];
	g->skipped_here += skipped;
	metric_add(g->skipped, skipped - g->waited_ticks);
	if (g->waited) {
		log_message(TALLY_WARNING, g->instance->name,
			    "%" PRIu64 " gathers skipped while a buffer accepted no rows; %" PRIu64
			    " in total",
			    skipped, g->skipped_here);
		return;
	}
	if (before && before / GATHER_LOG_SKIPPED == g->skipped_here / GATHER_LOG_SKIPPED)
		return;
	text_format_duration(g->scheduler.interval, interval, sizeof(interval));
	text_format_duration(took / CLOCK_MS * CLOCK_MS, duration, sizeof(duration));
	log_message(TALLY_WARNING, g->instance->name,
		    "gathering took %s, longer than the interval of %s; %" PRIu64
		    " gathers skipped in total: raise interval, or find out what is slow",
		    duration, interval, g->skipped_here);
}

/* The first gather at once, so that nobody waits a long interval for the first rows.  Time is taken
 * here and not in the plugin, so that it is measured alike for all of them. */
static void instance_gather(struct instance *instance)
{
	const struct plan_common *common = &instance->origin->common;
	const char *hostname = instance->setup.services->hostname;
	struct gathering g = {.instance = instance};
	gathering_count(&g, instance);
	/* A different jitter for each host and instance, the same after a restart. */
	uint64_t seed = hash_text(hash_text(0, instance->name), hostname);
	scheduler_init(&g.scheduler, common->interval, common->jitter, seed, clock_now(),
		       clock_monotonic());
	plugin_api_set_waiting(instance->api, gathering_waits, &g);
	do {
		g.waited = false;
		g.waited_ticks = 0;
		int64_t before = clock_monotonic();
		int r = NAMED_CALL(&instance->call, "gather",
				   instance->plugin->input->gather(instance->self));
		int64_t took = clock_monotonic() - before;
		metric_add(g.gathers, 1);
		metric_add(g.time, (uint64_t)took);
		gathering_judge(&g, r);
		uint64_t skipped = scheduler_next(&g.scheduler, clock_now(), clock_monotonic());
		if (skipped)
			gathering_log_skipped(&g, skipped, took);
	} while (!plugin_api_sleep(instance->api, g.scheduler.due - clock_monotonic()));
	plugin_api_set_waiting(instance->api, NULL, NULL);
}

/* ---- Inputs that follow ---- */

/* run() should only return when the instance stops; any other return is a failure, after which
 * the instance is started again. */
static int instance_follow(struct instance *instance, struct error *error)
{
	int r = NAMED_CALL(&instance->call, "run", instance->plugin->input->run(instance->self));
	if (plugin_api_stopping(instance->api))
		return 0;
	if (r == 0)
		return error_set(error, EPIPE, "ended without being asked to");
	reason_explain(r < 0 ? r : -EIO, error);
	error_prefix(error, "ended: ");
	return r < 0 ? r : -EIO;
}

/* ---- Outputs ---- */

/* Not an error yet: delivery prepares each table again before it writes to it. */
static void instance_prepare_table(struct instance *instance, const struct tally_table *table)
{
	struct error error;
	int r = NAMED_CALL(&instance->call, "prepare",
			   instance->plugin->output->prepare(instance->self, table));
	if (r == 0)
		return;
	reason_explain(r < 0 ? r : -EIO, &error);
	log_message(TALLY_WARNING, instance->name,
		    "cannot prepare for table %s: %s; retrying with its first rows", table->name,
		    error.text);
}

/* For every table that the configured inputs may emit; others are met with their first batch. */
static void instance_prepare(struct instance *instance)
{
	const struct plan *plan = instance->setup.plan;
	const char *const *globs = instance->origin->common.tables;
	if (!instance->plugin->output->prepare)
		return;
	for (size_t i = 0; i < plan->n_instances && !plugin_api_stopping(instance->api); i++) {
		const struct tally_table *const *tables = plan->instances[i].plugin->tables;
		if (plan->instances[i].kind != PLAN_INPUT || !tables)
			continue;
		for (; *tables; tables++)
			if (globs_match(globs, (*tables)->name))
				instance_prepare_table(instance, *tables);
	}
}

static bool instance_asked(void *arg)
{
	struct instance *instance = arg;
	return atomic_load(&instance->asked);
}

/* A service has threads of its own; ours only waits for the stop. */
int instance_work(struct instance *instance, struct error *error)
{
	const struct tally_input *input = instance->plugin->input;
	bool is_input = instance->origin->kind == PLAN_INPUT && input;
	if (is_input && input->run)
		return instance_follow(instance, error);
	if (is_input && input->gather)
		instance_gather(instance);
	else if (instance->delivery) {
		instance_prepare(instance);
		delivery_run(instance->delivery, instance_asked, instance,
			     &instance->drain_deadline);
	} else {
		while (!plugin_api_sleep(instance->api, CLOCK_HOUR))
			;
	}
	return 0;
}
