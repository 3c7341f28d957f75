/*
 * See ingest.h.  Reads from the bottom upwards, as the calls go: ingest_part() hands a part to
 * log_lines.c, which calls on_line(), which hands the line to log_message.c, which calls
 * on_message().  Lines that are cut, limited or repeated, and gaps, are counted here; what a
 * failure leads to is decided by the caller.
 */
#include "logs/ingest.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"

/* ---- Making and unmaking ---- */

void ingest_init(struct ingest *ingest, struct log_common *common, const char *id)
{
	*ingest = (struct ingest){.common = common,
				  .rows.ctx = common->ctx,
				  .lines.max = (size_t)common->config->max_line,
				  .messages.rule = &common->rule};
	snprintf(ingest->rows.id, sizeof(ingest->rows.id), "%s", id);
}

void ingest_done(struct ingest *ingest)
{
	log_rows_drop(&ingest->rows);
	log_lines_done(&ingest->lines);
	log_messages_forget(&ingest->messages);
}

const char *ingest_name(const struct ingest *ingest)
{
	return ingest->rows.name[0] ? ingest->rows.name : ingest->rows.id;
}

/* ---- Where to begin ---- */

void ingest_load_position(struct ingest *ingest)
{
	struct log_common *common = ingest->common;
	char source[LOG_SOURCE_SIZE], position[LOG_POSITION_SIZE];
	log_lines_restart(&ingest->lines);
	log_messages_forget(&ingest->messages);
	ingest->lines.resume = (struct log_resume){0};
	log_rows_source(&ingest->rows, source);
	int r = tally_position(common->ctx, source, position, sizeof(position));
	if (r == 0 && !log_resume_read(position, &ingest->lines.resume))
		tally_log(common->ctx, TALLY_WARNING,
			  "%s: position \"%s\" is not in our format; ignoring it",
			  ingest_name(ingest), position);
}

void ingest_distrust_future(struct ingest *ingest)
{
	struct tally_ctx *ctx = ingest->common->ctx;
	struct log_resume *resume = &ingest->lines.resume;
	if (log_resume_newest(resume) <= tally_now(ctx) + CLOCK_SECOND)
		return;
	tally_log(ctx, TALLY_NOTICE,
		  "%s: its position lies in the future, so the clock was set back; reading its log "
		  "from the beginning",
		  ingest_name(ingest));
	*resume = (struct log_resume){0};
}

void ingest_begin_stream(struct ingest *ingest, bool whole)
{
	ingest->lines.resends = ingest->common->resends;
	log_lines_restart(&ingest->lines);
	ingest->begun = false;
	ingest->whole = whole;
}

void ingest_begin_file(struct ingest *ingest)
{
	ingest->lines.resends = false;
	log_lines_restart(&ingest->lines);
	ingest->begun = true;
}

/* ---- Rows ---- */

/* common->waiting counts the bytes of all containers' rows that are not handed over. */
static void uncount_waiting(struct ingest *ingest)
{
	struct log_common *common = ingest->common;
	if (ingest->rows.batch)
		common->waiting -= tally_batch_bytes(common->ctx, ingest->rows.batch);
}

static int hand_over(struct ingest *ingest)
{
	struct log_common *common = ingest->common;
	uncount_waiting(ingest);
	if (ingest->rows.batch && common->patterns)
		patterns_save_new(common->patterns, tally_monotonic(common->ctx));
	/* A message that is open must come again after a crash: the position stays before it. */
	struct log_resume resume = ingest->lines.resume;
	log_messages_hold(&ingest->messages, &resume);
	return log_rows_emit(&ingest->rows, &resume);
}

enum log_outcome ingest_flush(struct ingest *ingest)
{
	int r = hand_over(ingest);
	return r == 0 || r == -ECANCELED ? LOG_MORE : LOG_LOST;
}

void ingest_drop_rows(struct ingest *ingest)
{
	uncount_waiting(ingest);
	log_rows_drop(&ingest->rows);
}

/* A token bucket that holds what one second may bring. */
static bool within_limit(struct ingest *ingest)
{
	struct log_common *common = ingest->common;
	double rate = (double)common->config->rate_limit;
	if (rate == 0)
		return true;
	int64_t now = tally_monotonic(common->ctx);
	ingest->tokens += (double)(now - ingest->refilled) / (double)CLOCK_SECOND * rate;
	ingest->refilled = now;
	if (ingest->tokens > rate)
		ingest->tokens = rate;
	if (ingest->tokens < 1) {
		log_common_count(common, LOG_METRIC_LIMITED, 1);
		return false;
	}
	ingest->tokens -= 1;
	return true;
}

static enum log_outcome on_message(void *arg, const struct log_line *line)
{
	struct ingest *ingest = arg;
	struct log_common *common = ingest->common;
	size_t before = 0;
	if (!within_limit(ingest))
		return LOG_MORE;
	if (ingest->rows.batch)
		before = tally_batch_bytes(common->ctx, ingest->rows.batch);
	else if (common->waiting == 0)
		common->waiting_since = tally_monotonic(common->ctx);
	int r = log_rows_add(&ingest->rows, line, common);
	if (ingest->rows.batch)
		common->waiting += tally_batch_bytes(common->ctx, ingest->rows.batch) - before;
	if (r < 0)
		return LOG_LOST;
	/* Also when the daemon stops: reading on would move the position past rows that are lost.
	 */
	return log_rows_full(&ingest->rows) && hand_over(ingest) < 0 ? LOG_LOST : LOG_MORE;
}

/* ---- Lines ---- */

/* A terminal's lines end in \r\n. */
static enum log_outcome on_line(void *arg, const struct log_line *whole)
{
	struct ingest *ingest = arg;
	struct log_line line = *whole;
	if (line.cut > 0)
		log_common_count(ingest->common, LOG_METRIC_CUT, 1);
	else if (ingest->rows.terminal && line.len > 0 && line.text[line.len - 1] == '\r')
		line.len--;
	if (ingest->messages.rule->joins)
		ingest->messages.now = tally_monotonic(ingest->common->ctx);
	return log_messages_line(&ingest->messages, &line, on_message, ingest);
}

/* The first part of a stream shows whether it began early enough in the log. */
static enum log_outcome check_begin(struct ingest *ingest, const struct log_part *part)
{
	struct log_resume *resume = &ingest->lines.resume;
	ingest->begun = true;
	/* Podman, which then is asked by time instead of by number of lines. */
	if (part->seconds)
		ingest->common->seconds = true;
	if (!ingest->whole)
		return !part->seconds && log_resume_covers(resume, part) ? LOG_MORE : LOG_WIDEN;
	if (part->seconds)
		log_resume_round(resume);
	if (log_resume_has_gap(resume, part))
		log_common_count(ingest->common, LOG_METRIC_GAPS, 1);
	return LOG_MORE;
}

enum log_outcome ingest_part(void *arg, const struct log_part *part)
{
	struct ingest *ingest = arg;
	enum log_outcome outcome = ingest->begun ? LOG_MORE : check_begin(ingest, part);
	if (outcome != LOG_MORE)
		return outcome;
	return log_lines_part(&ingest->lines, part, on_line, ingest);
}

enum log_outcome ingest_finish(struct ingest *ingest)
{
	enum log_outcome outcome = log_lines_end(&ingest->lines, on_line, ingest);
	if (outcome != LOG_MORE)
		return outcome;
	return log_messages_end(&ingest->messages, INT64_MAX, on_message, ingest);
}

enum log_outcome ingest_end_messages(struct ingest *ingest, int64_t due)
{
	return log_messages_end(&ingest->messages, due, on_message, ingest);
}

void ingest_count_repeats(struct ingest *ingest)
{
	log_common_count(ingest->common, LOG_METRIC_REPEATS, ingest->lines.repeats);
	ingest->lines.repeats = 0;
}
