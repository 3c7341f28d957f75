/*
 * See session.h.  The loop itself is docker_follow.h: it reads the engine's events (on_event) and
 * says when to scan (scan.c); this file adds what the logs themselves bring (beside_…).  Each turn:
 *
 * - what the engine has sent is read (streams_act), which calls follower.c for each stream;
 * - a chunk is read of each file that was written to;
 * - messages that nothing followed are ended, rows that have waited for 200 ms are handed over;
 * - followers that have waited long enough after a failure are inspected again.
 *
 * tally_emit() blocks while the buffer is full.  Nothing is read meanwhile, so the engine or its
 * files hold what comes: that is the back-pressure.
 */
#include "session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "follower.h"
#include "followers.h"
#include "logs_clock.h"
#include "scan.h"

static const int64_t missing_ns = 20 * CLOCK_MS;
static const struct docker_follow_config follow_config = {.interval = CLOCK_MINUTE};

enum { FD_STREAMS, FD_FILES };

/* ---- Events ---- */

/* The engine filters, so that events we do not need cost nothing.  Podman compares filters with
 * names of its own, died and remove, although the events it sends say die and destroy. */
static const char filters[] = "{\"type\":[\"container\"],\"event\":[\"start\",\"die\",\"died\","
			      "\"rename\",\"destroy\",\"remove\"]}";

static bool on_event(void *arg, const struct docker_event *event)
{
	static const struct {
		const char *action;
		enum follow_event event;
	} actions[] = {{"start", EVENT_START},     {"die", EVENT_DIE},
		       {"died", EVENT_DIE},        {"rename", EVENT_RENAME},
		       {"destroy", EVENT_DESTROY}, {"remove", EVENT_DESTROY}};
	struct docker_logs *logs = arg;
	struct follower *follower = followers_find(logs, event->id);
	size_t i = 0, n = sizeof(actions) / sizeof(actions[0]);
	while (i < n && strcmp(event->action, actions[i].action) != 0)
		i++;
	if (i == n || strcmp(event->type, "container") != 0)
		return false;
	if (follower)
		follower_on_event(follower, actions[i].event);
	else if (actions[i].event == EVENT_START)
		scan_add(logs, event->id, false);
	return logs->attention;
}

/* ---- Beside the events ---- */

/* Of a file that was written to, renamed or replaced. */
static void on_notice(void *arg, int watch)
{
	struct docker_logs *logs = arg;
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct source_file *file = &logs->followers[i]->file;
		if (watch < 0 || file->watch == watch)
			file->pending = true;
	}
}

/*
 * A chunk of each in turn.  Between two renames of a rotation nothing is at the path, and no watch
 * will tell when there is: such a file is read again a little later.
 */
static void read_files(struct docker_logs *logs)
{
	bool retry = logs->missing_due && tally_monotonic(logs->ctx) >= logs->missing_due;
	if (retry)
		logs->missing_due = 0;
	logs_clock_check(logs);
	logs->pending = false;
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		struct source_file *file = &logs->followers[i]->file;
		if (file->log && file->log->missing && retry)
			file->pending = true;
		if (!file->log || !file->pending)
			continue;
		if (follower_read_file(logs->followers[i]))
			logs->pending = true;
		else if (file->log && file->log->missing)
			logs->missing_due = tally_monotonic(logs->ctx) + missing_ns;
	}
}

static void flush_all(struct docker_logs *logs)
{
	for (uint32_t i = 0; i < logs->n_followers; i++)
		if (logs->followers[i]->ingest.rows.batch)
			follower_flush(logs->followers[i]);
	logs->common.waiting = 0;
}

static bool logs_wants_scan(void *arg)
{
	const struct docker_logs *logs = arg;
	return logs->attention;
}

static int64_t next_turn(const struct docker_logs *logs)
{
	int64_t next = logs->pending ? 0 : INT64_MAX;
	if (logs->missing_due)
		next = clock_earlier(next, logs->missing_due);
	next = clock_earlier(next, log_common_flush_due(&logs->common));
	if (logs->common.patterns)
		next = clock_earlier(next, patterns_due(logs->common.patterns));
	if (streams_due(logs->streams) >= 0)
		next = clock_earlier(next, streams_due(logs->streams));
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		const struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_RETRY)
			next = clock_earlier(next, follower->due);
		else if (follower->state == FOLLOW_READING)
			next = clock_earlier(next, log_messages_due(&follower->ingest.messages));
	}
	return next;
}

/* Writes to files wake us at most 50 times a second: a busy file is then read in larger pieces,
 * and its rows are batched. */
static int64_t logs_prepare(void *arg, struct pollfd fds[DOCKER_FOLLOW_FDS])
{
	const struct docker_logs *logs = arg;
	int64_t next = next_turn(logs);
	fds[FD_STREAMS] = (struct pollfd){streams_fd(logs->streams), POLLIN, 0};
	if (tally_monotonic(logs->ctx) < logs->files_due)
		next = clock_earlier(next, logs->files_due);
	else
		fds[FD_FILES] = (struct pollfd){logs->inotify_fd, POLLIN, 0};
	return next;
}

static void logs_dispatch(void *arg, const struct pollfd fds[DOCKER_FOLLOW_FDS])
{
	struct docker_logs *logs = arg;
	int64_t begun = tally_monotonic(logs->ctx);
	streams_act(logs->streams);
	if (fds[FD_FILES].revents) {
		logs->files_due = tally_monotonic(logs->ctx) + 20 * CLOCK_MS;
		source_file_notices(logs->inotify_fd, on_notice, logs);
	}
	read_files(logs);
	/* Only what was due before this turn: its next line may have come during it. */
	for (uint32_t i = 0; i < logs->n_followers && logs->common.rule.joins; i++)
		follower_end_messages(logs->followers[i], begun);
	int64_t now = tally_monotonic(logs->ctx);
	if (log_common_must_flush(&logs->common, now))
		flush_all(logs);
	for (uint32_t i = 0; i < logs->n_followers; i++)
		follower_on_time(logs->followers[i], now);
	log_common_flush_patterns(&logs->common, now, false);
}

/* ---- A session ---- */

static int scan(void *arg, enum docker_scan what)
{
	return scan_run(arg, what != DOCKER_SCAN_NAMED);
}

static int begin(struct docker_logs *logs)
{
	int r = streams_create(logs->docker, &logs->streams);
	if (r < 0)
		return tally_fail(logs->ctx, -r, "cannot set up the client: %s", strerror(-r));
	/* Without inotify no file is read, so one that is read always has its watch. */
	logs->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (logs->inotify_fd < 0 && logs->config->source != SOURCE_API)
		tally_log(logs->ctx, TALLY_WARNING,
			  "cannot watch log files: %s; using the API instead", strerror(errno));
	logs->files_due = logs->missing_due = 0;
	logs->pending = logs->common.seconds = false;
	log_common_open_patterns(&logs->common);
	return 0;
}

static void end(struct docker_logs *logs)
{
	flush_all(logs);
	log_common_close_patterns(&logs->common);
	for (uint32_t i = 0; i < logs->n_followers; i++)
		follower_suspend(logs->followers[i]);
	streams_destroy(logs->streams);
	logs->streams = NULL;
	if (logs->inotify_fd >= 0)
		close(logs->inotify_fd);
	logs->inotify_fd = -1;
	free(logs->buffer);
	logs->buffer = NULL;
}

int session_run(void *arg)
{
	struct docker_logs *logs = arg;
	static const struct docker_follow_extra extra = {logs_wants_scan, logs_prepare,
							 logs_dispatch};
	const struct docker_follow_job job = {.ctx = logs->ctx,
					      .docker = logs->docker,
					      .config = &follow_config,
					      .filters = filters,
					      .event = on_event,
					      .scan = scan,
					      .extra = &extra,
					      .arg = logs};
	int r = begin(logs);
	if (r < 0)
		return r;
	r = docker_follow(&job);
	end(logs);
	return r;
}
