/*
 * cri_logs: what containers print on a node without Docker's API, from the log files that
 * containerd and CRI-O write for the kubelet.  Rows of container_logs, as docker_logs has them.
 *
 * Happy path: the kubelet's links say which containers there are (cri_list.h), each is followed
 * (cri_follow.h), lines become rows, which are handed over with the position to resume from.  What
 * can fail: the configuration, which is checked here; see cri_session.c and cri_follow.h.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cri_logs.h"
#include "logs/logs_table.h"
#include "patterns/patterns_table.h"

static void cri_logs_destroy(void *arg)
{
	struct cri_logs *logs = arg;
	log_common_done(&logs->reading.common);
	free(logs->follows);
	free(logs);
}

static int cri_logs_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct cri_logs *logs = calloc(1, sizeof(*logs));
	if (!logs)
		return tally_fail(ctx, ENOMEM, "no memory");
	logs->ctx = ctx;
	logs->config = config;
	logs->reading.inotify_fd = -1;
	int r = cri_config_check(ctx, &logs->config->cri);
	if (r == 0)
		r = log_common_init(&logs->reading.common, ctx, &logs->config->log, METRIC_LOGS);
	if (r < 0)
		return r;
	*ret_self = TAKE(logs);
	return 0;
}

static const struct tally_option cri_logs_options[] = {
	CRI_OPTIONS(offsetof(struct cri_logs_config, cri)),
	{.name = "scan_interval",
	 .fallback = "5s",
	 .accepts = "100ms..5min",
	 .help = "how often to look for containers that are new or gone; lines of a new one are "
		 "not lost meanwhile",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct cri_logs_config, scan_interval)},
	LOG_OPTIONS(offsetof(struct cri_logs_config, log)),
	{0}};

static const struct tally_metric cri_logs_metrics[] = {
	[METRIC_CONTAINERS] =
		LOG_METRIC("containers", "Containers whose logs are followed.", GAUGE),
	[METRIC_NOT_FOLLOWED] =
		LOG_METRIC("not_followed", "Containers beyond max_containers.", GAUGE),
	[METRIC_FOREIGN] = LOG_METRIC("foreign_links",
				      "Names in the folder of links that are not the kubelet's, or "
				      "lead nowhere.",
				      GAUGE),
	LOG_METRICS,
	{0}};

static const struct tally_table *const cri_logs_tables[] = {&logs_table, &patterns_table, NULL};

static const struct tally_input cri_logs_input = {.size = sizeof(struct tally_input),
						  .run = cri_session_run};

TALLY_PLUGIN(.name = "cri_logs", .version = TALLYD_VERSION,
	     .help = "What containers print on a node of Kubernetes, line by line, from their log "
		     "files",
	     .options = cri_logs_options, .config_size = sizeof(struct cri_logs_config),
	     .tables = cri_logs_tables, .metrics = cri_logs_metrics, .create = cri_logs_create,
	     .destroy = cri_logs_destroy, .input = &cri_logs_input)
