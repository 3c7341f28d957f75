/*
 * A look at the subjects: what has changed is written to the state directory first, then emitted
 * with its number as the position, and what no crash can take back any more is forgotten.  On the
 * instance's thread, whether rows pass (alert.c) or are asked for (alert_poll.c).
 *
 * What can fail is the file; without it, a crash may lose or repeat changes.
 */
#include "alert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "keep/saved.h"
#include "language/rule.h"

/* ---- The engine ---------------------------------------------------------------- */

static bool alert_muted(void *arg, const char *subject, int64_t now)
{
	const struct alert *alert = arg;
	return alert_is_muted(alert->config, &alert->quiet, subject, now);
}

int alert_create_engine(struct alert *alert)
{
	const struct engine_setup setup = {.rule = alert->rule,
					   .host = alert->ctx->hostname,
					   .max_subjects = (size_t)alert->config->max_subjects,
					   .now = tally_now(alert->ctx),
					   .polls = alert->config->evaluate == EVALUATE_STORE,
					   .muted = alert_muted,
					   .muted_arg = alert};
	alert->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	alert->engine = engine_create(&setup);
	if (alert->engine && alert->wake_fd >= 0)
		return 0;
	return tally_fail(alert->ctx, ENOMEM, "out of memory or descriptors");
}

/* What no crash can take back any more. */
static void alert_forget_safe(struct alert *alert)
{
	char position[32];
	if (tally_safe_position(alert->ctx, alert->ctx->name, position, sizeof(position)) == 0)
		outbox_forget(&alert->outbox, strtoull(position, NULL, 10));
}

/* Changes since the position that is known are emitted again. */
void alert_restore(struct alert *alert)
{
	char position[32] = "";
	if (!alert->restored && saved_read(alert->ctx, alert->engine, &alert->outbox) < 0)
		tally_log(alert->ctx, TALLY_WARNING, "not all alerts of before could be restored");
	alert->restored = true;
	alert_forget_safe(alert);
	alert->emitted = 0;
	if (tally_position(alert->ctx, alert->ctx->name, position, sizeof(position)) == 0)
		alert->emitted = strtoull(position, NULL, 10);
	if (alert->outbox.sequence < alert->emitted)
		alert->outbox.sequence = alert->emitted;
}

/* ---- A round ------------------------------------------------------------------- */

static void alert_count(struct alert *alert, const struct engine_counts *now)
{
	struct engine_counts *before = &alert->counted;
	tally_count(alert->ctx, METRIC_ROWS, now->rows - before->rows);
	tally_count(alert->ctx, METRIC_REFUSED, now->refused - before->refused);
	tally_count(alert->ctx, METRIC_DROPPED, alert->outbox.dropped);
	tally_gauge(alert->ctx, METRIC_SUBJECTS, (int64_t)now->subjects);
	tally_gauge(alert->ctx, METRIC_PENDING, (int64_t)now->pending);
	tally_gauge(alert->ctx, METRIC_FIRING, (int64_t)now->firing);
	if (now->refused > before->refused)
		tally_log(alert->ctx, TALLY_WARNING,
			  "rows of more than %" PRId64
			  " subjects: those beyond are not watched; raise max_subjects or narrow "
			  "the rule",
			  alert->config->max_subjects);
	alert->outbox.dropped = 0;
	*before = *now;
}

static int alert_change(void *arg, const struct engine_change *change)
{
	return outbox_add(arg, change);
}

/* Silence has to remember whom it has heard, since who never comes back is who it is about. */
static bool alert_is_news(struct alert *alert, uint64_t before, const struct engine_counts *counts)
{
	bool silence = alert->rule->function == RULE_SILENCE;
	bool others = silence && counts->subjects != alert->saved_subjects;
	alert->saved_subjects = counts->subjects;
	return others || alert->outbox.sequence != before;
}

/* Lost changes are not worth an end of the rule: the next ones may go through. */
int alert_round(struct alert *alert, bool all, int64_t now)
{
	struct engine_counts counts;
	struct tally_batch *saved = NULL;
	uint64_t before = alert->outbox.sequence;
	alert_forget_safe(alert);
	pthread_mutex_lock(&alert->lock);
	int r = engine_look(alert->engine, all, now, alert_change, &alert->outbox);
	bool count = all || alert->outbox.sequence != before;
	if (count)
		engine_count(alert->engine, &counts);
	bool news = count && alert_is_news(alert, before, &counts);
	if (news)
		saved = saved_collect(alert->ctx, alert->engine, &alert->outbox);
	pthread_mutex_unlock(&alert->lock);
	if (count)
		alert_count(alert, &counts);
	if (r < 0 || (news && !saved))
		tally_log(alert->ctx, TALLY_ERROR, "out of memory: changes may be lost");
	if (saved && saved_write(alert->ctx, saved) < 0)
		tally_log(alert->ctx, TALLY_ERROR, "%s: a crash now may lose or repeat changes",
			  tally_reason(alert->ctx));
	return alert->outbox.sequence > alert->emitted ? alert_emit(alert) : 0;
}
