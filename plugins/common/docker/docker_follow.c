/*
 * The loop of docker_status, docker_images and docker_logs: one poll() for the stop descriptor, the
 * event stream and whatever the input waits for, then events, then at most one scan or ping.
 *
 * It runs on the instance's thread from run() until the instance is stopped.  All timing is in four
 * due times of struct follow.  A step: wait until the earliest, let docker_events_act() hand events
 * over, do what is due.  What can fail: a scan or the stream.  Both end in report_failure(), which
 * logs the first failure only, until a scan works again, and in a later due time; the loop itself
 * goes on until it is stopped.
 */
#include "docker/docker_follow.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/backoff.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"

static const int64_t back_off_first = 500 * CLOCK_MS, back_off_last = 30 * CLOCK_SECOND;
static const int64_t idle_ns = 10 * CLOCK_SECOND;
static const int64_t replay_ns = 50 * CLOCK_MS; /* for the events that come with a stream's begin */

enum { FOLLOW_MAX_VERSION = 64 << 10 };

struct follow {
	const struct docker_follow_job *job;
	struct tally_ctx *ctx;
	struct docker_events *events;
	int64_t offset;         /* of the scans from the clock's multiples of the interval */
	int64_t scan_due;       /* monotonic ns: of the next full scan */
	int64_t named_due;      /* of the scan of what events named; INT64_MAX: nothing */
	int64_t last_answer;    /* of the engine */
	struct backoff backoff; /* after failed scans */
	int64_t opened;         /* the stream; 0: not open since it was lost */
	bool resync;            /* the next full scan must not trust what is known */
	int64_t failing_since;  /* monotonic ns of the first failure; 0: none */
};

/* ---- Failures, logged once ---- */

static void report_failure(struct follow *follow, const char *why)
{
	bool is_open = follow->events && docker_events_is_open(follow->events);
	tally_log(follow->ctx, follow->failing_since ? TALLY_DEBUG : TALLY_ERROR, "%s; retrying%s",
		  why, is_open ? "" : " at least every 30 s");
	if (!follow->failing_since)
		follow->failing_since = tally_monotonic(follow->ctx);
}

/* ---- Due times ---- */

/* Aligned to the wall clock like the core's own ticks, so that rows of all machines have comparable
 * times; due times are monotonic, so a clock that is set moves one tick and no more. */
static int64_t next_tick(const struct follow *follow)
{
	int64_t interval = follow->job->config->interval;
	int64_t phase = (tally_now(follow->ctx) - follow->offset) % interval;
	if (phase < 0)
		phase += interval;
	return tally_monotonic(follow->ctx) + interval - phase;
}

/* ---- Scans ---- */

/* The result of a request to the engine, which is also a sign of life.  After a failure a scan of
 * what events named is pointless: the next scan that works sees everything. */
static int check_result(struct follow *follow, int r)
{
	int64_t now = tally_monotonic(follow->ctx);
	follow->last_answer = now;
	if (r == 0)
		return 0;
	if (r == -ECANCELED && tally_stopping(follow->ctx))
		return r;
	tally_count(follow->ctx, DOCKER_METRIC_FAILED_SCANS, 1);
	report_failure(follow, tally_reason(follow->ctx));
	follow->resync = true;
	follow->named_due = INT64_MAX;
	follow->scan_due = now + backoff_next(&follow->backoff);
	return 0;
}

static int scan(struct follow *follow, enum docker_scan what)
{
	const struct docker_follow_job *job = follow->job;
	int r = docker_connect(job->docker);
	if (r == 0)
		r = job->scan(job->arg, what);
	if (r < 0)
		return check_result(follow, r);
	follow->last_answer = tally_monotonic(follow->ctx);
	follow->named_due = INT64_MAX;
	if (what != DOCKER_SCAN_NAMED) {
		follow->scan_due = next_tick(follow);
		follow->resync = false;
	}
	backoff_reset(&follow->backoff);
	/* With the stream still closed there is nothing to announce yet. */
	if (!follow->failing_since || !docker_events_is_open(follow->events))
		return 0;
	tally_log(follow->ctx, TALLY_NOTICE, "%s: followed again, after %.1f s",
		  docker_endpoint(job->docker),
		  (double)(tally_monotonic(follow->ctx) - follow->failing_since) / 1e9);
	follow->failing_since = 0;
	return 0;
}

/* -ECANCELED. */
static int act(struct follow *follow)
{
	int64_t now = tally_monotonic(follow->ctx);
	if (now >= follow->scan_due)
		return scan(follow, follow->resync ? DOCKER_SCAN_RESYNC : DOCKER_SCAN_ALL);
	if (now >= follow->named_due)
		return scan(follow, DOCKER_SCAN_NAMED);
	if (now < follow->last_answer + idle_ns)
		return 0;
	/* An idle stream of a hanging engine looks like one without events.  The ping is /version,
	 * since proxies in front of an engine let it through anyway. */
	auto_free char *body = NULL;
	size_t len;
	int r = docker_get(follow->job->docker, DOCKER_VERSION, "/version", FOLLOW_MAX_VERSION,
			   &body, &len);
	return check_result(follow, r);
}

/* ---- Events ---- */

static void on_event(void *arg, const struct docker_event *event)
{
	struct follow *follow = arg;
	int64_t now = tally_monotonic(follow->ctx);
	tally_count(follow->ctx, DOCKER_METRIC_EVENTS, 1);
	follow->last_answer = now;
	if (follow->job->event(follow->job->arg, event))
		follow->named_due = clock_earlier(follow->named_due, now + follow->job->debounce);
}

static int handle_outcome(struct follow *follow, unsigned outcome)
{
	const struct docker_follow_job *job = follow->job;
	int64_t now = tally_monotonic(follow->ctx);
	/* An engine keeps 256 events and none over its own restart, so whatever happened while the
	 * stream was closed can only be found by a scan that trusts nothing.  It waits a moment for
	 * replayed events, so that they are handled before the state that they led to. */
	if (outcome & DOCKER_EVENTS_OPENED) {
		follow->opened = now;
		follow->resync = true;
		follow->scan_due = now + replay_ns;
	}
	/* Proxies cut connections that last long.  That is no failure if the stream can be
	 * reopened. */
	if (outcome & DOCKER_EVENTS_LOST) {
		tally_count(follow->ctx, DOCKER_METRIC_STREAMS_LOST, 1);
		if (follow->opened && now - follow->opened > idle_ns)
			tally_log(follow->ctx, TALLY_INFO, "%s; reopening it",
				  docker_events_reason(follow->events));
		else
			report_failure(follow, docker_events_reason(follow->events));
		follow->opened = 0;
	}
	tally_gauge(follow->ctx, DOCKER_METRIC_STREAM_OPEN, docker_events_is_open(follow->events));
	int r = (outcome & DOCKER_EVENTS_SOME) && job->flush ? job->flush(job->arg) : 0;
	return r < 0 ? check_result(follow, r) : 0;
}

/* ---- Waiting ---- */

enum { FD_STOP, FD_EVENTS, FD_EXTRA, FDS = FD_EXTRA + DOCKER_FOLLOW_FDS };

/* -ECANCELED: being stopped. */
static int wait(struct follow *follow)
{
	const struct docker_follow_job *job = follow->job;
	struct pollfd fds[FDS] = {{tally_stop_fd(job->ctx), POLLIN, 0},
				  {docker_events_fd(follow->events), POLLIN, 0},
				  {-1, 0, 0},
				  {-1, 0, 0}};
	int64_t due =
		clock_earlier(follow->last_answer + idle_ns, docker_events_due(follow->events));
	due = clock_earlier(due, clock_earlier(follow->scan_due, follow->named_due));
	if (job->extra)
		due = clock_earlier(due, job->extra->prepare(job->arg, fds + FD_EXTRA));
	int64_t left = due - tally_monotonic(job->ctx);
	/* Rounded up: rounded down it would come back early and spin through the last millisecond.
	 */
	int64_t ms = left <= 0 ? 0 : (left + CLOCK_MS - 1) / CLOCK_MS;
	poll(fds, FDS, ms > INT_MAX ? INT_MAX : (int)ms);
	if (fds[FD_STOP].revents)
		return -ECANCELED;
	if (job->extra)
		job->extra->dispatch(job->arg, fds + FD_EXTRA);
	return 0;
}

static int follow_step(struct follow *follow)
{
	const struct docker_follow_job *job = follow->job;
	unsigned outcome = 0;
	/* After a failed scan the next one is of everything, when its time has come. */
	if (job->extra && !follow->resync && job->extra->wants_scan(job->arg))
		follow->named_due = tally_monotonic(follow->ctx);
	int r = wait(follow);
	if (r == 0)
		r = docker_events_act(follow->events, &outcome);
	if (r == 0)
		r = handle_outcome(follow, outcome);
	return r == 0 ? act(follow) : r;
}

int docker_follow(const struct docker_follow_job *job)
{
	struct follow follow = {.job = job,
				.ctx = job->ctx,
				.named_due = INT64_MAX,
				.backoff = {.first = back_off_first, .most = back_off_last},
				.resync = true};
	const struct docker_events_setup setup = {.ctx = job->ctx,
						  .docker = job->docker,
						  .filters = job->filters,
						  .since = job->since,
						  .event = on_event,
						  .arg = &follow};
	int r = docker_events_create(&setup, &follow.events);
	if (r < 0)
		return tally_fail(job->ctx, -r, "no memory for an event stream");
	/* A different offset for each host and instance, the same after a restart. */
	uint64_t hash = hash_text(hash_text(0, job->ctx->name), tally_hostname(job->ctx));
	follow.offset = (int64_t)(hash % ((uint64_t)job->config->jitter + 1));
	follow.last_answer = tally_monotonic(job->ctx);
	/* The first scan if the stream does not open within a second; usually it opens long before
	 * and then sets scan_due itself. */
	follow.scan_due = follow.last_answer + CLOCK_SECOND;
	while (r == 0 && !tally_stopping(job->ctx))
		r = follow_step(&follow);
	docker_events_destroy(follow.events);
	tally_gauge(job->ctx, DOCKER_METRIC_STREAM_OPEN, 0);
	return r == -ECANCELED ? 0 : r;
}
