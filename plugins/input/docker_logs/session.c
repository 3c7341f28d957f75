/*
 * One run of the input: the loop of docker_follow.h, and beside the engine's events whatever the
 * logs themselves bring, by streams or by files.  Rows that have waited for 200 ms are handed over;
 * tally_emit() blocks while the buffer is full: then nothing is read, and the engine waits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "logs.h"

static const int64_t second_ns = 1000000000, ms_ns = 1000000;
static const int64_t flush_ns = 200000000;
static const struct docker_follow_config pace = {.interval = INT64_C(60000000000)};

enum { LOGS_WAITING_MAX = 8 << 20 };
enum { FD_STREAMS, FD_FILES };

/* ---- The clock ---- */

/* New lines cannot be older than the clock's time at the last look, less the step. */
void clock_check(struct docker_logs *logs)
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
	if (logs->seconds)
		floor -= floor % second_ns + 1;
	for (uint32_t i = 0; i < logs->n_followers; i++)
		log_resume_step_back(&logs->followers[i]->lines.resume, floor);
}

/* ---- Events ---- */

/* Named by the server, so that others cost nothing.  Podman compares with names of its own, died
 * and remove, whatever it calls the event that it sends. */
static const char filters[] = "{\"type\":[\"container\"],\"event\":[\"start\",\"die\",\"died\","
			      "\"rename\",\"destroy\",\"remove\"]}";

static bool is_ours(const struct docker_event *event, enum logs_event *ret)
{
	static const struct {
		const char *action;
		enum logs_event event;
	} kinds[] = {{"start", LOGS_START},   {"die", LOGS_DIE},         {"died", LOGS_DIE},
		     {"rename", LOGS_RENAME}, {"destroy", LOGS_DESTROY}, {"remove", LOGS_DESTROY}};
	if (strcmp(event->type, "container") != 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(event->action, kinds[i].action) == 0) {
			*ret = kinds[i].event;
			return true;
		}
	return false;
}

static bool on_event(void *arg, const struct docker_event *event)
{
	struct docker_logs *logs = arg;
	struct follower *follower = followers_find(logs, event->id);
	enum logs_event what;
	if (!is_ours(event, &what))
		return false;
	if (follower)
		follower_on_event(follower, what);
	else if (what == LOGS_START)
		scan_add(logs, event->id, false);
	return logs->attention;
}

/* ---- Beside the events ---- */

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
		if (follower->state == FOLLOW_RETRY && follower->due <= now) {
			follower->state = FOLLOW_INSPECT;
			logs->attention = true;
		}
	}
}

static bool beside_wants(void *arg)
{
	const struct docker_logs *logs = arg;
	return logs->attention;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_turn(const struct docker_logs *logs)
{
	int64_t next = logs->hot ? 0 : INT64_MAX;
	if (logs->missing_due)
		next = earlier(next, logs->missing_due);
	if (logs->waiting > 0)
		next = earlier(next, logs->waiting_since + flush_ns);
	if (streams_due(logs->streams) >= 0)
		next = earlier(next, streams_due(logs->streams));
	for (uint32_t i = 0; i < logs->n_followers; i++) {
		const struct follower *follower = logs->followers[i];
		if (follower->state == FOLLOW_RETRY)
			next = earlier(next, follower->due);
		else if (follower->state == FOLLOW_READING)
			next = earlier(next, log_messages_due(&follower->messages));
	}
	return next;
}

/* Writes to files wake us 50 times a second at most: a busy one is then read in larger pieces. */
static int64_t beside_wait(void *arg, struct pollfd fds[DOCKER_FOLLOW_FDS])
{
	const struct docker_logs *logs = arg;
	int64_t next = next_turn(logs);
	fds[FD_STREAMS] = (struct pollfd){streams_fd(logs->streams), POLLIN, 0};
	if (tally_monotonic(logs->ctx) < logs->files_due)
		next = earlier(next, logs->files_due);
	else
		fds[FD_FILES] = (struct pollfd){logs->inotify_fd, POLLIN, 0};
	return next;
}

static void beside_act(void *arg, const struct pollfd fds[DOCKER_FOLLOW_FDS])
{
	struct docker_logs *logs = arg;
	int64_t begun = tally_monotonic(logs->ctx);
	streams_act(logs->streams);
	if (fds[FD_FILES].revents) {
		logs->files_due = tally_monotonic(logs->ctx) + 20 * ms_ns;
		files_notice(logs);
	}
	logs->hot = files_read(logs);
	/* What was due before all was read that there is. */
	for (uint32_t i = 0; i < logs->n_followers && logs->rule.joins; i++)
		follower_end_messages(logs->followers[i], begun);
	int64_t now = tally_monotonic(logs->ctx);
	if (logs->waiting > 0 &&
	    (now >= logs->waiting_since + flush_ns || logs->waiting > LOGS_WAITING_MAX))
		flush_all(logs);
	wake_waiting(logs, now);
}

/* ---- A session ---- */

static int look(void *arg, enum docker_look what)
{
	return scan_run(arg, what != DOCKER_LOOK_NAMED);
}

static int begin(struct docker_logs *logs)
{
	int r = streams_create(logs->docker, &logs->streams);
	if (r < 0)
		return tally_fail(logs->ctx, -r, "cannot set up the client: %s", strerror(-r));
	/* Without it files are not read, so no watch is ever missed. */
	logs->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (logs->inotify_fd < 0 && logs->config->source != SOURCE_API)
		tally_log(logs->ctx, TALLY_WARNING, "cannot watch files: %s: by the API instead",
			  strerror(errno));
	logs->files_due = logs->missing_due = 0;
	logs->hot = logs->seconds = false;
	return 0;
}

static void end(struct docker_logs *logs)
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
}

int session_run(void *arg)
{
	struct docker_logs *logs = arg;
	static const struct docker_follow_beside beside = {beside_wants, beside_wait, beside_act};
	const struct docker_follow_job job = {.ctx = logs->ctx,
					      .docker = logs->docker,
					      .config = &pace,
					      .filters = filters,
					      .event = on_event,
					      .look = look,
					      .beside = &beside,
					      .arg = logs};
	int r = begin(logs);
	if (r < 0)
		return r;
	r = docker_follow(&job);
	end(logs);
	return r;
}
