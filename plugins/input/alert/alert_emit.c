/*
 * Changes become rows of `alerts`, which take the way of all rows: into the stores, to the API's
 * streams, and to the outputs that tell people.  On the instance's thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert.h"
#include "alert_table.h"
#include "language/rule.h"
#include "value_show.h"

enum { SUMMARY_SIZE = 1100, POSITION_SIZE = 32 };

static const char *const severities[] = {"info", "warning", "critical"};

/* "web: avg(cpu_percent) > 90 for 5min, now 97.3%", and behind a colon what a row says */
static void summarize(const struct alert *alert, const struct outbox_item *item, char *ret,
		      size_t size)
{
	const struct rule *rule = alert->rule;
	const char *what = alert->config->summary ? alert->config->summary : rule->text;
	char value[48] = "", now[96] = "";
	if (item->has_value) {
		value_show(item->value, rule_unit(rule), value, sizeof(value));
		snprintf(now, sizeof(now), ", now %s%s", value,
			 rule->function == RULE_RATE ? " per second" : "");
	}
	snprintf(ret, size, "%s: %.*s%s%s%s%s", item->subject, RULE_TEXT_SIZE, what,
		 item->resolved ? " is over" : "", now, *item->tell ? ": " : "", item->tell);
}

static void put_text(struct alert *alert, struct tally_batch *batch, struct tally_cell *row,
		     uint32_t column, const char *text)
{
	(void)tally_put_text(alert->ctx, batch, row, column, text, strlen(text));
}

static int add_row(struct alert *alert, struct tally_batch *batch, const struct outbox_item *item)
{
	char summary[SUMMARY_SIZE];
	bool tells = alert_notifies(item->phase, item->resolved);
	struct tally_cell *row = tally_batch_row(alert->ctx, batch);
	if (!row)
		return -ENOMEM;
	summarize(alert, item, summary, sizeof(summary));
	tally_put_int(row, ALERTS_TIME, item->time);
	put_text(alert, batch, row, ALERTS_HOST, item->host);
	put_text(alert, batch, row, ALERTS_RULE, alert->name);
	put_text(alert, batch, row, ALERTS_SUBJECT, item->subject);
	put_text(alert, batch, row, ALERTS_STATE, phase_text(item->phase));
	if (item->has_value)
		tally_put_real(row, ALERTS_VALUE, item->value);
	tally_put_int(row, ALERTS_SINCE, item->since);
	tally_put_int(row, ALERTS_NOTIFIED, tells && item->told);
	put_text(alert, batch, row, ALERTS_SEVERITY, severities[alert->config->severity]);
	put_text(alert, batch, row, ALERTS_SUMMARY, summary);
	put_text(alert, batch, row, ALERTS_SUBJECT_KIND, rule_subject_text(alert->rule->by));
	if (tells)
		tally_log(alert->ctx, item->resolved ? TALLY_NOTICE : TALLY_WARNING, "%s: %s",
			  phase_text(item->phase), summary);
	return 0;
}

int alert_emit(struct alert *alert)
{
	const struct outbox *outbox = &alert->outbox;
	char position[POSITION_SIZE];
	uint64_t n = 0, last = alert->emitted;
	struct tally_batch *batch = tally_batch_new(alert->ctx, &alerts_table);
	int r = batch ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < outbox->n; i++) {
		const struct outbox_item *item = &outbox->items[i];
		if (item->sequence <= alert->emitted)
			continue;
		r = add_row(alert, batch, item);
		last = item->sequence;
		n++;
	}
	if (r < 0 || !n) {
		if (batch)
			tally_batch_drop(alert->ctx, batch);
		return r < 0 ? tally_fail(alert->ctx, ENOMEM, "out of memory") : 0;
	}
	snprintf(position, sizeof(position), "%" PRIu64, last);
	r = tally_emit(alert->ctx, batch, alert->ctx->name, position);
	if (r < 0)
		return r;
	alert->emitted = last;
	tally_count(alert->ctx, METRIC_CHANGES, n);
	return 0;
}
