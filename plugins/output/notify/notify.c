/*
 * The plugin: an output that takes rows of `alerts` and tells people.  What is offered in one write
 * is one message, or several of `group_max`; retries, back-off and the queue are those of every
 * output.  A row may be told twice after a crash or a lost answer, with the same id.
 *
 * start(), write() and stop() are on the instance's thread.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alertmanager.h"
#include "base/clock.h"
#include "base/globs.h"
#include "message.h"
#include "send.h"

enum { NOTIFY_GROUP_MAX = 1000 };

struct notify {
	struct tally_ctx *ctx;
	const struct notify_config *config;
	struct sender *sender;
	struct alertmanager *manager; /* of that type only */
	struct notice group[NOTIFY_GROUP_MAX];
	size_t n;
};

enum { METRIC_MESSAGES, METRIC_ALERTS, METRIC_REFUSED };

static message_fn *const messages[NOTIFY_TYPES] = {[NOTIFY_WEBHOOK] = message_webhook,
						   [NOTIFY_ALERTMANAGER] = message_alertmanager,
						   [NOTIFY_SLACK] = message_slack,
						   [NOTIFY_NTFY] = message_ntfy,
						   [NOTIFY_EMAIL] = message_email};

/* ---- Writing ----------------------------------------------------------------- */

static bool is_for_us(const struct notify_config *config, const struct notice *notice)
{
	char rule[128];
	snprintf(rule, sizeof(rule), "%.*s", (int)notice->rule.len, notice->rule.at);
	return notice->level >= (enum notice_severity)config->severity &&
	       (notice->firing || config->resolved) &&
	       (!config->rules || !config->rules[0] || globs_match(config->rules, rule));
}

/* What the receiver will never take is given up and counted; all else is offered again. */
static int flush(struct notify *self)
{
	struct message message = {.n_headers = 0};
	if (!self->n)
		return 0;
	notice_key(self->group, self->n, message.key);
	int r = messages[self->config->type](self->config, self->group, self->n, &message);
	if (r == 0)
		r = sender_send(self->sender, &message);
	else
		r = tally_fail(self->ctx, -r, "cannot make a message: %s", strerror(-r));
	message_done(&message);
	if (r == 0) {
		tally_count(self->ctx, METRIC_MESSAGES, 1);
		tally_count(self->ctx, METRIC_ALERTS, self->n);
	} else if (r == -EINVAL || r == -E2BIG) {
		tally_count(self->ctx, METRIC_REFUSED, self->n);
		tally_log(self->ctx, TALLY_ERROR, "given up %zu alerts: %s", self->n,
			  tally_reason(self->ctx));
		r = 0;
	}
	if (r == 0)
		self->n = 0;
	return r;
}

/* A template makes one document of one alert. */
static size_t group_max(const struct notify_config *config)
{
	bool single = config->type == NOTIFY_WEBHOOK && config->template && *config->template;
	return single ? 1 : (size_t)config->group_max;
}

static int add_entry(struct notify *self, const struct tally_entry *entry)
{
	const struct tally_batch *batch = entry->batch;
	int r = 0;
	for (uint32_t i = 0; r == 0 && i < batch->n_rows; i++) {
		struct notice *notice = &self->group[self->n];
		if (!notice_read(batch->table, batch->cells + (size_t)i * batch->table->n_columns,
				 notice) ||
		    !is_for_us(self->config, notice))
			continue;
		self->n++;
		if (self->n >= group_max(self->config))
			r = flush(self);
	}
	return r;
}

static void note(struct notify *self, const struct tally_entry *entries, uint32_t n)
{
	struct notice notice;
	for (uint32_t e = 0; e < n; e++) {
		const struct tally_batch *batch = entries[e].batch;
		for (uint32_t i = 0; i < batch->n_rows; i++)
			if (notice_read(batch->table,
					batch->cells + (size_t)i * batch->table->n_columns,
					&notice) &&
			    is_for_us(self->config, &notice))
				alertmanager_note(self->manager, batch, i);
	}
	alertmanager_keep(self->manager);
}

/* Entries are done together with the message that has the last row of them. */
static int notify_write(void *arg, const struct tally_entry *entries, uint32_t n, uint8_t *verdicts)
{
	struct notify *self = arg;
	uint32_t done = 0;
	int r = 0;
	self->n = 0;
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = add_entry(self, &entries[i]);
		if (r == 0 && !self->n)
			done = i + 1;
	}
	if (r == 0)
		r = flush(self);
	if (r == 0)
		done = n;
	memset(verdicts, TALLY_DONE, done);
	if (self->manager)
		note(self, entries, done);
	return r;
}

static int notify_prepare(void *self, const struct tally_table *table)
{
	const struct notify *notify = self;
	if (strcmp(table->name, "alerts") == 0)
		return 0;
	return tally_fail(notify->ctx, EINVAL, "only alerts are told: leave out `tables`");
}

/* ---- Life -------------------------------------------------------------------- */

static int notify_start(void *arg)
{
	struct notify *self = arg;
	self->sender = sender_create(self->ctx, self->config);
	if (!self->sender)
		return tally_fail(self->ctx, ENOMEM, "out of memory");
	int r = self->manager ? alertmanager_start(self->manager) : 0;
	if (r < 0) {
		sender_destroy(self->sender);
		self->sender = NULL;
	}
	return r;
}

static void notify_stop(void *arg)
{
	struct notify *self = arg;
	if (self->manager)
		alertmanager_stop(self->manager);
	sender_destroy(self->sender);
	self->sender = NULL;
}

static void notify_destroy(void *arg)
{
	struct notify *self = arg;
	alertmanager_destroy(self->manager);
	free(self);
}

static int check_email(struct tally_ctx *ctx, const struct notify_config *config)
{
	if (config->type != NOTIFY_EMAIL)
		return 0;
	if (strncmp(config->url, "smtp://", 7) != 0 && strncmp(config->url, "smtps://", 8) != 0)
		return tally_fail(ctx, EINVAL,
				  "url: of mail it is smtp://HOST:587 or smtps://HOST");
	if (!config->from || !*config->from || strpbrk(config->from, "\r\n"))
		return tally_fail(ctx, EINVAL, "from: mail needs an address that it comes from");
	if (!config->to || !config->to[0])
		return tally_fail(ctx, EINVAL, "to: mail needs an address that it goes to");
	return 0;
}

static int check_config(struct tally_ctx *ctx, const struct notify_config *config)
{
	char why[160];
	bool http =
		strncmp(config->url, "http://", 7) == 0 || strncmp(config->url, "https://", 8) == 0;
	if (config->type != NOTIFY_EMAIL && !http)
		return tally_fail(ctx, EINVAL, "url: it is http://… or https://…");
	if (config->template && *config->template && config->type != NOTIFY_WEBHOOK)
		return tally_fail(ctx, EINVAL, "template: only type = webhook has one");
	if (config->template && *config->template &&
	    message_check_template(config->template, why, sizeof(why)) < 0)
		return tally_fail(ctx, EINVAL, "template: %s", why);
	return check_email(ctx, config);
}

static int notify_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	int r = check_config(ctx, config);
	struct notify *self = r == 0 ? calloc(1, sizeof(*self)) : NULL;
	if (!self)
		return r < 0 ? r : tally_fail(ctx, ENOMEM, "out of memory");
	self->ctx = ctx;
	self->config = config;
	if (self->config->type == NOTIFY_ALERTMANAGER) {
		self->manager = alertmanager_create(ctx, config);
		if (!self->manager) {
			free(self);
			return tally_fail(ctx, ENOMEM, "out of memory");
		}
	}
	*ret_self = self;
	return 0;
}

/* ---- The declaration --------------------------------------------------------- */

#define OPTION(key) .name = #key, .offset = offsetof(struct notify_config, key)

static const struct tally_option notify_options[] = {
	{OPTION(type), .type = TALLY_OPT_CHOICE, .fallback = "webhook",
	 .accepts = "webhook|alertmanager|slack|ntfy|email",
	 .help = "What stands behind the url: any receiver of JSON, Prometheus Alertmanager, Slack "
		 "or what is compatible, a topic of ntfy, a mail server"},
	{OPTION(url), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_REQUIRED | TALLY_OPT_SECRET,
	 .help = "Where to: https://…, of mail smtp://HOST:587 or smtps://HOST. A secret, since "
		 "some hold one"},
	{OPTION(token), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "Sent as Authorization: Bearer"},
	{OPTION(template), .type = TALLY_OPT_STRING,
	 .help = "Of type = webhook: the JSON of one alert, with {{rule}}, {{host}}, {{subject}}, "
		 "{{state}}, {{severity}}, {{value}}, {{since}}, {{time}}, {{summary}}, {{id}}"},
	{OPTION(rules), .type = TALLY_OPT_LIST,
	 .help = "Only alerts of these rules: patterns such as db_*; !pattern excludes"},
	{OPTION(severity), .type = TALLY_OPT_CHOICE, .fallback = "info",
	 .accepts = "info|warning|critical", .help = "Only alerts that are at least so bad"},
	{OPTION(resolved), .type = TALLY_OPT_BOOL, .fallback = "yes",
	 .help = "Also tell that an alert is over"},
	{OPTION(group_max), .type = TALLY_OPT_INT, .fallback = "100", .accepts = "1..1000",
	 .help = "Alerts that come together are one message of at most so many"},
	{OPTION(timeout), .type = TALLY_OPT_DURATION, .fallback = "10s", .accepts = "100ms..5min",
	 .help = "Time limit for one message"},
	{OPTION(resend), .type = TALLY_OPT_DURATION, .fallback = "1min", .accepts = "1s..1h",
	 .help = "Of type = alertmanager: how often to say what still fires; less than its "
		 "resolve_timeout"},
	{OPTION(tls_ca), .type = TALLY_OPT_STRING,
	 .help = "File with the CA of the receiver's certificate; default: those of the system"},
	{OPTION(user), .type = TALLY_OPT_STRING, .help = "Of mail: the login"},
	{OPTION(password), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_SECRET,
	 .help = "Of mail: its password"},
	{OPTION(from), .type = TALLY_OPT_STRING, .help = "Of mail: the address it comes from"},
	{OPTION(to), .type = TALLY_OPT_LIST, .help = "Of mail: the addresses it goes to"},
	{OPTION(starttls), .type = TALLY_OPT_BOOL, .fallback = "yes",
	 .help = "Of mail over smtp://: nothing is sent without TLS"},
	{.name = NULL}};

static const struct tally_metric notify_metrics[] = {
	[METRIC_MESSAGES] = {.name = "messages",
			     .help = "Messages that were taken.",
			     .kind = TALLY_METRIC_COUNTER},
	[METRIC_ALERTS] = {.name = "alerts",
			   .help = "Alerts in them, those that ended included.",
			   .kind = TALLY_METRIC_COUNTER},
	[METRIC_REFUSED] = {.name = "alerts_refused",
			    .help = "Alerts that the receiver will never take, and that were given "
				    "up.",
			    .kind = TALLY_METRIC_COUNTER},
	{.name = NULL}};

static const struct tally_output notify_output = {.size = sizeof(notify_output),
						  .prepare = notify_prepare,
						  .write = notify_write,
						  .tables = "alerts"};

TALLY_PLUGIN(.name = "notify", .version = TALLYD_VERSION,
	     .help = "Tells people what fires: by webhook, Alertmanager, Slack, ntfy or mail",
	     .options = notify_options, .config_size = sizeof(struct notify_config),
	     .metrics = notify_metrics, .create = notify_create, .start = notify_start,
	     .stop = notify_stop, .destroy = notify_destroy, .output = &notify_output)
