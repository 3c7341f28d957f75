/*
 * The plugin: [alert.NAME] is an input that sees the rows of all inputs as they pass (watch(), on
 * their threads), and emits a row of `alerts` whenever one of its alerts begins, fires or ends
 * (run(), on its own).
 *
 * A change is first written to the state directory, then emitted together with its number as the
 * position: what a crash interrupts is emitted again with the same key, and what stores have, they
 * keep once.  What can fail is that file; without it, a crash may lose changes.
 */
#include "alert.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "alert_table.h"
#include "base/clock.h"
#include "keep/saved.h"
#include "language/rule.h"

static const int64_t look_every = CLOCK_SECOND, look_at_least_after = 100 * CLOCK_MS;

/* ---- Rows, on the threads of inputs ------------------------------------------ */

static void alert_watch(void *self, const struct tally_batch *batch)
{
	struct alert *alert = self;
	const uint64_t one = 1;
	if (batch->table == &alerts_table || !alert->engine)
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

static bool alert_muted(void *arg, const char *subject, int64_t now)
{
	const struct alert *alert = arg;
	return alert_is_muted(alert->config, &alert->quiet, subject, now);
}

/* ---- A round, on the instance's thread --------------------------------------- */

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

/* What no crash can take back any more. */
static void alert_forget_safe(struct alert *alert)
{
	char position[32];
	if (tally_safe_position(alert->ctx, alert->ctx->name, position, sizeof(position)) == 0)
		outbox_forget(&alert->outbox, strtoull(position, NULL, 10));
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
static int alert_round(struct alert *alert, bool all)
{
	struct engine_counts counts;
	struct tally_batch *saved = NULL;
	uint64_t before = alert->outbox.sequence;
	alert_forget_safe(alert);
	pthread_mutex_lock(&alert->lock);
	int r = engine_look(alert->engine, all, tally_now(alert->ctx), alert_change,
			    &alert->outbox);
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
		r = alert_round(alert, all);
	}
	return tally_stopping(alert->ctx) ? 0 : r;
}

/* ---- Life -------------------------------------------------------------------- */

/* Also after run() came back: changes since the position that is known are emitted again. */
static int alert_start(void *self)
{
	struct alert *alert = self;
	char position[32] = "";
	if (!alert->engine)
		return 0;
	if (!alert->restored && saved_read(alert->ctx, alert->engine, &alert->outbox) < 0)
		tally_log(alert->ctx, TALLY_WARNING, "not all alerts of before could be restored");
	alert->restored = true;
	alert_forget_safe(alert);
	alert->emitted = 0;
	if (tally_position(alert->ctx, alert->ctx->name, position, sizeof(position)) == 0)
		alert->emitted = strtoull(position, NULL, 10);
	if (alert->outbox.sequence < alert->emitted)
		alert->outbox.sequence = alert->emitted;
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

static int alert_create_engine(struct alert *alert)
{
	const struct engine_setup setup = {.rule = alert->rule,
					   .host = alert->ctx->hostname,
					   .max_subjects = (size_t)alert->config->max_subjects,
					   .now = tally_now(alert->ctx),
					   .muted = alert_muted,
					   .muted_arg = alert};
	alert->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	alert->engine = engine_create(&setup);
	if (alert->engine && alert->wake_fd >= 0)
		return 0;
	return tally_fail(alert->ctx, ENOMEM, "out of memory or descriptors");
}

/* Not an error where other processes have the inputs, and one `conf.d` serves all of them. */
static int alert_create_idle(struct alert *alert)
{
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
	int r = alert_read_rule(ctx, config, &alert->rule, &alert->quiet);
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
	{OPTION(silence), .type = TALLY_OPT_LIST,
	 .help = "Subjects of which notifiers hear nothing: patterns such as test-*"},
	{OPTION(quiet), .type = TALLY_OPT_STRING,
	 .help = "Times in which notifiers hear nothing, separated by commas: 22:00-06:00, "
		 "sat-sun, mon-fri 22:00-06:00, or once "
		 "2026-12-01T22:00:00Z/2026-12-02T02:00:00Z"},
	{OPTION(store), .type = TALLY_OPT_STORE, .fallback = "*",
	 .help = "The output that it reads the rows of its window from at the start, and `tallyd "
		 "alerts test` the past"},
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
