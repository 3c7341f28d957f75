/*
 * What a rule asks its store: at the start for the rows of its window, so that an average or a
 * count right after a restart is that of all rows; and for `tallyd alerts test`, which tries the
 * rule on rows of the past and prints what it would have said.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert.h"
#include "base/clock.h"
#include "base/json_writer.h"
#include "base/rfc3339.h"
#include "past/past.h"
#include "past/replay.h"
#include "value_show.h"

/* ---- At the start ------------------------------------------------------------ */

static const int64_t store_patience = 5 * CLOCK_SECOND, store_again = 100 * CLOCK_MS;

int alert_watch_past(void *arg, const struct tally_batch *batch)
{
	struct alert *alert = arg;
	pthread_mutex_lock(&alert->lock);
	engine_watch_past(alert->engine, batch, tally_now(alert->ctx));
	pthread_mutex_unlock(&alert->lock);
	return tally_stopping(alert->ctx) ? -ECANCELED : 0;
}

static int read_window(struct alert *alert, const struct past *past)
{
	int64_t now = tally_now(alert->ctx), from = now - alert->rule->window;
	int r = past_identities(past, alert_watch_past, alert);
	if (r == 0)
		r = past_rows(past, from, now, alert_watch_past, alert);
	if (r < 0)
		return r;
	pthread_mutex_lock(&alert->lock);
	engine_end_past(alert->engine, from);
	pthread_mutex_unlock(&alert->lock);
	return 0;
}

void alert_read_window(struct alert *alert)
{
	struct tally_ctx *ctx = alert->ctx;
	int64_t until = tally_monotonic(ctx) + store_patience;
	struct past *past = NULL;
	if (!alert->config->store || !rule_has_window(alert->rule))
		return;
	int r = past_open(ctx, alert->config->store, alert->rule, &past);
	while (r == -ENOTCONN && tally_monotonic(ctx) < until && !tally_sleep(ctx, store_again))
		r = past_open(ctx, alert->config->store, alert->rule, &past);
	if (r == 0)
		r = read_window(alert, past);
	if (r < 0 && r != -ENOENT && r != -ECANCELED)
		tally_log(ctx, TALLY_NOTICE,
			  "its first window has only the rows that come from now on: %s",
			  tally_reason(ctx));
	past_close(past);
}

/* ---- Trying it --------------------------------------------------------------- */

struct rehearsal {
	struct tally_ctx *ctx;
	const struct alert_config *config;
	struct rule *rule;
	struct quiet quiet;
	bool json;
	uint64_t fired, resolved;
};

static bool rehearsal_muted(void *arg, const char *subject, int64_t now)
{
	const struct rehearsal *rehearsal = arg;
	return alert_is_muted(rehearsal->config, &rehearsal->quiet, subject, now);
}

static void print_json(const struct engine_change *change)
{
	struct json_writer json;
	json_writer_init(&json, 1 << 16);
	json_begin_object(&json);
	json_write_key(&json, "time");
	json_write_time(&json, change->time);
	json_write_key(&json, "host");
	json_write_string(&json, change->host);
	json_write_key(&json, "subject");
	json_write_string(&json, change->subject);
	json_write_key(&json, "state");
	json_write_string(&json, phase_text(change->phase.name));
	json_write_key(&json, "value");
	if (change->has_value)
		json_write_real(&json, change->value);
	else
		json_write_null(&json);
	json_write_key(&json, "since");
	json_write_time(&json, change->since);
	json_write_key(&json, "notified");
	json_write_bool(&json,
			alert_notifies(change->phase.name, change->resolved) && change->told);
	json_end_object(&json);
	if (!json.error)
		printf("%.*s\n", (int)json.len, json.data);
	json_writer_done(&json);
}

static void print_line(const struct rehearsal *rehearsal, const struct engine_change *change)
{
	char time[RFC3339_SIZE], since[RFC3339_SIZE], value[48] = "-";
	if (change->has_value)
		value_show(change->value, rule_unit(rehearsal->rule), value, sizeof(value));
	rfc3339_format(change->time / CLOCK_MS * CLOCK_MS, time);
	rfc3339_format(change->since / CLOCK_SECOND * CLOCK_SECOND, since);
	printf("%-24s  %-8s  %-10s  since %s  %s\n", time, phase_text(change->phase.name), value,
	       since, change->subject);
}

static int print_change(void *arg, const struct engine_change *change)
{
	struct rehearsal *rehearsal = arg;
	rehearsal->fired += change->phase.name == PHASE_FIRING;
	rehearsal->resolved += change->resolved;
	if (rehearsal->json)
		print_json(change);
	else
		print_line(rehearsal, change);
	return 0;
}

/* Of the plugins of the configuration, and where that has no inputs, of the store. */
static int read_rule(struct rehearsal *rehearsal)
{
	int r = alert_read_rule(rehearsal->ctx, rehearsal->config, &rehearsal->rule,
				&rehearsal->quiet);
	return r == -ENOENT ? alert_read_rule_of_store(rehearsal->ctx, rehearsal->config,
						       &rehearsal->rule)
			    : r;
}

static int rehearse(struct rehearsal *rehearsal, int64_t from, int64_t to)
{
	struct past *past = NULL;
	const struct engine_setup setup = {.rule = rehearsal->rule,
					   .host = rehearsal->ctx->hostname,
					   .max_subjects = (size_t)rehearsal->config->max_subjects,
					   .muted = rehearsal_muted,
					   .muted_arg = rehearsal};
	int r = past_open(rehearsal->ctx, rehearsal->config->store, rehearsal->rule, &past);
	if (r == 0 && past_is_state(past))
		r = tally_fail(
			rehearsal->ctx, EINVAL,
			"%s has only the newest row of each container, so its past cannot be "
			"tried; a rule about container_events can",
			rehearsal->rule->table);
	if (r == 0)
		r = replay_run(rehearsal->ctx, past, &setup, from, to, print_change, rehearsal);
	past_close(past);
	return r;
}

int alert_command(struct tally_ctx *ctx, const void *config, const struct tally_command *command)
{
	struct rehearsal rehearsal = {.ctx = ctx, .config = config};
	if (strcmp(command->argv[0], "test") != 0)
		return -ENOSYS;
	if (command->argc != 4)
		return -EINVAL;
	if (!rehearsal.config->store)
		return tally_fail(ctx, ENOENT, "there is no store that it could be tried on");
	rehearsal.json = strcmp(command->argv[3], "json") == 0;
	int r = read_rule(&rehearsal);
	if (r == 0)
		r = rehearse(&rehearsal, strtoll(command->argv[1], NULL, 10),
			     strtoll(command->argv[2], NULL, 10));
	if (r == 0 && !rehearsal.json)
		printf("would have fired %" PRIu64 " times, and been resolved %" PRIu64 " times\n",
		       rehearsal.fired, rehearsal.resolved);
	rule_destroy(rehearsal.rule);
	return r;
}
