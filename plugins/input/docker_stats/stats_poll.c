/*
 * One poll: files, engine, rows.  docker_stats.c calls stats_poll() from gather(), on the
 * instance's thread.
 *
 * Happy path: poll_begin() chooses which containers the engine is asked about, poll_files() reads
 * the files of the others, poll_engine() requests the stats of the rest all at once, and
 * poll_emit() emits one batch.  What can fail: one container, which is counted and named in one
 * message; all of them, then gather() fails and the core backs off; or memory, then no rows are
 * emitted at all, since half a batch would look like containers that are gone.
 */
#include "stats_poll.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "stats_cpus.h"
#include "stats_read.h"

static const int64_t straggler_ns = 2 * CLOCK_SECOND;

enum {
	STATS_CONCURRENCY = 8,    /* where the engine answers immediately: no gain past it */
	STATS_SPARED_FILES = 128, /* descriptors left to the rest of the daemon */
};

/* ---- Rows ---- */

static void put_row(struct docker_stats *self, struct stats_baseline *baseline,
		    const struct stats *stats)
{
	double percent;
	const struct stats_subject subject = {
		.id = baseline->container->id,
		.name = baseline->container->name,
		.cpu_percent = stats_baseline_cpu(baseline, stats, &percent) ? &percent : NULL};
	stats_rows_put(&self->poll.rows, &subject, stats);
}

static void poll_failed(struct docker_stats *self, const struct stats_baseline *baseline, int error,
			const char *reason)
{
	if (self->poll.failed++ > 0)
		return;
	self->poll.error = error;
	snprintf(self->poll.reason, sizeof(self->poll.reason), "%.60s: %s",
		 baseline->container->name, reason);
}

/* ---- Files ---- */

static void poll_files(struct docker_stats *self)
{
	struct stats stats;
	if (!self->sources.host)
		return;
	/* /proc/stat once for all, so that rows of one poll have the same machine's time. */
	cgroup_host_sample(self->sources.host);
	for (uint32_t i = 0; i < self->baselines.n; i++) {
		struct stats_baseline *baseline = &self->baselines.items[i];
		if (!baseline->files)
			continue;
		int error = cgroup_files_read(self->sources.host, baseline->files,
					      tally_now(self->ctx), &stats);
		if (error == 0) {
			self->poll.read++;
			put_row(self, baseline, &stats);
			continue;
		}
		/* ENODEV and ESRCH: the container has ended, which is no failure. */
		if (error != ENODEV && error != ESRCH)
			poll_failed(self, baseline, error, strerror(error));
		stats_sources_on_exit(&self->sources, baseline);
	}
}

/* ---- The engine ---- */

static void poll_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct docker_stats *self = arg;
	/* one-shot spares the engine's second sample, and so at least a second: CPU percent is
	 * calculated against the sample that is kept here. */
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/stats?stream=false&one-shot=true",
		 self->poll.targets[i]->id);
}

static void poll_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct docker_stats *self = arg;
	struct stats_baseline *baseline = self->poll.targets[i];
	struct stats stats;
	char reason[FETCH_REASON_SIZE];
	size_t offset = 0;
	bool is_answer = !answer->error && answer->status == 200;
	/* Removed during the poll: a 404, or a 200 without a body. */
	if ((!answer->error && answer->status == 404) || (is_answer && answer->len == 0)) {
		self->poll.answered++;
		return;
	}
	if (!is_answer) {
		self->poll.hung += answer->error == ETIMEDOUT;
		baseline->hangs |= answer->error == ETIMEDOUT;
		docker_explain(answer, reason);
		poll_failed(self, baseline, answer->error ? answer->error : EPROTO, reason);
		return;
	}
	const char *problem = stats_read(answer->body, answer->len, &stats, &offset);
	if (problem) {
		snprintf(reason, sizeof(reason), "stats: at byte %zu of %zu: %s", offset,
			 answer->len, problem);
		poll_failed(self, baseline, EBADMSG, reason);
		return;
	}
	self->poll.answered++;
	/* Engines 25 to 28 give neither id nor name in one-shot answers: the container is known
	 * from the request. */
	stats_cpus_apply(baseline, &stats);
	if (stats_is_running(&stats))
		put_row(self, baseline, &stats);
}

/* Before API 1.44 each answer waits for the engine's shared tick of one second, so all are asked at
 * once: 100 took 1.3 s this way and 4.4 s with 32 at a time.  From 1.44 on an answer is immediate,
 * and more than 8 at a time gain nothing (100 in 120 ms). */
static uint32_t concurrency(const struct docker_stats *self)
{
	struct rlimit files;
	rlim_t n = (rlim_t)self->config->max_connections;
	if (docker_api(self->docker) >= DOCKER_API_INSTANT_STATS)
		return STATS_CONCURRENCY;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < n + STATS_SPARED_FILES)
		n = files.rlim_cur > STATS_SPARED_FILES + STATS_CONCURRENCY
			    ? files.rlim_cur - STATS_SPARED_FILES
			    : STATS_CONCURRENCY;
	return (uint32_t)n;
}

/* If most answered, the containers that did not are to blame, else the engine is.  Each of them
 * would delay every poll by the straggler timeout of two seconds, so they are skipped for a while.
 */
static void pause_hung(struct docker_stats *self, int64_t monotonic)
{
	struct stats_poll *poll = &self->poll;
	for (uint32_t i = 0; i < poll->n; i++) {
		struct stats_baseline *baseline = poll->targets[i];
		if (!baseline->hangs)
			continue;
		baseline->hangs = false;
		if (poll->hung > poll->answered)
			continue;
		int64_t pause = stats_baseline_strike(baseline, monotonic);
		tally_log(self->ctx, TALLY_WARNING,
			  "%s: the engine does not answer for its stats; skipped for %" PRId64
			  " min",
			  baseline->container->name, pause / CLOCK_MINUTE);
	}
}

static int poll_engine(struct docker_stats *self)
{
	const struct fetch_job job = {.n = self->poll.n,
				      .concurrency = concurrency(self),
				      .max_bytes = DOCKER_MAX_STATS,
				      .straggler_timeout = straggler_ns,
				      .path = poll_path,
				      .done = poll_done,
				      .arg = self};
	if (self->poll.n == 0)
		return 0;
	int r = stats_cpus_refresh(self);
	if (r == 0)
		r = docker_get_many(self->docker, DOCKER_STATS, &job);
	if (r == 0)
		pause_hung(self, tally_monotonic(self->ctx));
	return r;
}

/* ---- The poll ---- */

static int poll_begin(struct docker_stats *self, int64_t monotonic)
{
	struct stats_poll *poll = &self->poll;
	*poll = (struct stats_poll){0};
	poll->targets = calloc(self->baselines.n + 1, sizeof(struct stats_baseline *));
	int r = stats_rows_begin(&poll->rows, self->ctx);
	if (!poll->targets || r < 0)
		return tally_fail(self->ctx, ENOMEM, "no memory for a poll");
	for (uint32_t i = 0; i < self->baselines.n; i++) {
		struct stats_baseline *baseline = &self->baselines.items[i];
		if (baseline->source == SAMPLE_UNREADABLE)
			poll_failed(self, baseline, EACCES, self->sources.reason);
		if (baseline->source == SAMPLE_FROM_ENGINE && baseline->retry <= monotonic)
			poll->targets[poll->n++] = baseline;
	}
	return 0;
}

/* Emits the rows, and logs which are missing. */
static int poll_emit(struct docker_stats *self)
{
	struct stats_poll *poll = &self->poll;
	if (poll->rows.no_memory)
		return tally_fail(self->ctx, ENOMEM, "no memory for a poll's rows");
	if (poll->failed && !poll->answered && !poll->read)
		return tally_fail(self->ctx, poll->error, "%s: no stats of %u containers: %s",
				  docker_endpoint(self->docker), poll->failed, poll->reason);
	if (poll->failed)
		tally_log(self->ctx, TALLY_WARNING, "no stats of %u out of %u containers: %s",
			  poll->failed, self->baselines.n, poll->reason);
	if (poll->rows.batch->n_rows == 0)
		return 0;
	struct tally_batch *batch = poll->rows.batch;
	poll->rows.batch = NULL;
	return tally_emit(self->ctx, batch, NULL, NULL);
}

int stats_poll(struct docker_stats *self)
{
	struct stats_poll *poll = &self->poll;
	int r = poll_begin(self, tally_monotonic(self->ctx));
	if (r == 0) {
		poll_files(self);
		tally_gauge(self->ctx, METRIC_FROM_FILES, poll->read);
		tally_gauge(self->ctx, METRIC_FROM_ENGINE, poll->n);
		r = poll_engine(self);
	}
	if (r == 0)
		r = poll_emit(self);
	if (poll->rows.batch)
		tally_batch_drop(self->ctx, poll->rows.batch);
	free(poll->targets);
	*poll = (struct stats_poll){0};
	return r;
}
