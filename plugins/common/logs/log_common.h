/*
 * What the inputs that collect log lines have in common: options, metrics, and what the followers
 * of one instance share while they read.  One per instance; all of it lives in the input's one
 * thread, so nothing here is locked.
 */
#ifndef TALLYD_LOG_COMMON_H
#define TALLYD_LOG_COMMON_H

#include <stddef.h>
#include <tallyd/host.h>

#include "logs/log_file.h"
#include "logs/log_message.h"
#include "patterns/patterns.h"

/* Part of each such input's config. */
struct log_config {
	const char *first_sight;
	const char *multiline_start; /* NULL: each line is a message */
	int64_t max_line, multiline_timeout, multiline_lines, rate_limit, max_patterns;
};

/* How much of a log that was never read before is read. */
struct log_first {
	bool only_new;
	uint32_t lines; /* how many of the last; 0: all */
};

/* In the order of LOG_METRICS, counted from log_common.metrics. */
enum log_metric {
	LOG_METRIC_READS,
	LOG_METRIC_REPEATS,
	LOG_METRIC_GAPS,
	LOG_METRIC_CUT,
	LOG_METRIC_LIMITED,
	LOG_METRIC_GARBAGE,
	LOG_METRIC_PATTERNS,
	LOG_METRIC_UNPATTERNED,
	LOG_METRICS_END
};

struct log_common {
	struct tally_ctx *ctx;
	const struct log_config *config;
	uint32_t metrics; /* where LOG_METRICS begin among the plugin's */
	struct log_first first;
	struct log_rule rule;
	struct patterns *patterns; /* NULL: not reading, or max_patterns is 0 */
	bool resends;              /* the source sends lines twice at rotations: Docker 20.10 */
	bool seconds;              /* the source's times are whole seconds: Podman */
	int64_t waiting_since;     /* monotonic ns */
	size_t waiting;            /* bytes of rows that are not handed over */
};

/* In create().  0, or what tally_fail() returned. */
int log_common_init(struct log_common *common, struct tally_ctx *ctx,
		    const struct log_config *config, uint32_t metrics);
void log_common_done(struct log_common *common);

/* While it reads.  Without memory for patterns lines have none. */
void log_common_open_patterns(struct log_common *common);
/* Hands over what is due of them, or all there is. */
void log_common_flush_patterns(struct log_common *common, int64_t now, bool all);
void log_common_close_patterns(struct log_common *common);

void log_common_count(const struct log_common *common, enum log_metric metric, uint64_t n);

/* When rows that wait are handed over, monotonic ns; INT64_MAX: none wait. */
int64_t log_common_flush_due(const struct log_common *common);
/* Whether to do it now: that time has come, or they are too many. */
bool log_common_must_flush(const struct log_common *common, int64_t now);

/* Places in a file where no record could be read: reported at once, then once a minute. */
struct log_damage {
	uint64_t n;  /* not reported yet */
	off_t first; /* where the first of them is */
	int64_t due; /* monotonic ns: no message before */
};

/* Takes over what log_file.h has counted of gaps and damage since the last call.  last: the file
 * is about to be closed, so nothing is held back. */
void log_damage_take(struct log_damage *damage, const struct log_common *common, const char *name,
		     struct log_file *log, bool last);

#define LOG_OPTION(n, o, member, t, fall, range, h)                                                \
	{                                                                                          \
		.name = n, .offset = (o) + offsetof(struct log_config, member),                    \
		.type = TALLY_OPT_##t, .fallback = fall, .accepts = range, .help = h               \
	}

/* o: the offset of a struct log_config. */
#define LOG_OPTIONS(o)                                                                             \
	LOG_OPTION("first_sight", o, first_sight, STRING, "all", NULL,                             \
		   "how much to read of a log that was never read before, if its container is "    \
		   "older than this daemon's start: all, new (only lines from now on), or the "    \
		   "number of last lines"),                                                        \
		LOG_OPTION("max_line", o, max_line, SIZE, "256Ki", "1Ki..16Mi",                    \
			   "longer lines are cut"),                                                \
		LOG_OPTION("multiline_start", o, multiline_start, STRING, NULL, NULL,              \
			   "POSIX extended regular expression that the first line of a message "   \
			   "matches; lines that do not match belong to the message before them, "  \
			   "as in a stack trace; unset: each line is a message"),                  \
		LOG_OPTION("multiline_timeout", o, multiline_timeout, DURATION, "1s", "1ms..1h",   \
			   "a line written this much later than the one before it begins a new "   \
			   "message, too"),                                                        \
		LOG_OPTION("multiline_lines", o, multiline_lines, INT, "500", "2..100000",         \
			   "maximum lines of a message; the next line begins a new one, as does "  \
			   "a line that would make the message longer than max_line"),             \
		LOG_OPTION("rate_limit", o, rate_limit, INT, "0", "0..10000000",                   \
			   "maximum lines per second of one container; more are dropped and "      \
			   "counted; 0: no limit"),                                                \
		LOG_OPTION("max_patterns", o, max_patterns, INT, "5000", "0..20000",               \
			   "patterns of log lines that are told apart, at most 500 of a service; " \
			   "where they are more, those that were not seen for longest are "        \
			   "forgotten, once a minute, and lines without one are counted; 0: no "   \
			   "patterns")

#define LOG_METRIC(n, h, k)                                                                        \
	{                                                                                          \
		.name = n, .help = h, .kind = TALLY_METRIC_##k                                     \
	}

#define LOG_METRICS                                                                                \
	LOG_METRIC("reads_total", "Times a log was opened for reading.", COUNTER),                 \
		LOG_METRIC("repeated_lines_total", "Lines that came again and were dropped.",      \
			   COUNTER),                                                               \
		LOG_METRIC("gaps_total",                                                           \
			   "Times a log no longer held what was read last, so that lines may be "  \
			   "missing.",                                                             \
			   COUNTER),                                                               \
		LOG_METRIC("cut_lines_total", "Lines longer than max_line.", COUNTER),             \
		LOG_METRIC("limited_lines_total", "Lines dropped because of rate_limit.",          \
			   COUNTER),                                                               \
		LOG_METRIC("garbage_total",                                                        \
			   "Damaged or foreign records in log files, and streams of the engine "   \
			   "that were not a log.",                                                 \
			   COUNTER),                                                               \
		LOG_METRIC("patterns", "Patterns of log lines that are known.", GAUGE),            \
		LOG_METRIC("unpatterned_lines_total",                                              \
			   "Lines for whose pattern max_patterns left no room.", COUNTER)

#endif
