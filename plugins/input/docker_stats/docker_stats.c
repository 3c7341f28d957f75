/*
 * docker_stats: what running containers use.  Each gather is one sweep: list what runs if that may
 * have changed, read the files of those whose files can be read, ask for the one-shot stats of all
 * others at once, emit one row each.
 *
 * Happy path: connect (negotiates the version, once), list, renew the baselines, sweep, emit.
 * What can fail: the engine as a whole, then gather fails and the core backs off, unless there are
 * files to read, of the containers known so far; single
 * containers, which are counted, and left out for a while if they hang; a container that goes
 * during the sweep is no failure.  Sweeps that take over half the interval stretch it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <inttypes.h>
#include <sys/resource.h>
#include <tallyd/host.h>

#include "docker_list.h"
#include "stats_baseline.h"
#include "stats_local.h"
#include "stats_read.h"
#include "stats_table.h"

static const int64_t second_ns = 1000000000, patience_ns = INT64_C(2000000000);

enum {
	STATS_AT_ONCE = 8,        /* where the engine answers immediately: no gain past it */
	STATS_SPARED_FILES = 128, /* descriptors left to the rest of the daemon */
};

enum stats_metric { METRIC_BY_ENGINE = DOCKER_METRICS_END, METRIC_BY_FILES, METRIC_INTERVAL };

struct stats_config {
	struct docker_config docker;
	int64_t max_connections, source;
};

/* One sweep. */
struct stats_sweep {
	struct stats_baseline **asked;
	uint32_t n;
	struct tally_batch *batch;
	const char *host; /* [tallyd] host, in the batch */
	size_t host_len;
	uint32_t read; /* from files */
	uint32_t answered, failed, hung;
	int error; /* the first failure's */
	char reason[FETCH_REASON_SIZE + 64];
	bool no_memory;
};

struct docker_stats {
	struct tally_ctx *ctx;
	const struct stats_config *config;
	struct docker *docker;
	struct docker_list list; /* what runs, as far as is known */
	struct stats_baselines baselines;
	struct stats_local local;
	struct stats_sweep sweep;
	int64_t stretch; /* intervals from one sweep to the next */
	bool was_slow;   /* the sweep before would have stretched it */
	int64_t due;     /* monotonic ns; no sweep before */
};

/* ---- Rows ---- */

static void put_texts(struct docker_stats *self, struct tally_cell *row,
		      const struct docker_container *container)
{
	struct stats_sweep *sweep = &self->sweep;
	size_t id_len = strlen(container->id), name_len = strlen(container->name);
	const char *id = tally_batch_copy(self->ctx, sweep->batch, container->id, id_len);
	const char *name = tally_batch_copy(self->ctx, sweep->batch, container->name, name_len);
	sweep->no_memory |= !id || !name;
	if (sweep->no_memory)
		return;
	tally_put_text(row, STATS_HOST, sweep->host, sweep->host_len);
	tally_put_text(row, STATS_CONTAINER_ID, id, id_len);
	tally_put_text(row, STATS_NAME, name, name_len);
}

/* Source: calculateMemUsageUnixNoCache() of the docker command. */
static void put_memory(struct tally_cell *row, const struct stats *stats)
{
	const struct json_int *usage = &stats->slots[STATS_MEM_USAGE_BYTES];
	const struct json_int *limit = &stats->slots[STATS_MEM_LIMIT_BYTES];
	const struct json_int *inactive = &stats->slots[STATS_INACTIVE_FILE];
	if (!usage->set)
		return;
	int64_t used = usage->value;
	if (inactive->set && inactive->value > 0 && inactive->value < used)
		used -= inactive->value;
	tally_put_int(row, STATS_MEM_USED_BYTES, used);
	if (limit->set && limit->value > 0)
		tally_put_real(row, STATS_MEM_PERCENT, (double)used * 100 / (double)limit->value);
}

static void put_row(struct docker_stats *self, struct stats_baseline *baseline,
		    const struct stats *stats)
{
	double percent;
	struct tally_cell *row = tally_batch_row(self->ctx, self->sweep.batch);
	if (!row) {
		self->sweep.no_memory = true;
		return;
	}
	tally_put_int(row, STATS_TIME, stats->slots[STATS_READ_TIME].value);
	put_texts(self, row, baseline->container);
	for (uint32_t i = STATS_CPU_USAGE_NS; i < STATS_COLUMNS; i++)
		if (stats->slots[i].set)
			tally_put_int(row, i, stats->slots[i].value);
	put_memory(row, stats);
	if (stats_baseline_cpu(baseline, stats, &percent))
		tally_put_real(row, STATS_CPU_PERCENT, percent);
}

/* ---- The sweep ---- */

static void sweep_path(void *arg, uint32_t i, char ret[FETCH_PATH_SIZE])
{
	const struct docker_stats *self = arg;
	snprintf(ret, FETCH_PATH_SIZE, "/containers/%s/stats?stream=false&one-shot=true",
		 self->sweep.asked[i]->id);
}

static void sweep_failed(struct docker_stats *self, const struct stats_baseline *baseline,
			 int error, const char *reason)
{
	if (self->sweep.failed++ > 0)
		return;
	self->sweep.error = error;
	snprintf(self->sweep.reason, sizeof(self->sweep.reason), "%.60s: %s",
		 baseline->container->name, reason);
}

static void sweep_read(struct docker_stats *self, struct stats_baseline *baseline,
		       struct fetch_answer *answer)
{
	struct stats stats;
	size_t offset = 0;
	char reason[FETCH_REASON_SIZE];
	const char *problem = stats_read(answer->body, answer->len, &stats, &offset);
	if (problem) {
		snprintf(reason, sizeof(reason), "stats: at byte %zu of %zu: %s", offset,
			 answer->len, problem);
		sweep_failed(self, baseline, EBADMSG, reason);
		return;
	}
	self->sweep.answered++;
	if (stats_is_running(&stats))
		put_row(self, baseline, &stats);
}

/* Gone in the middle: a 404, or a 200 without a body. */
static bool is_gone(const struct fetch_answer *answer)
{
	return !answer->error &&
	       (answer->status == 404 || (answer->status == 200 && answer->len == 0));
}

static void sweep_done(void *arg, uint32_t i, struct fetch_answer *answer)
{
	struct docker_stats *self = arg;
	struct stats_baseline *baseline = self->sweep.asked[i];
	char reason[FETCH_REASON_SIZE];
	if (is_gone(answer)) {
		self->sweep.answered++;
		return;
	}
	if (!answer->error && answer->status == 200) {
		sweep_read(self, baseline, answer);
		return;
	}
	if (answer->error == ETIMEDOUT) {
		self->sweep.hung++;
		baseline->hangs = true;
	}
	docker_explain(answer, reason);
	sweep_failed(self, baseline, answer->error ? answer->error : EPROTO, reason);
}

/* Before API 1.44 each answer waits for the engine's tick of one second, so all are asked at
 * once. */
static uint32_t at_once(const struct docker_stats *self)
{
	struct rlimit files;
	rlim_t n = (rlim_t)self->config->max_connections;
	if (docker_api(self->docker) >= DOCKER_API_AT_ONCE)
		return STATS_AT_ONCE;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < n + STATS_SPARED_FILES)
		n = files.rlim_cur > STATS_SPARED_FILES + STATS_AT_ONCE
			    ? files.rlim_cur - STATS_SPARED_FILES
			    : STATS_AT_ONCE;
	return (uint32_t)n;
}

/* If most answered, those that did not are to blame; else it is the engine. */
static void blame_hung(struct docker_stats *self, int64_t monotonic)
{
	struct stats_sweep *sweep = &self->sweep;
	for (uint32_t i = 0; i < sweep->n; i++) {
		struct stats_baseline *baseline = sweep->asked[i];
		if (!baseline->hangs)
			continue;
		baseline->hangs = false;
		if (sweep->hung > sweep->answered)
			continue;
		int64_t pause = stats_baseline_strike(baseline, monotonic);
		tally_log(self->ctx, TALLY_WARNING,
			  "%s does not answer for its stats: left out for %" PRId64 " min",
			  baseline->container->name, pause / (60 * second_ns));
	}
}

static int sweep_init(struct docker_stats *self, int64_t monotonic)
{
	struct stats_sweep *sweep = &self->sweep;
	*sweep = (struct stats_sweep){0};
	sweep->asked = calloc(self->baselines.n + 1, sizeof(struct stats_baseline *));
	sweep->batch = tally_batch_new(self->ctx, &stats_table);
	sweep->host_len = strlen(self->ctx->machine);
	if (sweep->batch)
		sweep->host = tally_batch_copy(self->ctx, sweep->batch, self->ctx->machine,
					       sweep->host_len);
	if (!sweep->asked || !sweep->host)
		return tally_fail(self->ctx, ENOMEM, "no memory for a sweep");
	for (uint32_t i = 0; i < self->baselines.n; i++) {
		struct stats_baseline *baseline = &self->baselines.items[i];
		if (baseline->way == STATS_UNREADABLE)
			sweep_failed(self, baseline, EACCES, self->local.reason);
		if (baseline->way == STATS_BY_ENGINE && baseline->retry <= monotonic)
			sweep->asked[sweep->n++] = baseline;
	}
	return 0;
}

static void sweep_end(struct docker_stats *self)
{
	if (self->sweep.batch)
		tally_batch_drop(self->ctx, self->sweep.batch);
	free(self->sweep.asked);
	self->sweep = (struct stats_sweep){0};
}

/* Hands the rows on; says what is missing. */
static int sweep_deliver(struct docker_stats *self)
{
	struct stats_sweep *sweep = &self->sweep;
	if (sweep->no_memory)
		return tally_fail(self->ctx, ENOMEM, "no memory for a sweep's rows");
	if (sweep->failed && !sweep->answered && !sweep->read)
		return tally_fail(self->ctx, sweep->error, "%s: no stats of %u containers: %s",
				  docker_endpoint(self->docker), sweep->failed, sweep->reason);
	if (sweep->failed)
		tally_log(self->ctx, TALLY_WARNING, "no stats of %u out of %u containers: %s",
			  sweep->failed, self->baselines.n, sweep->reason);
	if (sweep->batch->n_rows == 0)
		return 0;
	struct tally_batch *batch = sweep->batch;
	sweep->batch = NULL;
	return tally_emit(self->ctx, batch, NULL, NULL);
}

static int sweep_engine(struct docker_stats *self)
{
	const struct fetch_job job = {.n = self->sweep.n,
				      .at_once = at_once(self),
				      .max_bytes = DOCKER_MAX_STATS,
				      .patience = patience_ns,
				      .path = sweep_path,
				      .done = sweep_done,
				      .arg = self};
	if (self->sweep.n == 0)
		return 0;
	int r = docker_sweep(self->docker, DOCKER_STATS, &job);
	if (r == 0)
		blame_hung(self, tally_monotonic(self->ctx));
	return r;
}

static void read_files(struct docker_stats *self, struct stats_baseline *baseline)
{
	struct stats stats;
	int error =
		cgroup_files_read(self->local.host, baseline->files, tally_now(self->ctx), &stats);
	if (error == 0) {
		self->sweep.read++;
		put_row(self, baseline, &stats);
		return;
	}
	if (error != ENODEV && error != ESRCH)
		sweep_failed(self, baseline, error, strerror(error));
	stats_local_gone(&self->local, baseline);
}

static void sweep_files(struct docker_stats *self)
{
	if (!self->local.host)
		return;
	cgroup_host_tick(self->local.host);
	for (uint32_t i = 0; i < self->baselines.n; i++)
		if (self->baselines.items[i].files)
			read_files(self, &self->baselines.items[i]);
}

static int sweep_run(struct docker_stats *self)
{
	int r = sweep_init(self, tally_monotonic(self->ctx));
	if (r < 0)
		return r;
	sweep_files(self);
	tally_gauge(self->ctx, METRIC_BY_FILES, self->sweep.read);
	tally_gauge(self->ctx, METRIC_BY_ENGINE, self->sweep.n);
	r = sweep_engine(self);
	return r < 0 ? r : sweep_deliver(self);
}

/* ---- What runs ---- */

static int list(struct docker_stats *self)
{
	struct docker_list found = {0};
	int r = docker_connect(self->docker);
	if (r == 0)
		r = docker_list_get(self->docker, self->ctx, false, &found);
	if (r < 0)
		return r;
	if (stats_baselines_renew(&self->baselines, &found, &self->config->docker.match) < 0) {
		r = tally_fail(self->ctx, ENOMEM, "no memory for %u containers", found.n);
		docker_list_done(&found);
		return r;
	}
	docker_list_done(&self->list);
	self->list = found;
	return 0;
}

/* Files can be read on while the engine does not answer. */
static int look_what_runs(struct docker_stats *self)
{
	bool wanted;
	int r = stats_local_wants_list(&self->local, &wanted);
	if (r < 0 || !wanted)
		return r;
	int64_t begun = tally_monotonic(self->ctx);
	r = list(self);
	stats_local_listed(&self->local, -r, tally_monotonic(self->ctx) - begun);
	if (r == 0)
		return stats_local_open(&self->local, &self->baselines);
	if (r == -ECANCELED || self->local.ways[STATS_BY_FILES] == 0)
		return r;
	tally_log(self->ctx, TALLY_WARNING, "reading on what is known already: %s",
		  tally_reason(self->ctx));
	return 0;
}

static int collect(struct docker_stats *self)
{
	int r = look_what_runs(self);
	if (r == 0)
		r = sweep_run(self);
	sweep_end(self);
	return r;
}

/* ---- Pace ---- */

/* So that sweeps take at most half of the time; back only when a quarter is enough, lest it
 * wavers. */
static int64_t stretch_for(const struct docker_stats *self, int64_t took)
{
	int64_t interval = self->ctx->interval;
	int64_t enough = self->stretch > 1 ? interval / 4 : interval / 2;
	int64_t stretch = (2 * took + interval - 1) / interval;
	if (took <= enough)
		return 1;
	return stretch > 2 ? stretch : 2;
}

/* One slow sweep may be a moment's fault, which should cost no more than its own time. */
static int64_t next_stretch(struct docker_stats *self, int64_t took)
{
	int64_t stretch = stretch_for(self, took);
	bool is_slow = stretch > self->stretch, was_slow = self->was_slow;
	self->was_slow = is_slow && !was_slow;
	if (!is_slow)
		return stretch;
	if (!was_slow)
		return self->stretch;
	return stretch < 2 * self->stretch ? stretch : 2 * self->stretch;
}

static void set_pace(struct docker_stats *self, int64_t begun, int64_t took)
{
	int64_t interval = self->ctx->interval;
	if (interval <= 0)
		return;
	int64_t stretch = next_stretch(self, took);
	if (stretch > 1 && self->stretch == 1)
		tally_log(self->ctx, TALLY_WARNING,
			  "sweeps take %.1f s, over half the interval of %.1f s: going on "
			  "every %.1f s",
			  (double)took / 1e9, (double)interval / 1e9,
			  (double)(stretch * interval) / 1e9);
	if (stretch == 1 && self->stretch > 1)
		tally_log(self->ctx, TALLY_NOTICE, "sweeps are fast enough again: every %.1f s",
			  (double)interval / 1e9);
	self->stretch = stretch;
	/* The core's ticks jitter a little. */
	self->due = stretch == 1 ? 0 : begun + stretch * interval - interval / 4;
	tally_gauge(self->ctx, METRIC_INTERVAL, stretch * interval);
}

static int stats_gather(void *arg)
{
	struct docker_stats *self = arg;
	int64_t begun = tally_monotonic(self->ctx);
	if (begun < self->due)
		return 0;
	int r = collect(self);
	if (r < 0)
		self->was_slow = false;
	else
		set_pace(self, begun, tally_monotonic(self->ctx) - begun);
	return r;
}

/* ---- The plugin ---- */

static int stats_start(void *arg)
{
	struct docker_stats *self = arg;
	int r = stats_local_start(&self->local);
	if (r == 0)
		r = docker_connect(self->docker);
	if (r < 0)
		stats_local_stop(&self->local);
	return r;
}

static void stats_stop(void *arg)
{
	struct docker_stats *self = arg;
	docker_disconnect(self->docker);
	stats_baselines_done(&self->baselines);
	stats_local_stop(&self->local);
	docker_list_done(&self->list);
	self->stretch = 1;
	self->was_slow = false;
	self->due = 0;
}

static void stats_destroy(void *arg)
{
	struct docker_stats *self = arg;
	docker_destroy(self->docker);
	free(self);
}

static int stats_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct docker_stats *self = calloc(1, sizeof(*self));
	if (!self)
		return tally_fail(ctx, ENOMEM, "no memory");
	self->ctx = ctx;
	self->config = config;
	self->stretch = 1;
	int r = docker_create(ctx, &self->config->docker, &self->docker);
	self->local = (struct stats_local){
		.ctx = ctx, .docker = self->docker, .source = self->config->source};
	if (r == 0)
		r = stats_local_check(&self->local);
	if (r < 0) {
		stats_destroy(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option stats_options[] = {
	DOCKER_OPTIONS(offsetof(struct stats_config, docker)),
	{.name = "max_connections",
	 .fallback = "1024",
	 .accepts = "1..4096",
	 .help = "how many containers are asked at once of an engine before 25 (API 1.44), which "
		 "answers only once a second; newer ones are asked over 8 connections",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct stats_config, max_connections)},
	{.name = "source",
	 .fallback = "auto",
	 .accepts = STATS_SOURCES,
	 .help = "whence the numbers: api asks the engine; cgroup reads the containers' cgroup "
		 "files "
		 "and /proc, which costs a fiftieth of it and suits intervals of 1 s; auto reads "
		 "the "
		 "files where the engine is on this machine and they can be read, and asks the "
		 "engine for the rest",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct stats_config, source)},
	{0}};

static const struct tally_metric stats_metrics[] = {
	DOCKER_METRICS,
	[METRIC_BY_ENGINE] = {.name = "containers",
			      .help = "Containers in the last sweep.",
			      .labels = "source=\"api\"",
			      .kind = TALLY_METRIC_GAUGE},
	[METRIC_BY_FILES] = {.name = "containers",
			     .help = "Containers in the last sweep.",
			     .labels = "source=\"cgroup\"",
			     .kind = TALLY_METRIC_GAUGE},
	[METRIC_INTERVAL] = {.name = "interval_seconds",
			     .unit = "ns",
			     .help = "From one sweep to the next; longer than configured if sweeps "
				     "are slow.",
			     .kind = TALLY_METRIC_GAUGE},
	{0}};

static const struct tally_table *const stats_tables[] = {&stats_table, NULL};

static const struct tally_input stats_input = {
	.size = sizeof(struct tally_input), .interval = "5s", .gather = stats_gather};

TALLY_PLUGIN(.name = "docker_stats", .version = TALLYD_VERSION,
	     .help = "What running containers use, from their cgroup files or the Docker Engine",
	     .options = stats_options, .config_size = sizeof(struct stats_config),
	     .tables = stats_tables, .metrics = stats_metrics, .create = stats_create,
	     .start = stats_start, .stop = stats_stop, .destroy = stats_destroy,
	     .input = &stats_input)
