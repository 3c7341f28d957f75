/*
 * docker_stats: what running containers use.  Each gather() is one poll, called by the core on the
 * instance's thread: list the containers if they may have changed, read the cgroup files of those
 * whose files are open, request the one-shot stats of all others at once, emit one row each.
 *
 * Happy path: connect (negotiates the API version, once), list, update the baselines, poll, emit.
 * What can fail: the engine as a whole, then gather() fails and the core backs off, unless there
 * are files to read, of the containers known so far; single containers, which are counted, and
 * skipped for a while if they hang.  A container that is removed during the poll is no failure.
 * Polls that take over half the interval stretch it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "docker_stats.h"
#include "stats_poll.h"

/* ---- The list of containers ---- */

static int list(struct docker_stats *self)
{
	struct docker_list found = {0};
	int r = docker_connect(self->docker);
	if (r == 0)
		r = docker_list_get(self->docker, self->ctx, false, &found);
	if (r < 0)
		return r;
	if (stats_baselines_update(&self->baselines, &found, &self->config->docker.match) < 0) {
		r = tally_fail(self->ctx, ENOMEM, "no memory for %u containers", found.n);
		docker_list_done(&found);
		return r;
	}
	docker_list_done(&self->list);
	self->list = found;
	return 0;
}

/* Files can be read on while the engine does not answer. */
static int refresh_list(struct docker_stats *self)
{
	bool due;
	/* Between two lists the known containers stay valid: one that has ended meanwhile is
	 * noticed when its files are read. */
	int r = stats_sources_list_due(&self->sources, &due);
	if (r < 0 || !due)
		return r;
	int64_t begun = tally_monotonic(self->ctx);
	r = list(self);
	stats_sources_on_list(&self->sources, -r, tally_monotonic(self->ctx) - begun);
	if (r == 0)
		return stats_sources_open_files(&self->sources, &self->baselines);
	if (r == -ECANCELED || self->sources.n_by_source[SAMPLE_FROM_FILES] == 0)
		return r;
	tally_log(self->ctx, TALLY_WARNING,
		  "cannot list containers, reading the files of those already known: %s",
		  tally_reason(self->ctx));
	return 0;
}

/* ---- A poll ---- */

static int stats_gather(void *arg)
{
	struct docker_stats *self = arg;
	int64_t begun = tally_monotonic(self->ctx);
	if (begun < self->interval.due)
		return 0;
	int r = refresh_list(self);
	if (r == 0)
		r = stats_poll(self);
	if (r < 0) {
		self->interval.was_slow = false;
		return r;
	}
	poll_interval_adapt(&self->interval, self->ctx, begun, tally_monotonic(self->ctx) - begun);
	tally_gauge(self->ctx, METRIC_INTERVAL, self->interval.stretch * self->ctx->interval);
	return 0;
}

/* ---- The plugin ---- */

static int stats_start(void *arg)
{
	struct docker_stats *self = arg;
	int r = stats_sources_start(&self->sources);
	if (r == 0)
		r = docker_connect(self->docker);
	if (r < 0)
		stats_sources_stop(&self->sources);
	return r;
}

static void stats_stop(void *arg)
{
	struct docker_stats *self = arg;
	docker_disconnect(self->docker);
	stats_baselines_done(&self->baselines);
	stats_sources_stop(&self->sources);
	docker_list_done(&self->list);
	self->interval = (struct poll_interval){.stretch = 1};
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
	self->interval.stretch = 1;
	int r = docker_create(ctx, &self->config->docker, &self->docker);
	self->sources = (struct stats_sources){.ctx = ctx,
					       .docker = self->docker,
					       .source = self->config->source,
					       .host_root = self->config->host_root};
	if (r == 0)
		r = stats_sources_check(&self->sources);
	if (r < 0) {
		stats_destroy(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option stats_options[] = {
	DOCKER_OPTIONS(offsetof(struct stats_config, docker)),
	DOCKER_HOST_ROOT_OPTION(offsetof(struct stats_config, host_root),
				"there /proc is looked for; unset: here"),
	{.name = "max_connections",
	 .fallback = "1024",
	 .accepts = "1..4096",
	 .help = "connections to an engine before 25 (API 1.44), one per container, because it "
		 "answers only once a second; newer engines get 8",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct stats_config, max_connections)},
	{.name = "source",
	 .fallback = "auto",
	 .accepts = STATS_SOURCES,
	 .help = "where the numbers come from: api: the engine; cgroup: the containers' cgroup "
		 "files and /proc, at a fiftieth of the cost, suitable for intervals of 1 s; auto: "
		 "the files if the engine is on this machine and they can be read, else the "
		 "engine, "
		 "container by container",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct stats_config, source)},
	{0}};

static const struct tally_metric stats_metrics[] = {
	DOCKER_METRICS,
	[METRIC_FROM_ENGINE] = {.name = "containers",
				.help = "Containers in the last poll.",
				.labels = "source=\"api\"",
				.kind = TALLY_METRIC_GAUGE},
	[METRIC_FROM_FILES] = {.name = "containers",
			       .help = "Containers in the last poll.",
			       .labels = "source=\"cgroup\"",
			       .kind = TALLY_METRIC_GAUGE},
	[METRIC_INTERVAL] = {.name = "interval_seconds",
			     .unit = "ns",
			     .help = "Time from one poll to the next; longer than configured if "
				     "polls are slow.",
			     .kind = TALLY_METRIC_GAUGE},
	{0}};

static const struct tally_table *const stats_tables[] = {&stats_table, NULL};

static const struct tally_input stats_input = {
	.size = sizeof(struct tally_input), .interval = 5 * CLOCK_SECOND, .gather = stats_gather};

static int stats_check(struct tally_ctx *ctx, const void *config)
{
	return docker_check_files(ctx, &((const struct stats_config *)config)->docker);
}

TALLY_PLUGIN(.name = "docker_stats", .version = TALLYD_VERSION,
	     .help = "What running containers use, from their cgroup files or the Docker Engine",
	     .options = stats_options, .config_size = sizeof(struct stats_config),
	     .tables = stats_tables, .metrics = stats_metrics, .create = stats_create,
	     .start = stats_start, .stop = stats_stop, .destroy = stats_destroy,
	     .input = &stats_input, .check = stats_check)
