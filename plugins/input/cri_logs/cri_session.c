/*
 * The loop of cri_logs: which containers there are, by the kubelet's links, each `scan_interval`; a
 * chunk of each file that was written to; rows that have waited are handed over.  On the input's
 * thread.
 *
 * tally_emit() blocks while the buffer is full.  Nothing is read meanwhile, so the files hold what
 * comes: that is the back-pressure.  What can fail: the folder of links, which is one message when
 * it begins and one when it ends; files that are followed are read on.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cri_logs.h"

/* Writes to files wake us at most 50 times a second: a busy file is then read in larger pieces, and
 * its rows are batched. */
static const int64_t files_ns = 20 * CLOCK_MS;

/* ---- Which containers ---- */

static void note_list(struct cri_logs *logs, const struct cri_list *list)
{
	tally_gauge(logs->ctx, METRIC_NOT_FOLLOWED, list->beyond);
	tally_gauge(logs->ctx, METRIC_FOREIGN, list->foreign);
	if (list->beyond && !logs->reported)
		tally_log(logs->ctx, TALLY_WARNING,
			  "%u containers are not followed: max_containers is %lld", list->beyond,
			  (long long)logs->config->cri.max_containers);
	logs->reported = list->beyond > 0;
}

/* Both are in the order of ids, so one pass over both says what is new and what is gone. */
static int merge(struct cri_logs *logs, const struct cri_list *list)
{
	auto_free struct cri_follow **merged =
		calloc((size_t)logs->n + list->n + 1, sizeof(struct cri_follow *));
	uint32_t n = 0, known = 0, listed = 0;
	if (!merged)
		return tally_fail(logs->ctx, ENOMEM, "no memory for %u containers", list->n);
	while (known < logs->n || listed < list->n) {
		const struct cri_container *container = &list->items[listed];
		struct cri_follow *follow = known < logs->n ? logs->follows[known] : NULL;
		int order = !follow             ? 1
			    : listed == list->n ? -1
						: strcmp(follow->ingest.rows.id, container->id);
		if (order <= 0) {
			cri_follow_set_gone(follow, order < 0);
			known++;
		} else {
			follow = cri_follow_create(&logs->reading, container, !logs->scanned);
		}
		listed += order >= 0;
		if (follow)
			merged[n++] = follow;
	}
	free(logs->follows);
	logs->follows = TAKE(merged);
	logs->n = n;
	return 0;
}

static void scan(struct cri_logs *logs)
{
	struct cri_list list;
	logs->scan_due = tally_monotonic(logs->ctx) + logs->config->scan_interval;
	int r = cri_list_read(&list, logs->ctx, &logs->config->cri);
	if (r == 0) {
		note_list(logs, &list);
		r = merge(logs, &list);
		cri_list_done(&list);
	}
	logs->scanned |= r == 0;
	if (r < 0 && !logs->failing)
		tally_log(logs->ctx, TALLY_WARNING, "%s; retrying", tally_reason(logs->ctx));
	if (r == 0 && logs->failing)
		tally_log(logs->ctx, TALLY_NOTICE, "%s can be read again", logs->config->cri.links);
	logs->failing = r < 0;
}

/* Takes off those that are gone and read to their end. */
static void remove_done(struct cri_logs *logs)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < logs->n; i++) {
		struct cri_follow *follow = logs->follows[i];
		if (follow->done)
			cri_follow_flush(follow);
		/* Not if its last rows were refused: then it is read again. */
		if (follow->done)
			cri_follow_destroy(follow);
		else
			logs->follows[kept++] = follow;
	}
	logs->n = kept;
	tally_gauge(logs->ctx, METRIC_CONTAINERS, logs->n);
}

/* ---- Reading ---- */

static void on_notice(void *arg, int watch)
{
	struct cri_logs *logs = arg;
	for (uint32_t i = 0; i < logs->n; i++) {
		struct source_file *file = &logs->follows[i]->file;
		if (watch < 0 || file->watch == watch)
			file->pending = true;
	}
}

static void check_clock(struct cri_logs *logs)
{
	int64_t floor;
	if (!clock_step_seen(&logs->clock, logs->ctx, &floor))
		return;
	for (uint32_t i = 0; i < logs->n; i++)
		log_resume_step_back(&logs->follows[i]->ingest.lines.resume, floor);
}

static void flush_all(struct cri_logs *logs)
{
	for (uint32_t i = 0; i < logs->n; i++)
		cri_follow_flush(logs->follows[i]);
	logs->reading.common.waiting = 0;
}

/* true: there may be more to read. */
static bool step(struct cri_logs *logs)
{
	struct log_common *common = &logs->reading.common;
	int64_t now = tally_monotonic(logs->ctx);
	bool pending = false;
	if (now >= logs->scan_due)
		scan(logs);
	check_clock(logs);
	/* Only messages that were due before this turn: their next line may come during it. */
	for (uint32_t i = 0; i < logs->n; i++) {
		pending |= cri_follow_step(logs->follows[i], now);
		if (common->rule.joins)
			cri_follow_end_messages(logs->follows[i], now);
	}
	remove_done(logs);
	now = tally_monotonic(logs->ctx);
	if (log_common_must_flush(common, now))
		flush_all(logs);
	log_common_flush_patterns(common, now, false);
	return pending;
}

/* ---- Waiting ---- */

static int64_t next_turn(const struct cri_logs *logs)
{
	const struct log_common *common = &logs->reading.common;
	int64_t next = clock_earlier(logs->scan_due, log_common_flush_due(common));
	if (common->patterns)
		next = clock_earlier(next, patterns_due(common->patterns));
	for (uint32_t i = 0; i < logs->n; i++)
		next = clock_earlier(next, cri_follow_due(logs->follows[i]));
	return next;
}

static void wait(struct cri_logs *logs, bool pending)
{
	struct pollfd fds[] = {{tally_stop_fd(logs->ctx), POLLIN, 0}, {-1, POLLIN, 0}};
	int64_t now = tally_monotonic(logs->ctx);
	int64_t next = pending ? now : next_turn(logs);
	if (now < logs->files_due)
		next = clock_earlier(next, logs->files_due);
	else
		fds[1].fd = logs->reading.inotify_fd;
	/* Rounded up: rounded down it would come back early and spin. */
	int64_t ms = next <= now ? 0 : (next - now + CLOCK_MS - 1) / CLOCK_MS;
	poll(fds, 2, (int)clock_earlier(ms, 60000));
	if (fds[1].fd < 0 || !fds[1].revents)
		return;
	logs->files_due = tally_monotonic(logs->ctx) + files_ns;
	source_file_notices(logs->reading.inotify_fd, on_notice, logs);
}

int cri_session_run(void *arg)
{
	struct cri_logs *logs = arg;
	auto_free char *buffer = malloc(LOG_FILE_BUFFER);
	auto_close int inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (!buffer || inotify_fd < 0)
		return tally_fail(logs->ctx, buffer ? errno : ENOMEM, "cannot watch log files: %s",
				  buffer ? strerror(errno) : "no memory");
	logs->reading.buffer = buffer;
	logs->reading.inotify_fd = inotify_fd;
	logs->scan_due = logs->files_due = 0;
	log_common_open_patterns(&logs->reading.common);
	while (!tally_stopping(logs->ctx))
		wait(logs, step(logs));
	flush_all(logs);
	log_common_close_patterns(&logs->reading.common);
	for (uint32_t i = 0; i < logs->n; i++)
		cri_follow_destroy(logs->follows[i]);
	logs->n = 0;
	return 0;
}
