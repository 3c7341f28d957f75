/*
 * docker_logs: what containers print, line by line, from the moment they start.
 *
 * Happy path of a session: the event stream is opened, all containers are listed, each that passes
 * is inspected and its log read (logs_follow.c); then one loop waits for all streams, hands over
 * rows that have waited for 200 ms, and asks every 10 s whether the engine is still there, since an
 * idle stream looks the same as one whose engine hangs.  tally_emit() blocks while the buffer is
 * full: then nothing is read, and the engine waits.
 *
 * What can fail: the engine, then run() returns and the core starts it again after a while; what
 * was taken of each log is remembered.  One container: see logs_follow.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "cleanup.h"
#include "logs.h"
#include "logs_table.h"

static const int64_t second_ns = 1000000000, ms_ns = 1000000;
static const int64_t flush_ns = 200000000, patience_ns = INT64_C(2000000000);
static const int64_t ping_ns = INT64_C(10000000000), list_ns = INT64_C(60000000000);

enum { LOGS_AT_ONCE = 8, LOGS_WAITING_MAX = 8 << 20 };

/* ---- The clock ---- */

/* New lines cannot be older than the clock's time at the last look, less the step. */
void logs_check_clock(struct docker_logs *logs)
{
	int64_t wall = tally_now(logs->ctx), monotonic = tally_monotonic(logs->ctx);
	int64_t passed = monotonic - logs->monotonic;
	int64_t floor = wall - passed - ms_ns;
	bool stepped = logs->monotonic != 0 && wall - logs->wall < passed - 10 * ms_ns &&
		       logs->reach.endpoint->path[0];
	logs->wall = wall;
	logs->monotonic = monotonic;
	if (!stepped)
		return;
	tally_log(logs->ctx, TALLY_NOTICE,
		  "the clock was set back: lines of a time may come twice");
	for (uint32_t i = 0; i < logs->n_followers; i++)
		log_resume_step_back(&logs->followers[i]->lines.resume, floor);
}

/* ---- Which containers ---- */

/* chosen: it has passed the operator's patterns. */
static void add_container(struct docker_logs *logs, const char *id, bool chosen)
{
	if (logs->n_followers >= logs->config->max_containers) {
		logs->not_followed++;
		return;
	}
	struct follower *follower = followers_add(logs, id);
	if (!follower) {
		tally_log(logs->ctx, TALLY_ERROR, "no memory to follow %s", id);
		return;
	}
	follower->chosen = chosen;
	logs->attention = true;
}

static void tell_not_followed(struct docker_logs *logs)
{
	tally_gauge(logs->ctx, METRIC_NOT_FOLLOWED, logs->not_followed);
	if (logs->not_followed && !logs->told_not_followed)
		tally_log(logs->ctx, TALLY_WARNING,
			  "%u containers are not followed: max_containers is %lld",
			  logs->not_followed, (long long)logs->config->max_containers);
	logs->told_not_followed = logs->not_followed > 0;
}

static void remove_unlisted(struct docker_logs *logs, const struct docker_list *list)
{
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (!docker_list_find(list, logs->followers[i]->rows.id))
			follower_on_event(logs->followers[i], LOGS_DESTROY);
}

/* Also mends what an event that did not come would have told. */
static void compare(struct docker_logs *logs, const struct docker_container *container)
{
	struct follower *follower = followers_find(logs, container->id);
	bool runs = strcmp(container->state, "running") == 0;
	if (!follower && docker_container_passes(container, &logs->config->docker.match))
		add_container(logs, container->id, true);
	if (!follower)
		return;
	if (runs && follower->state == FOLLOW_IDLE)
		follower_on_event(follower, LOGS_START);
	if (!runs && follower->file)
		follower_on_event(follower, LOGS_DIE);
	if (follower->known && strcmp(container->name, follower->rows.name) != 0)
		follower_on_event(follower, LOGS_RENAME);
}

static int list(struct docker_logs *logs)
{
	struct docker_list list = {0};
	int r = docker_list_get(logs->docker, logs->ctx, true, &list);
	if (r < 0)
		return r;
	logs->list_due = tally_monotonic(logs->ctx) + list_ns;
	logs->not_followed = 0;
	for (uint32_t i = 0; i < list.n; i++)
		compare(logs, &list.items[i]);
	tell_not_followed(logs);
	remove_unlisted(logs, &list);
	docker_list_done(&list);
	return 0;
}

/* ---- Inspecting ---- */

struct looks {
	struct docker_logs *logs;
	struct follower **asked;
	uint32_t n;
};

static void look_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct looks *looks = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/json", looks->asked[i]->rows.id);
}

static void look_failed(struct follower *follower, const char *why)
{
	tally_log(follower->logs->ctx, TALLY_WARNING, "%s: inspect: %s; tried again",
		  follower->rows.id, why);
	if (follower->state == FOLLOW_LOOK)
		follower_wait(follower);
}

/* What an event brought in may be one that the operator has excluded. */
static bool is_wanted(const struct follower *follower, const struct logs_facts *facts)
{
	return follower->known || follower->chosen ||
	       docker_container_passes(&facts->container, &follower->logs->config->docker.match);
}

static void look_read(struct follower *follower, struct fetch_answer *answer)
{
	struct logs_facts facts;
	size_t offset = 0;
	const char *problem = logs_facts_read(answer->body, answer->len, &facts, &offset);
	if (problem)
		look_failed(follower, problem);
	else if (is_wanted(follower, &facts))
		follower_learn(follower, &facts);
	else
		follower->state = FOLLOW_GONE;
}

static void look_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	const struct looks *looks = arg;
	struct follower *follower = looks->asked[i];
	char why[FETCH_REASON_SIZE];
	if (!answer->error && answer->status == 200) {
		look_read(follower, answer);
	} else if (!answer->error && answer->status == 404) {
		follower_on_event(follower, LOGS_DESTROY);
	} else {
		docker_explain(answer, why);
		look_failed(follower, why);
		looks->logs->suspect = looks->logs->suspect || answer->error;
	}
}

static int look(struct docker_logs *logs)
{
	auto_free struct follower **asked = calloc(logs->n_followers + 1, sizeof(*asked));
	struct looks looks = {logs, asked, 0};
	if (!asked)
		return tally_fail(logs->ctx, ENOMEM, "no memory");
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_LOOK || follower->look)
			asked[looks.n++] = follower;
	}
	const struct fetch_job job = {.n = looks.n,
				      .at_once = LOGS_AT_ONCE,
				      .max_bytes = DOCKER_MAX_INSPECT,
				      .patience = patience_ns,
				      .path = look_path,
				      .done = look_done,
				      .arg = &looks};
	return looks.n ? docker_sweep(logs->docker, DOCKER_INSPECT, &job) : 0;
}

/* ---- Events ---- */

static void on_event(void *arg, const char *id, enum logs_event event)
{
	struct docker_logs *logs = arg;
	struct follower *follower = followers_find(logs, id);
	if (follower)
		follower_on_event(follower, event);
	else if (event == LOGS_START)
		add_container(logs, id, false);
}

static void events_opened(void *arg)
{
	struct docker_logs *logs = arg;
	logs->list_due = 0;
	logs->attention = true;
}

static bool events_data(void *arg, char *bytes, size_t len)
{
	struct docker_logs *logs = arg;
	return logs_events_feed(&logs->events, bytes, len, on_event, logs);
}

static void events_ended(void *arg, const struct fetch_answer *answer)
{
	struct docker_logs *logs = arg;
	char why[FETCH_REASON_SIZE];
	if (!answer->error && answer->status != 200) {
		docker_explain(answer, why);
		tally_log(logs->ctx, TALLY_WARNING,
			  "events: %s; new containers are found every 60s", why);
	}
	logs->event_stream = NULL;
	logs->events_due = tally_monotonic(logs->ctx) +
			   (answer->error || answer->status == 200 ? second_ns : list_ns);
	logs->suspect = logs->attention = true;
}

/* Once it is open all are listed, so that none that starts in between is missed. */
static int open_events(struct docker_logs *logs)
{
	static const struct stream_calls calls = {events_opened, events_data, events_ended};
	const struct stream_request request = {DOCKER_EVENTS, LOGS_EVENTS_PATH, &calls, logs};
	logs_events_done(&logs->events);
	logs->list_due = tally_monotonic(logs->ctx) + second_ns;
	if (streams_open(logs->streams, &request, &logs->event_stream) < 0)
		return tally_fail(logs->ctx, ENOMEM, "no memory for the event stream");
	return 0;
}

/* ---- One turn of the loop ---- */

/* An idle stream looks the same as one whose engine hangs. */
static int ping(struct docker_logs *logs)
{
	auto_free char *body = NULL;
	size_t len;
	logs->suspect = false;
	logs->ping_due = tally_monotonic(logs->ctx) + ping_ns;
	return docker_get(logs->docker, DOCKER_VERSION, "/version", 64 << 10, &body, &len);
}

static void flush_all(struct docker_logs *logs)
{
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (logs->followers[i]->rows.batch)
			follower_flush(logs->followers[i]);
	logs->waiting = 0;
}

static void wake_waiting(struct docker_logs *logs, int64_t now)
{
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_WAITING && follower->due <= now) {
			follower->state = FOLLOW_LOOK;
			logs->attention = true;
		}
	}
}

static void count_containers(struct docker_logs *logs)
{
	int64_t barred = 0;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		barred += logs->followers[i]->state == FOLLOW_BARRED;
	tally_gauge(logs->ctx, METRIC_CONTAINERS, logs->n_followers - barred);
	tally_gauge(logs->ctx, METRIC_UNREADABLE, barred);
}

static int attend(struct docker_logs *logs)
{
	logs->attention = false;
	int r = look(logs);
	followers_remove_gone(logs);
	count_containers(logs);
	return r;
}

static int upkeep(struct docker_logs *logs)
{
	int64_t now = tally_monotonic(logs->ctx);
	int r = 0;
	if (logs->waiting > 0 &&
	    (now >= logs->waiting_since + flush_ns || logs->waiting > LOGS_WAITING_MAX))
		flush_all(logs);
	if (logs->suspect || now >= logs->ping_due)
		r = ping(logs);
	if (r == 0 && !logs->event_stream && now >= logs->events_due)
		r = open_events(logs);
	if (r == 0 && now >= logs->list_due)
		r = list(logs);
	wake_waiting(logs, now);
	return r == 0 && logs->attention ? attend(logs) : r;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_turn(const struct docker_logs *logs)
{
	int64_t next = earlier(logs->ping_due, logs->list_due);
	if (logs->attention || logs->suspect || logs->hot)
		return 0;
	if (!logs->event_stream)
		next = earlier(next, logs->events_due);
	if (logs->missing_due)
		next = earlier(next, logs->missing_due);
	if (logs->waiting > 0)
		next = earlier(next, logs->waiting_since + flush_ns);
	if (streams_due(logs->streams) >= 0)
		next = earlier(next, streams_due(logs->streams));
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (logs->followers[i]->state == FOLLOW_WAITING)
			next = earlier(next, logs->followers[i]->due);
	return next;
}

/*
 * -ECANCELED: told to stop.  Writes to files wake us 50 times a second at most: a busy one is then
 * read in larger pieces.
 */
static int wait_and_act(struct docker_logs *logs)
{
	int64_t now = tally_monotonic(logs->ctx), wait = next_turn(logs) - now;
	bool rests = now < logs->files_due;
	struct pollfd fds[] = {{.fd = tally_stop_fd(logs->ctx), .events = POLLIN},
			       {.fd = streams_fd(logs->streams), .events = POLLIN},
			       {.fd = rests ? -1 : logs->inotify_fd, .events = POLLIN}};
	if (rests)
		wait = earlier(wait, logs->files_due - now);
	if (poll(fds, 3, wait <= 0 ? 0 : (int)(wait / ms_ns) + 1) < 0 && errno != EINTR)
		return tally_fail(logs->ctx, errno, "poll: %s", strerror(errno));
	if (fds[0].revents)
		return -ECANCELED;
	streams_act(logs->streams);
	if (fds[2].revents) {
		logs->files_due = tally_monotonic(logs->ctx) + 20 * ms_ns;
		files_notice(logs);
	}
	logs->hot = files_read(logs);
	return 0;
}

/* ---- A session ---- */

static void session_end(struct docker_logs *logs)
{
	flush_all(logs);
	for (uint32_t i = 0; i < logs->n_followers; i++)
		follower_suspend(logs->followers[i]);
	streams_destroy(logs->streams);
	logs->streams = NULL;
	if (logs->inotify_fd >= 0)
		close(logs->inotify_fd);
	logs->inotify_fd = -1;
	free(logs->buffer);
	logs->buffer = NULL;
	logs->event_stream = NULL;
	logs_events_done(&logs->events);
}

static int session(struct docker_logs *logs)
{
	int64_t now = tally_monotonic(logs->ctx);
	int r = streams_create(logs->docker, &logs->streams);
	if (r < 0)
		return tally_fail(logs->ctx, -r, "cannot set up the client: %s", strerror(-r));
	/* Without it files are not read, so no watch is ever missed. */
	logs->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	logs->files_due = logs->missing_due = 0;
	logs->hot = false;
	logs->ping_due = now + ping_ns;
	logs->events_due = logs->list_due = now;
	logs->attention = true;
	logs->suspect = false;
	while (r == 0) {
		r = upkeep(logs);
		if (r == 0)
			r = wait_and_act(logs);
	}
	session_end(logs);
	return r;
}

static int logs_run(void *arg)
{
	struct docker_logs *logs = arg;
	int r = docker_connect(logs->docker);
	if (r == 0)
		r = session(logs);
	return tally_stopping(logs->ctx) ? 0 : r;
}

/* ---- The plugin ---- */

static int logs_start(void *arg)
{
	struct docker_logs *logs = arg;
	return docker_connect(logs->docker);
}

static void logs_stop(void *arg)
{
	struct docker_logs *logs = arg;
	docker_disconnect(logs->docker);
}

static void logs_destroy(void *arg)
{
	struct docker_logs *logs = arg;
	followers_destroy(logs);
	docker_destroy(logs->docker);
	free(logs);
}

/* all, new, or a number of lines. */
static bool read_first_sight(const char *text, struct logs_first *ret)
{
	char *end;
	if (strcmp(text, "all") == 0)
		return true;
	ret->only_new = strcmp(text, "new") == 0;
	if (ret->only_new)
		return true;
	errno = 0;
	unsigned long lines = strtoul(text, &end, 10);
	ret->lines = (uint32_t)lines;
	return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	       lines <= 1000000000;
}

static int logs_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct docker_logs *logs = calloc(1, sizeof(*logs));
	if (!logs)
		return tally_fail(ctx, ENOMEM, "no memory");
	logs->ctx = ctx;
	logs->config = config;
	logs->inotify_fd = -1;
	logs->started = tally_now(ctx);
	if (!read_first_sight(logs->config->first_sight, &logs->first))
		return tally_fail(ctx, EINVAL,
				  "first_sight: \"%s\" is none of all, new, or a number of lines",
				  logs->config->first_sight);
	int r = docker_create(ctx, &logs->config->docker, &logs->docker);
	if (r < 0)
		return r;
	docker_reach(logs->docker, &logs->reach);
	*ret_self = TAKE(logs);
	return 0;
}

static const struct tally_option logs_options[] = {
	DOCKER_OPTIONS(offsetof(struct logs_config, docker)),
	{.name = "source",
	 .fallback = "auto",
	 .accepts = "auto|api|file",
	 .help = "file: the engine's own json files, which costs the engine nothing and misses "
		 "nothing at rotations; api: the engine sends it; auto: file where they can be "
		 "read",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct logs_config, source)},
	{.name = "first_sight",
	 .fallback = "all",
	 .help = "of a container that is older than this daemon's start and was never read before: "
		 "all its log, only new lines, or the last so many lines",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct logs_config, first_sight)},
	{.name = "max_line",
	 .fallback = "256Ki",
	 .accepts = "1Ki..16Mi",
	 .help = "a longer line is cut",
	 .type = TALLY_OPT_SIZE,
	 .offset = offsetof(struct logs_config, max_line)},
	{.name = "max_containers",
	 .fallback = "1000",
	 .accepts = "1..10000",
	 .help = "at most so many are followed",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, max_containers)},
	{.name = "rate_limit",
	 .fallback = "0",
	 .accepts = "0..10000000",
	 .help = "lines a second of one container; more are dropped and counted; 0: no limit",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, rate_limit)},
	{0}};

#define LOGS_COUNTER(n, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_COUNTER                                 \
	}
#define LOGS_GAUGE(n, h)                                                                           \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_GAUGE                                   \
	}

static const struct tally_metric logs_metrics[] = {
	DOCKER_METRICS,
	[METRIC_CONTAINERS] = LOGS_GAUGE("containers", "Containers whose logs are followed."),
	[METRIC_UNREADABLE] =
		LOGS_GAUGE("unreadable", "Containers whose logging driver cannot be read."),
	[METRIC_NOT_FOLLOWED] = LOGS_GAUGE("not_followed", "Containers beyond max_containers."),
	[METRIC_READS] = LOGS_COUNTER("reads_total", "Times that a log was opened for reading."),
	[METRIC_REPEATS] = LOGS_COUNTER("repeated_lines_total",
					"Lines that the source sent again; they are not rows."),
	[METRIC_GAPS] = LOGS_COUNTER(
		"gaps_total", "Times that a log no longer had what was read last, so that lines "
			      "may be missing."),
	[METRIC_CUT] = LOGS_COUNTER("cut_lines_total", "Lines longer than max_line."),
	[METRIC_LIMITED] =
		LOGS_COUNTER("limited_lines_total", "Lines dropped because of rate_limit."),
	[METRIC_GARBAGE] = LOGS_COUNTER("garbage_total",
					"Times that a log was opened anew because what came was "
					"none."),
	[METRIC_ENGINE_ERRORS] =
		LOGS_COUNTER("engine_texts_total", "Errors that the engine told within a log."),
	{0}};

static const struct tally_table *const logs_tables[] = {&logs_table, NULL};

static const struct tally_input logs_input = {.size = sizeof(struct tally_input), .run = logs_run};

TALLY_PLUGIN(.name = "docker_logs", .version = TALLYD_VERSION,
	     .help = "What containers print, line by line, from the Docker Engine",
	     .options = logs_options, .config_size = sizeof(struct logs_config),
	     .tables = logs_tables, .metrics = logs_metrics, .create = logs_create,
	     .start = logs_start, .stop = logs_stop, .destroy = logs_destroy, .input = &logs_input)
