/*
 * cgroup_stats: what containers use on a node without Docker's API, from their cgroup files.  Rows
 * of container_stats as docker_stats has them, and of container_info as far as the kubelet's file
 * names and the cgroups tell.
 *
 * Happy path: each gather() looks for containers for a moment (scan.c), reads the files of those
 * that it knows, and emits a row each.  What can fail: no cgroup is mounted here, then start()
 * fails; one container's files, which end when it does; memory, then no rows are emitted at all.
 */
#include "cgroup_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "containers/status_table.h"

/* ---- A poll ---- */

static void note_limits(struct cgroup_stats *self, struct container *container,
			const struct stats *stats)
{
	const struct json_int *memory = &stats->slots[STATS_MEM_LIMIT_BYTES];
	container->pids_limit = stats->slots[STATS_PIDS_LIMIT];
	container->cpu_quota = stats->slots[STATS_CPU_QUOTA];
	container->cpu_period = stats->slots[STATS_CPU_PERIOD];
	container->mem_limit = *memory;
	/* Without a limit the machine's memory stands in the row. */
	if (memory->value == cgroup_host_memory(self->host))
		container->mem_limit.set = false;
}

static void read_one(struct cgroup_stats *self, struct stats_rows *rows,
		     struct container *container)
{
	struct stats stats;
	char name[CRI_TEXT_SIZE];
	double percent;
	int error = cgroup_files_read(self->host, container->files, tally_now(self->ctx), &stats);
	if (error) {
		cgroup_files_close(container->files);
		container->files = NULL;
		self->info_due = 0;
		/* ENODEV, ESRCH: it has ended.  Else the next scan opens it again. */
		if (error != ENODEV && error != ESRCH)
			tally_log(self->ctx, TALLY_WARNING, "%s: cannot read its cgroup: %s",
				  container->id, strerror(error));
		return;
	}
	note_limits(self, container, &stats);
	const struct stats_subject subject = {
		.id = container->id,
		.name = container->named ? name : NULL,
		.cpu_percent =
			stats_cpu_advance(&container->cpu, &stats, &percent) ? &percent : NULL};
	cri_name_full(&container->name, name);
	stats_rows_put(rows, &subject, &stats);
}

static int poll_containers(struct cgroup_stats *self)
{
	struct stats_rows rows;
	uint32_t read = 0;
	int r = stats_rows_begin(&rows, self->ctx);
	if (r == 0)
		cgroup_host_sample(self->host);
	for (uint32_t i = 0; r == 0 && i < self->containers.n; i++)
		if (self->containers.items[i]->files)
			read_one(self, &rows, self->containers.items[i]);
	if (r < 0 || rows.no_memory)
		r = tally_fail(self->ctx, ENOMEM, "no memory for a poll's rows");
	if (rows.batch)
		read = rows.batch->n_rows;
	tally_gauge(self->ctx, METRIC_CONTAINERS, read);
	if (r == 0 && read > 0)
		return tally_emit(self->ctx, rows.batch, NULL, NULL);
	if (rows.batch)
		tally_batch_drop(self->ctx, rows.batch);
	return r;
}

static int cgroup_stats_gather(void *arg)
{
	struct cgroup_stats *self = arg;
	int r = scan_go_on(self);
	if (r == 0)
		r = poll_containers(self);
	return r == 0 ? container_info_emit(self) : r;
}

/* ---- The plugin ---- */

static int cgroup_stats_start(void *arg)
{
	struct cgroup_stats *self = arg;
	char reason[CGROUP_REASON_SIZE] = "";
	int error = cgroup_host_start(self->config->cri.host_root, &self->host, reason);
	if (error)
		return tally_fail(self->ctx, error, "%s", reason);
	container_info_load(self);
	return 0;
}

static void cgroup_stats_stop(void *arg)
{
	struct cgroup_stats *self = arg;
	scan_stop(&self->scan);
	containers_done(&self->containers);
	cgroup_host_stop(self->host);
	self->host = NULL;
}

static void cgroup_stats_destroy(void *arg)
{
	struct cgroup_stats *self = arg;
	cgroup_patterns_done(&self->patterns);
	if (self->info)
		tally_batch_drop(self->ctx, self->info);
	free(self);
}

static int cgroup_stats_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct cgroup_stats *self = calloc(1, sizeof(*self));
	const char *wrong = "";
	if (!self)
		return tally_fail(ctx, ENOMEM, "no memory");
	self->ctx = ctx;
	self->config = config;
	int r = cri_config_check(ctx, &self->config->cri);
	const char *problem = cgroup_patterns_init(&self->patterns, self->config->paths, &wrong);
	if (r == 0 && problem)
		r = tally_fail(ctx, EINVAL, "paths: \"%s\" %s", wrong, problem);
	if (r < 0) {
		cgroup_stats_destroy(self);
		return r;
	}
	*ret_self = self;
	return 0;
}

static const struct tally_option cgroup_stats_options[] = {
	{.name = "paths",
	 .fallback = "/kube*/**/{id}, /kube*/**/crio-{id}, /kube*/**/crio-{id}.scope, "
		     "/kube*/**/cri-containerd-{id}.scope, /kube*/**/docker-{id}.scope",
	 .help = "where containers are, from the top of the cgroup hierarchy: * and ? match "
		 "within a name, ** any folders, {id} in the last name the container's id (12 to "
		 "64 hex digits)",
	 .type = TALLY_OPT_LIST,
	 .offset = offsetof(struct cgroup_config, paths)},
	{.name = "nameless",
	 .fallback = "no",
	 .help = "yes: containers without a link in `links`, too, as the sandbox of a pod is; if "
		 "there is no such folder they are all taken",
	 .type = TALLY_OPT_BOOL,
	 .offset = offsetof(struct cgroup_config, nameless)},
	{.name = "scan_interval",
	 .fallback = "5s",
	 .accepts = "100ms..5min",
	 .help = "how often to look for containers that are new",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct cgroup_config, scan_interval)},
	CRI_OPTIONS(offsetof(struct cgroup_config, cri)),
	{0}};

#define METRIC(n, h)                                                                               \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_GAUGE                                   \
	}

static const struct tally_metric cgroup_stats_metrics[] = {
	[METRIC_CONTAINERS] = METRIC("containers", "Containers in the last poll."),
	[METRIC_NAMELESS] = METRIC("nameless", "Cgroups left out as no link has their name."),
	[METRIC_NOT_READ] = METRIC("not_read", "Containers beyond max_containers."),
	[METRIC_UNREADABLE] =
		METRIC("unreadable", "Containers whose cgroup files cannot be opened."),
	{0}};

static const struct tally_table *const cgroup_stats_tables[] = {&stats_table, &status_table, NULL};

static const struct tally_input cgroup_stats_input = {.size = sizeof(struct tally_input),
						      .interval = 5 * CLOCK_SECOND,
						      .gather = cgroup_stats_gather};

TALLY_PLUGIN(.name = "cgroup_stats", .version = TALLYD_VERSION,
	     .help = "What containers use on a node of Kubernetes, from their cgroup files",
	     .options = cgroup_stats_options, .config_size = sizeof(struct cgroup_config),
	     .tables = cgroup_stats_tables, .metrics = cgroup_stats_metrics,
	     .create = cgroup_stats_create, .start = cgroup_stats_start, .stop = cgroup_stats_stop,
	     .destroy = cgroup_stats_destroy, .input = &cgroup_stats_input)
