/* See log_common.h.  What can fail: the configuration, in log_common_init(). */
#include "logs/log_common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

static const int64_t flush_ns = 200 * CLOCK_MS, damage_ns = CLOCK_MINUTE;

enum { WAITING_MAX = 8 << 20 };

/* ---- The configuration ---- */

static int make_rule(struct tally_ctx *ctx, const struct log_config *config, struct log_rule *ret)
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
static bool read_first_sight(const char *text, struct log_first *ret)
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

int log_common_init(struct log_common *common, struct tally_ctx *ctx,
		    const struct log_config *config, uint32_t metrics)
{
	*common = (struct log_common){.ctx = ctx, .config = config, .metrics = metrics};
	if (!read_first_sight(config->first_sight, &common->first))
		return tally_fail(ctx, EINVAL,
				  "first_sight: \"%s\" is not all, new, or a number of lines",
				  config->first_sight);
	return make_rule(ctx, config, &common->rule);
}

void log_common_done(struct log_common *common)
{
	if (common->rule.joins)
		regfree(&common->rule.start);
}

/* ---- While it reads ---- */

void log_common_count(const struct log_common *common, enum log_metric metric, uint64_t n)
{
	if (n > 0)
		tally_count(common->ctx, common->metrics + metric, n);
}

void log_common_open_patterns(struct log_common *common)
{
	int64_t most = common->config->max_patterns;
	if (most > 0 && patterns_open(common->ctx, (uint32_t)most, &common->patterns) < 0)
		tally_log(common->ctx, TALLY_WARNING,
			  "no memory for patterns of log lines; lines have none");
}

/* Rows that are not taken, since the daemon stops, come again with the next line. */
void log_common_flush_patterns(struct log_common *common, int64_t now, bool all)
{
	if (!common->patterns)
		return;
	patterns_flush(common->patterns, now, all);
	tally_gauge(common->ctx, common->metrics + LOG_METRIC_PATTERNS,
		    patterns_count(common->patterns));
}

void log_common_close_patterns(struct log_common *common)
{
	log_common_flush_patterns(common, tally_monotonic(common->ctx), true);
	patterns_close(TAKE(common->patterns));
}

int64_t log_common_flush_due(const struct log_common *common)
{
	return common->waiting > 0 ? common->waiting_since + flush_ns : INT64_MAX;
}

bool log_common_must_flush(const struct log_common *common, int64_t now)
{
	return now >= log_common_flush_due(common) || common->waiting > WAITING_MAX;
}

/* ---- Damage ---- */

void log_damage_take(struct log_damage *damage, const struct log_common *common, const char *name,
		     struct log_file *log, bool last)
{
	int64_t now = tally_monotonic(common->ctx);
	log_common_count(common, LOG_METRIC_GAPS, log->gaps);
	log_common_count(common, LOG_METRIC_GARBAGE, log->damaged);
	if (log->damaged && damage->n == 0)
		damage->first = log->damaged_at;
	damage->n += log->damaged;
	log->gaps = log->damaged = 0;
	if (damage->n == 0 || (now < damage->due && !last))
		return;
	tally_log(common->ctx, TALLY_WARNING,
		  "%s: %s: skipped %" PRIu64 " damaged or foreign records, the first at byte %lld",
		  name, log->path, damage->n, (long long)damage->first);
	damage->n = 0;
	damage->due = now + damage_ns;
}
