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
#include "logs_table.h"
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
	if (logs->rule.joins)
		regfree(&logs->rule.start);
	free(logs);
}

static int make_rule(struct tally_ctx *ctx, const struct logs_config *config, struct log_rule *ret)
{
	char why[200];
	ret->gap = config->multiline_timeout;
	ret->max = (size_t)config->max_line;
	ret->max_lines = config->multiline_lines;
	if (!config->multiline_start)
		return 0;
	int r = regcomp(&ret->start, config->multiline_start, REG_EXTENDED | REG_NOSUB);
	ret->joins = r == 0;
	if (r == 0)
		return 0;
	regerror(r, &ret->start, why, sizeof(why));
	return tally_fail(ctx, EINVAL, "multiline_start: \"%s\": %s", config->multiline_start, why);
}

/* all, new, or a number of lines. */
static bool read_first_sight(const char *text, struct logs_first *ret)
{
	char *end;
	if (strcmp(text, "all") == 0)
		return true;
	ret->only_new = strcmp(text, "new") == 0;
	if (ret->only_new)
		return true;
	errno = 0;
	unsigned long lines = strtoul(text, &end, 10);
	ret->lines = (uint32_t)lines;
	return text[0] >= '1' && text[0] <= '9' && *end == '\0' && errno == 0 &&
	       lines <= 1000000000;
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
	if (!read_first_sight(logs->config->first_sight, &logs->first))
		return tally_fail(ctx, EINVAL,
				  "first_sight: \"%s\" is not all, new, or a number of lines",
				  logs->config->first_sight);
	int r = docker_create(ctx, &logs->config->docker, &logs->docker);
	if (r < 0)
		return r;
	r = make_rule(ctx, config, &logs->rule);
	if (r < 0) {
		docker_destroy(logs->docker);
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
	{.name = "first_sight",
	 .fallback = "all",
	 .help = "how much to read of a log that was never read before, if its container is older "
		 "than this daemon's start: all, new (only lines from now on), or the number of "
		 "last lines",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct logs_config, first_sight)},
	{.name = "max_line",
	 .fallback = "256Ki",
	 .accepts = "1Ki..16Mi",
	 .help = "longer lines are cut",
	 .type = TALLY_OPT_SIZE,
	 .offset = offsetof(struct logs_config, max_line)},
	{.name = "multiline_start",
	 .help = "POSIX extended regular expression that the first line of a message matches; "
		 "lines "
		 "that do not match belong to the message before them, as in a stack trace; unset: "
		 "each line is a message",
	 .type = TALLY_OPT_STRING,
	 .offset = offsetof(struct logs_config, multiline_start)},
	{.name = "multiline_timeout",
	 .fallback = "1s",
	 .accepts = "1ms..1h",
	 .help = "a line written this much later than the one before it begins a new message, too",
	 .type = TALLY_OPT_DURATION,
	 .offset = offsetof(struct logs_config, multiline_timeout)},
	{.name = "multiline_lines",
	 .fallback = "500",
	 .accepts = "2..100000",
	 .help = "maximum lines of a message; the next line begins a new one, as does a line that "
		 "would make the message longer than max_line",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, multiline_lines)},
	{.name = "max_containers",
	 .fallback = "1000",
	 .accepts = "1..10000",
	 .help = "maximum number of containers that are followed",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, max_containers)},
	{.name = "rate_limit",
	 .fallback = "0",
	 .accepts = "0..10000000",
	 .help = "maximum lines per second of one container; more are dropped and counted; 0: no "
		 "limit",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, rate_limit)},
	DOCKER_SERVICE_OPTION(offsetof(struct logs_config, service_label)),
	{.name = "max_patterns",
	 .fallback = "5000",
	 .accepts = "0..20000",
	 .help = "patterns of log lines that are told apart, at most 500 of a service; where they "
		 "are more, those that were not seen for longest are forgotten, once a minute, and "
		 "lines without one are counted; 0: no patterns",
	 .type = TALLY_OPT_INT,
	 .offset = offsetof(struct logs_config, max_patterns)},
	{0}};

#define LOGS_COUNTER(n, h)                                                                         \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_COUNTER                                 \
	}
#define LOGS_GAUGE(n, h)                                                                           \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_GAUGE                                   \
	}

static const struct tally_metric logs_metrics[] = {
	DOCKER_METRICS,
	DOCKER_FOLLOW_METRICS,
	[METRIC_CONTAINERS] = LOGS_GAUGE("containers", "Containers whose logs are followed."),
	[METRIC_UNREADABLE] =
		LOGS_GAUGE("unreadable", "Containers whose logging driver cannot be read."),
	[METRIC_NOT_FOLLOWED] = LOGS_GAUGE("not_followed", "Containers beyond max_containers."),
	[METRIC_READS] = LOGS_COUNTER("reads_total", "Times a log was opened for reading."),
	[METRIC_REPEATS] =
		LOGS_COUNTER("repeated_lines_total", "Lines that came again and were dropped."),
	[METRIC_GAPS] = LOGS_COUNTER(
		"gaps_total", "Times a log no longer held what was read last, so that lines may be "
			      "missing."),
	[METRIC_CUT] = LOGS_COUNTER("cut_lines_total", "Lines longer than max_line."),
	[METRIC_LIMITED] =
		LOGS_COUNTER("limited_lines_total", "Lines dropped because of rate_limit."),
	[METRIC_GARBAGE] = LOGS_COUNTER("garbage_total",
					"Damaged or foreign records in log files, and streams of "
					"the engine that were not a log."),
	[METRIC_ENGINE_ERRORS] =
		LOGS_COUNTER("engine_texts_total", "Error messages of the engine within a log."),
	[METRIC_PATTERNS] = LOGS_GAUGE("patterns", "Patterns of log lines that are known."),
	[METRIC_UNPATTERNED] = LOGS_COUNTER("unpatterned_lines_total",
					    "Lines for whose pattern max_patterns left no room."),
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
