#include "stats_sweep.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "stats_cpus.h"
#include "stats_read.h"

static const int64_t second_ns = 1000000000, patience_ns = INT64_C(2000000000);

enum {
	STATS_AT_ONCE = 8,        /* where the engine answers immediately: no gain past it */
	STATS_SPARED_FILES = 128, /* descriptors left to the rest of the daemon */
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
	stats_cpus_bound(baseline, &stats);
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
	int r = stats_cpus_learn(self);
	if (r == 0)
		r = docker_get_many(self->docker, DOCKER_STATS, &job);
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

int stats_sweep(struct docker_stats *self)
{
	int r = sweep_run(self);
	sweep_end(self);
	return r;
}
