/*
 * The plugin: [alert.NAME] is an input that sees the rows of all inputs as they pass (watch(), on
 * their threads), and emits a row of `alerts` whenever one of its alerts begins, fires or ends
 * (run(), on its own).
 *
 * What a crash interrupts is emitted again with the same key, and what stores have, they keep once
 * (alert_round.c).
 */
#include "alert.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alert_table.h"
#include "base/clock.h"
#include "language/rule.h"

static const int64_t look_every = CLOCK_SECOND, look_at_least_after = 100 * CLOCK_MS;

/* ---- Rows, on the threads of inputs ------------------------------------------ */

static void alert_watch(void *self, const struct tally_batch *batch)
{
	struct alert *alert = self;
	const uint64_t one = 1;
	if (batch->table == &alerts_table || alert->config->evaluate == EVALUATE_STORE ||
	    !alert->engine)
		return;
	int64_t now = tally_now(alert->ctx);
	pthread_mutex_lock(&alert->lock);
	bool worth = engine_watch(alert->engine, batch, now);
	pthread_mutex_unlock(&alert->lock);
	if (worth) {
		ssize_t n = write(alert->wake_fd, &one, sizeof(one));
		(void)n; /* full: it is readable already */
	}
}

/* ---- On the instance's thread -------------------------------------------------- */

/* Until rows have come that may change something, at the latest in a second; false: stop. */
static bool alert_wait(struct alert *alert, int64_t until)
{
	struct pollfd fds[] = {{.fd = tally_stop_fd(alert->ctx), .events = POLLIN},
			       {.fd = alert->wake_fd, .events = POLLIN}};
	uint64_t woken;
	int64_t left = until - clock_monotonic();
	struct timespec wait = clock_timespec(left > 0 ? left : 0);
	(void)ppoll(fds, 2, &wait, NULL);
	if (fds[1].revents) {
		ssize_t n = read(alert->wake_fd, &woken, sizeof(woken));
		(void)n;
	}
	return !tally_stopping(alert->ctx);
}

/* Every second all subjects, since time alone changes things; in between those of which rows came,
 * but not for each batch. */
static int alert_run(void *self)
{
	struct alert *alert = self;
	int64_t last = 0;
	if (alert->config->evaluate == EVALUATE_STORE)
		return alert_run_polling(alert);
	while (!alert->engine)
		if (tally_sleep(alert->ctx, CLOCK_HOUR))
			return 0;
	if (!alert->has_window)
		alert_read_window(alert);
	alert->has_window = true;
	int64_t next_all = clock_monotonic();
	int r = alert_emit(alert);
	while (r == 0 && alert_wait(alert, next_all)) {
		int64_t soon = last + look_at_least_after - clock_monotonic();
		if (soon > 0 && tally_sleep(alert->ctx, soon))
			break;
		last = clock_monotonic();
		bool all = last >= next_all;
		if (all)
			next_all = last + look_every;
		r = alert_round(alert, all, tally_now(alert->ctx));
	}
	return tally_stopping(alert->ctx) ? 0 : r;
}

/* ---- Life -------------------------------------------------------------------- */

/* Also after run() came back. */
static int alert_start(void *self)
{
	struct alert *alert = self;
	if (alert->engine)
		alert_restore(alert);
	return 0;
}

static void alert_destroy(void *self)
{
	struct alert *alert = self;
	engine_destroy(alert->engine);
	outbox_done(&alert->outbox);
	rule_destroy(alert->rule);
	if (alert->wake_fd >= 0)
		close(alert->wake_fd);
	pthread_mutex_destroy(&alert->lock);
	free(alert);
}

/* Not an error where other processes have the inputs, and one `conf.d` serves all of them. */
static int alert_create_idle(struct alert *alert)
{
	if (alert->config->evaluate == EVALUATE_STORE)
		return 0; /* the store may have it */
	tally_log(alert->ctx, TALLY_NOTICE,
		  "never fires here, as no input has what it is about: %s",
		  tally_reason(alert->ctx));
	return 0;
}

static int alert_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	const char *label = strpbrk(ctx->name, ":");
	if (strncmp(ctx->name, "alert.", 6) == 0)
		label = ctx->name + 5;
	if (!label)
		return tally_fail(ctx, EINVAL, "a rule has a name: write [alert.NAME]");
	struct alert *alert = calloc(1, sizeof(*alert));
	if (!alert)
		return tally_fail(ctx, ENOMEM, "out of memory");
	pthread_mutex_init(&alert->lock, NULL);
	alert->ctx = ctx;
	alert->config = config;
	alert->name = label + 1;
	alert->wake_fd = -1;
	int r = alert->config->evaluate == EVALUATE_STORE && !alert->config->store
			? tally_fail(ctx, EINVAL, "evaluate: there is no store to ask")
			: alert_read_rule(ctx, config, &alert->rule, &alert->quiet);
	if (r == 0)
		r = alert_create_engine(alert);
	else if (r == -ENOENT)
		r = alert_create_idle(alert);
	if (r < 0)
		alert_destroy(alert);
	else
		*ret_self = alert;
	return r;
}

/* Thorough: every table of a plugin that is installed is known. */
static int alert_check(struct tally_ctx *ctx, const void *config)
{
	struct rule *rule = NULL;
	struct quiet quiet;
	int r = alert_read_rule(ctx, config, &rule, &quiet);
	rule_destroy(rule);
	return r;
}

/* ---- The declaration --------------------------------------------------------- */

#define OPTION(key) .name = #key, .offset = offsetof(struct alert_config, key)

static const struct tally_option alert_options[] = {
	{OPTION(when), .type = TALLY_OPT_STRING, .flags = TALLY_OPT_REQUIRED,
	 .help = "When it fires, such as avg(cpu_percent) > 90 for 5min by service; see "
		 "alerts.md"},
	{OPTION(clear), .type = TALLY_OPT_STRING,
	 .help = "When it is over, such as < 70 for 2min; default: when it is no longer true"},
	{OPTION(severity), .type = TALLY_OPT_CHOICE, .fallback = "warning",
	 .accepts = "info|warning|critical", .help = "How bad it is"},
	{OPTION(summary), .type = TALLY_OPT_STRING,
	 .help = "What messages say in place of the condition's text"},
	{OPTION(tell), .type = TALLY_OPT_STRING,
	 .help = "A text column of its table: messages end with what the newest row has there, of "
		 "those that fulfil the conditions or, without a function, of all"},
	{OPTION(silence), .type = TALLY_OPT_LIST,
	 .help = "Subjects of which notifiers hear nothing: patterns such as test-*"},
	{OPTION(quiet), .type = TALLY_OPT_STRING,
	 .help = "Times in which notifiers hear nothing, separated by commas: 22:00-06:00, "
		 "sat-sun, mon-fri 22:00-06:00, or once "
		 "2026-12-01T22:00:00Z/2026-12-02T02:00:00Z"},
	{OPTION(store), .type = TALLY_OPT_STORE, .fallback = "*",
	 .help = "The output that it reads the rows of its window from at the start, and `tallyd "
		 "alerts test` the past"},
	{OPTION(evaluate), .type = TALLY_OPT_CHOICE, .fallback = "rows", .accepts = "rows|store",
	 .help = "rows: those that the inputs of this process emit, as they pass; store: those of "
		 "all hosts, by asking the store"},
	{OPTION(every), .type = TALLY_OPT_DURATION, .fallback = "10s", .accepts = "1s..1h",
	 .help = "With evaluate = store, how often it asks"},
	{OPTION(max_subjects), .type = TALLY_OPT_INT, .fallback = "10000", .accepts = "1..1000000",
	 .help = "Containers, services, projects or hosts that it watches; rows of others are "
		 "counted"},
	{.name = NULL}};

#define COUNTER(n, h)                                                                              \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_COUNTER                                 \
	}
#define GAUGE(n, h)                                                                                \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_GAUGE                                   \
	}

static const struct tally_metric alert_metrics[] = {
	[METRIC_ROWS] = COUNTER("rows", "Rows of the rule's table that fulfil its conditions."),
	[METRIC_REFUSED] = COUNTER("rows_refused", "Rows of subjects beyond max_subjects."),
	[METRIC_CHANGES] = COUNTER("changes", "Alerts that began, fired or ended."),
	[METRIC_DROPPED] =
		COUNTER("changes_dropped", "Changes given up because too many were on their way."),
	[METRIC_SUBJECTS] = GAUGE("subjects", "Subjects that are watched."),
	[METRIC_PENDING] = GAUGE("pending", "Subjects of which the condition is true, and not for "
					    "long enough yet."),
	[METRIC_FIRING] = GAUGE("firing", "Subjects for which the alert fires."),
	{.name = NULL}};

static const struct tally_table *const alert_tables[] = {&alerts_table, NULL};
static const struct tally_input alert_input = {.size = sizeof(alert_input), .run = alert_run};
static const struct tally_watcher alert_watcher = {.size = sizeof(alert_watcher),
						   .watch = alert_watch};

TALLY_PLUGIN(.name = "alert", .version = TALLYD_VERSION,
	     .help = "A rule that watches the rows of all inputs, and says in `alerts` when it "
		     "begins, fires and ends",
	     .options = alert_options, .config_size = sizeof(struct alert_config),
	     .tables = alert_tables, .metrics = alert_metrics, .create = alert_create,
	     .start = alert_start, .destroy = alert_destroy, .input = &alert_input,
	     .watcher = &alert_watcher, .check = alert_check, .command = alert_command)
