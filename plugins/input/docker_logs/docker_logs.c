/*
 * docker_logs: what containers print, line by line, from the moment they start.
 *
 * Happy path: the engine's events and its list say which containers there are, each that passes is
 * inspected and its log read (follower.c), by the API or from the engine's own files; lines
 * become rows, which are handed over with the position to resume from.
 *
 * What can fail: the configuration, which is checked here; the engine, for which docker_follow.h
 * waits; one container, whose follower tries again (follow_state.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "followers.h"
#include "logs.h"
#include "logs/logs_table.h"
#include "patterns/patterns_table.h"
#include "session.h"

static int logs_start(void *arg)
{
	struct docker_logs *logs = arg;
	return docker_connect(logs->docker);
}

static void logs_stop(void *arg)
{
	struct docker_logs *logs = arg;
	docker_disconnect(logs->docker);
}

static void logs_destroy(void *arg)
{
	struct docker_logs *logs = arg;
	followers_destroy(logs);
	docker_destroy(logs->docker);
	log_common_done(&logs->common);
	free(logs);
}

static int logs_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	auto_free struct docker_logs *logs = calloc(1, sizeof(*logs));
	if (!logs)
		return tally_fail(ctx, ENOMEM, "no memory");
	logs->ctx = ctx;
	logs->config = config;
	logs->inotify_fd = -1;
	logs->started = tally_now(ctx);
	int r = log_common_init(&logs->common, ctx, &logs->config->log, METRIC_LOGS);
	if (r == 0)
		r = docker_create(ctx, &logs->config->docker, &logs->docker);
	if (r < 0) {
		log_common_done(&logs->common);
		return r;
	}
	docker_target(logs->docker, &logs->target);
	if (logs->config->source == SOURCE_FILE && !logs->target.endpoint->path[0]) {
		r = tally_fail(
			ctx, EINVAL,
			"source = file: log files are on the engine's machine, which %s need not "
			"be; use source = auto or api, or a unix:// endpoint",
			logs->target.endpoint->text);
		logs_destroy(TAKE(logs));
		return r;
	}
	*ret_self = TAKE(logs);
	return 0;
}

static const struct tally_option logs_options[] = {
	DOCKER_OPTIONS(offsetof(struct logs_config, docker)),
	DOCKER_HOST_ROOT_OPTION(offsetof(struct logs_config, host_root),
				"the engine's log files are looked for there; unset: where the "
				"engine says"),
	{.name = "source",
	 .fallback = "auto",
	 .accepts = "auto|api|file",
	 .help = "file: read the engine's own log files (Docker's JSON or Podman's CRI format), "
		 "which costs the engine nothing and loses nothing at rotations; only on the "
		 "engine's machine; api: the engine sends the log; auto: file where it can be "
		 "read, "
		 "else api",
	 .type = TALLY_OPT_CHOICE,
	 .offset = offsetof(struct logs_config, source)},
	LOG_OPTIONS(offsetof(struct logs_config, log)),
	{.name = "max_containers",
	 .fallback = "1000",
	 .accepts = "1..10000",
	 .help = "maximum number of containers that are followed",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, max_containers)},
	DOCKER_SERVICE_OPTION(offsetof(struct logs_config, service_label)),
	{0}};

static const struct tally_metric logs_metrics[] = {
	DOCKER_METRICS,
	DOCKER_FOLLOW_METRICS,
	LOG_METRICS,
	[METRIC_CONTAINERS] =
		LOG_METRIC("containers", "Containers whose logs are followed.", GAUGE),
	[METRIC_UNREADABLE] =
		LOG_METRIC("unreadable", "Containers whose logging driver cannot be read.", GAUGE),
	[METRIC_NOT_FOLLOWED] =
		LOG_METRIC("not_followed", "Containers beyond max_containers.", GAUGE),
	[METRIC_ENGINE_ERRORS] = LOG_METRIC("engine_texts_total",
					    "Error messages of the engine within a log.", COUNTER),
	{0}};

static const struct tally_table *const logs_tables[] = {&logs_table, &patterns_table, NULL};

static const struct tally_input logs_input = {.size = sizeof(struct tally_input),
					      .run = session_run};

static int logs_check(struct tally_ctx *ctx, const void *config)
{
	return docker_check_files(ctx, &((const struct logs_config *)config)->docker);
}

TALLY_PLUGIN(.name = "docker_logs", .version = TALLYD_VERSION,
	     .help = "What containers print, line by line, from the Docker Engine",
	     .options = logs_options, .config_size = sizeof(struct logs_config),
	     .tables = logs_tables, .metrics = logs_metrics, .create = logs_create,
	     .start = logs_start, .stop = logs_stop, .destroy = logs_destroy, .input = &logs_input,
	     .check = logs_check)
