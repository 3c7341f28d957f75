/*
 * One container's parts to lines, and those to rows: where a source begins in the log, the rate
 * limit, the hand-over.  What can fail: memory, and a hand-over; both end the reading, with the
 * reason in the follower.
 */
#include <errno.h>

#include "logs.h"

static const int64_t second_ns = 1000000000;

static void count_off(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	if (follower->rows.batch)
		logs->waiting -= tally_batch_bytes(logs->ctx, follower->rows.batch);
}

static int hand_over(struct follower *follower)
{
	count_off(follower);
	struct log_resume resume = follower->lines.resume;
	log_messages_hold(&follower->messages, &resume);
	return log_rows_emit(&follower->rows, &resume);
}

static bool within_limit(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	double rate = (double)logs->config->rate_limit;
	if (rate == 0)
		return true;
	int64_t now = tally_monotonic(logs->ctx);
	follower->tokens += (double)(now - follower->refilled) / (double)second_ns * rate;
	follower->refilled = now;
	if (follower->tokens > rate)
		follower->tokens = rate;
	if (follower->tokens < 1) {
		tally_count(logs->ctx, METRIC_LIMITED, 1);
		return false;
	}
	follower->tokens -= 1;
	return true;
}

static bool add_row(struct follower *follower, const struct log_line *line)
{
	struct docker_logs *logs = follower->logs;
	size_t before = 0;
	if (follower->rows.batch)
		before = tally_batch_bytes(logs->ctx, follower->rows.batch);
	else if (logs->waiting == 0)
		logs->waiting_since = tally_monotonic(logs->ctx);
	int r = log_rows_add(&follower->rows, line);
	if (follower->rows.batch)
		logs->waiting += tally_batch_bytes(logs->ctx, follower->rows.batch) - before;
	if (r == 0)
		return true;
	follower->reason = REASON_NO_MEMORY;
	return false;
}

static bool follow_message(void *arg, const struct log_line *line)
{
	struct follower *follower = arg;
	if (!within_limit(follower))
		return true;
	if (!add_row(follower, line))
		return false;
	if (!log_rows_full(&follower->rows) || hand_over(follower) == 0)
		return true;
	follower->reason = REASON_NOT_EMITTED;
	return false;
}

/* A terminal's lines end in \r\n. */
static bool follow_line(void *arg, const struct log_line *taken)
{
	struct follower *follower = arg;
	struct log_line line = *taken;
	if (line.cut > 0)
		tally_count(follower->logs->ctx, METRIC_CUT, 1);
	else if (follower->rows.terminal && line.len > 0 && line.text[line.len - 1] == '\r')
		line.len--;
	if (follower->messages.rule->joins)
		follower->messages.now = tally_monotonic(follower->logs->ctx);
	return log_messages_line(&follower->messages, &line, follow_message, follower);
}

/* The first part of a stream shows whether it began early enough in the log. */
static bool begins_early_enough(struct follower *follower, const struct log_part *part)
{
	const struct log_resume *resume = &follower->lines.resume;
	follower->begun = true;
	if (part->seconds) {
		follower->logs->seconds = true;
		if (!follower->widest)
			return false;
		log_resume_round(&follower->lines.resume);
	}
	if (!follower->widest)
		return log_resume_covers(resume, part);
	if (log_resume_has_gap(resume, part))
		tally_count(follower->logs->ctx, METRIC_GAPS, 1);
	return true;
}

bool follower_part(void *arg, const struct log_part *part)
{
	struct follower *follower = arg;
	if (!follower->begun && !begins_early_enough(follower, part)) {
		follower->reason = REASON_WIDEN;
		return false;
	}
	if (log_lines_part(&follower->lines, part, follow_line, follower))
		return true;
	if (follower->reason == REASON_NONE)
		follower->reason = REASON_NO_MEMORY;
	return false;
}

/* The last line may lack its newline. */
bool follower_finish(struct follower *follower)
{
	if (follower->rows.terminal && follower->raw.len > 0 &&
	    log_raw_end(&follower->raw, follower_part, follower) != LOG_FED)
		return false;
	return log_lines_end(&follower->lines, follow_line, follower) &&
	       log_messages_end(&follower->messages, INT64_MAX, follow_message, follower);
}

/* While nothing is read of it, more may belong to it. */
void follower_end_messages(struct follower *follower, int64_t due)
{
	bool reads = follower->state == FOLLOW_READING && !follower->hot;
	if (!reads || log_messages_due(&follower->messages) > due)
		return;
	follower->reason = REASON_NONE;
	if (!log_messages_end(&follower->messages, due, follow_message, follower)) {
		follower_suspend(follower);
		follower_read_again(follower);
	}
}

void follower_drop_rows(struct follower *follower)
{
	count_off(follower);
	log_rows_drop(&follower->rows);
}

void follower_flush(struct follower *follower)
{
	int r = hand_over(follower);
	if (r == 0 || r == -ECANCELED)
		return;
	follower_suspend(follower);
	follower_read_again(follower);
}
