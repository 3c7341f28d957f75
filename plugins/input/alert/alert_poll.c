/*
 * evaluate = store: a rule about rows that do not pass here, such as those of all hosts in a
 * process that has only an API.  On the instance's thread, every few seconds: the rows since the
 * last time, and of a while before it, as rows come late, go to the engine, which knows those that
 * it has read; then all subjects are looked at.
 *
 * While the store does not answer nothing is looked at: its silence is no host's.  A store that
 * takes long is asked less often.
 */
#include <errno.h>

#include "alert.h"
#include "base/clock.h"
#include "base/hash.h"
#include "past/past.h"

static const int64_t poll_overlap = 30 * CLOCK_SECOND, poll_silence = CLOCK_DAY;
enum { POLL_PAUSE = 4 }; /* times what asking took */

struct polling {
	struct alert *alert;
	struct past *past; /* NULL: to be opened */
	int64_t read_to;   /* 0: nothing was read yet */
	bool failing;
};

/* ---- Asking ------------------------------------------------------------------ */

/* Whoever was heard of within a day can be missed.  The newest rows of a window are few, and may
 * reach the store late. */
static int64_t poll_from(const struct polling *polling, int64_t now)
{
	const struct rule *rule = polling->alert->rule;
	int64_t first = now - (rule->function == RULE_SILENCE ? poll_silence : rule->window);
	int64_t next = rule->ages ? 0 : polling->read_to - poll_overlap;
	return next > first ? next : first;
}

static int poll_rows(struct polling *polling, int64_t now)
{
	struct alert *alert = polling->alert;
	bool silence = alert->rule->function == RULE_SILENCE;
	int64_t from = poll_from(polling, now);
	int r = rule_needs_info(alert->rule)
			? past_identities(polling->past, alert_watch_past, alert)
			: 0;
	if (r == 0)
		r = silence ? past_newest(polling->past, from, now, alert_watch_past, alert)
			    : past_rows(polling->past, from, now, alert_watch_past, alert);
	if (r < 0)
		return r;
	pthread_mutex_lock(&alert->lock);
	if (!polling->read_to)
		engine_end_past(alert->engine, from);
	pthread_mutex_unlock(&alert->lock);
	polling->read_to = now;
	return 0;
}

/* By the tables of the store, if no plugin of this configuration has its table. */
static int poll_rule(struct alert *alert)
{
	int r = alert->rule ? 0 : alert_read_rule_of_store(alert->ctx, alert->config, &alert->rule);
	if (r == 0)
		r = alert_create_engine(alert);
	if (r == 0)
		alert_restore(alert);
	return r;
}

static int poll_ask(struct polling *polling, int64_t now)
{
	struct alert *alert = polling->alert;
	int r = alert->engine ? 0 : poll_rule(alert);
	if (r == 0 && !polling->past)
		r = past_open(alert->ctx, alert->config->store, alert->rule, &polling->past);
	return r < 0 ? r : poll_rows(polling, now);
}

/* ---- Again and again ----------------------------------------------------------- */

static void poll_tell(struct polling *polling, int r)
{
	struct tally_ctx *ctx = polling->alert->ctx;
	if (r < 0 && !polling->failing)
		tally_log(ctx, TALLY_WARNING, "cannot be evaluated now: %s; asking again",
			  tally_reason(ctx));
	else if (r == 0 && polling->failing)
		tally_log(ctx, TALLY_NOTICE, "is evaluated again");
	polling->failing = r < 0;
}

static int poll_round(struct polling *polling)
{
	struct alert *alert = polling->alert;
	int64_t now = tally_now(alert->ctx);
	int r = poll_ask(polling, now);
	if (tally_stopping(alert->ctx))
		return 0;
	poll_tell(polling, r);
	if (r == 0)
		return alert_round(alert, true, now);
	past_close(polling->past);
	polling->past = NULL;
	return 0;
}

/* Rules that start together do not ask together. */
static int64_t poll_offset(const struct alert *alert)
{
	uint64_t hash = hash_bytes(0, alert->name, strlen(alert->name));
	return (int64_t)(hash % (uint64_t)alert->config->every);
}

int alert_run_polling(struct alert *alert)
{
	struct polling polling = {.alert = alert};
	struct tally_ctx *ctx = alert->ctx;
	int r = 0;
	bool stop = tally_sleep(ctx, poll_offset(alert));
	while (r == 0 && !stop) {
		int64_t begun = tally_monotonic(ctx);
		r = poll_round(&polling);
		int64_t took = tally_monotonic(ctx) - begun;
		int64_t pause = POLL_PAUSE * took, rest = alert->config->every - took;
		stop = tally_sleep(ctx, pause > rest ? pause : rest);
	}
	past_close(polling.past);
	return tally_stopping(ctx) ? 0 : r;
}
