/*
 * One container's log: from an inspect to a stream, its bytes to lines and rows, and what comes
 * after the stream's end.
 *
 * Happy path: look (inspect) → read from where the position says → the stream ends when the
 * container stops → look again → read what the first stream may have missed → idle until it starts
 * again.
 *
 * Where to begin: never by scanning a whole log.  The last 256 lines are asked for, and if the
 * first that comes was not taken before, 16 times as many, and so on; only then all since the last
 * time.
 *
 * What can fail: the stream (again after a while, from where the rows were taken), the engine's
 * refusal (told once per container), a hand-over (again from where the rows are safe).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs.h"

static const int64_t second_ns = 1000000000, ms_ns = 1000000;
static const uint32_t widths[] = {256, 4096, 65536, 1048576};

enum { WIDTHS = sizeof(widths) / sizeof(widths[0]) };
enum { FRAME_ROOM = 64 }; /* for the time in front of a part */

static bool follow_line(void *arg, const struct log_line *line);

static const char *short_name(const struct follower *follower)
{
	return follower->rows.name[0] ? follower->rows.name : follower->rows.id;
}

/* ---- Where to resume ---- */

/* What was taken is where the safe position says; at first sight as the operator wants. */
static void load_position(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	char source[LOGS_SOURCE_SIZE], position[LOG_POSITION_SIZE];
	log_lines_restart(&follower->lines);
	follower->lines.resume = (struct log_resume){0};
	logs_rows_source(&follower->rows, source);
	int r = tally_position(logs->ctx, source, position, sizeof(position));
	if (r == 0 && !log_resume_read(position, &follower->lines.resume))
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: position \"%s\" is not one of ours: read anew", short_name(follower),
			  position);
}

/* A clock that was set back while nobody looked: times up to the mark come a second time. */
static void distrust_future(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	int64_t newest = log_resume_newest(&follower->lines.resume);
	if (!logs->reach.endpoint->path[0] || newest <= tally_now(logs->ctx) + second_ns)
		return;
	tally_log(
		logs->ctx, TALLY_NOTICE,
		"%s: its position lies in the future, the clock was set back: its log is read anew",
		short_name(follower));
	follower->lines.resume = (struct log_resume){0};
}

static void first_look(struct follower *follower, const struct logs_facts *facts)
{
	struct docker_logs *logs = follower->logs;
	follower->known = true;
	follower->rows.terminal = facts->terminal;
	load_position(follower);
	distrust_future(follower);
	if (!log_resume_is_empty(&follower->lines.resume) || facts->created >= logs->started)
		return;
	if (logs->first.only_new)
		log_resume_begin_at(&follower->lines.resume, tally_now(logs->ctx));
	follower->limited = logs->first.lines > 0;
}

/* ---- Opening ---- */

static void begin_where(struct follower *follower, char *ret, size_t size)
{
	const struct log_resume *resume = &follower->lines.resume;
	follower->widest = false;
	ret[0] = '\0';
	if (log_resume_is_empty(resume)) {
		follower->widest = true;
		if (follower->limited)
			snprintf(ret, size, "&tail=%u", follower->logs->first.lines);
	} else if (follower->width < WIDTHS) {
		snprintf(ret, size, "&tail=%u", widths[follower->width]);
	} else {
		int64_t since = log_resume_since(resume);
		follower->widest = true;
		snprintf(ret, size, "&since=%" PRId64 ".%09" PRId64, since / second_ns,
			 since % second_ns);
	}
}

static bool stream_data(void *arg, char *bytes, size_t len);
static void stream_ended(void *arg, const struct fetch_answer *answer);

static const struct stream_calls log_calls = {.data = stream_data, .ended = stream_ended};

static void open_stream(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	char path[FETCH_PATH_SIZE], where[64];
	const struct stream_request request = {DOCKER_LOGS, path, &log_calls, follower};
	begin_where(follower, where, sizeof(where));
	snprintf(path, sizeof(path),
		 "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d%s",
		 follower->rows.id, follower->following, where);
	log_lines_restart(&follower->lines);
	log_frames_restart(&follower->frames);
	log_raw_restart(&follower->raw);
	follower->begun = false;
	follower->reason = REASON_NONE;
	follower->opened = tally_monotonic(logs->ctx);
	if (streams_open(logs->streams, &request, &follower->stream) < 0) {
		follower_wait(follower);
		return;
	}
	tally_count(logs->ctx, METRIC_READS, 1);
	follower->state = FOLLOW_READING;
}

/* For good, and told once. */
static void bar(struct follower *follower, const char *why)
{
	follower->state = FOLLOW_BARRED;
	if (!follower->refused)
		tally_log(follower->logs->ctx, TALLY_NOTICE, "%s: its log is not read: %s",
			  short_name(follower), why);
	follower->refused = true;
}

static void begin_reading(struct follower *follower)
{
	follower->width = 0;
	follower->again = false;
	follower->following = follower->running;
	follower->reason = REASON_NONE;
	if (files_open(follower))
		follower->state = FOLLOW_READING;
	else if (follower->logs->config->source != SOURCE_FILE)
		open_stream(follower);
	else if (follower->path && (errno == ENOENT || errno == EAGAIN))
		follower_wait(follower);
	else
		bar(follower, follower->path ? strerror(errno) : "its logging driver has no file");
}

void follower_wait(struct follower *follower)
{
	int64_t delay = follower->delay * 2;
	if (delay < 500 * ms_ns)
		delay = 500 * ms_ns;
	follower->delay = delay < 30 * second_ns ? delay : 30 * second_ns;
	follower->due = tally_monotonic(follower->logs->ctx) + follower->delay;
	follower->state = FOLLOW_WAITING;
}

/* ---- Bytes to rows ---- */

static void count_off(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	if (follower->rows.batch)
		logs->waiting -= tally_batch_bytes(logs->ctx, follower->rows.batch);
}

static int hand_over(struct follower *follower)
{
	count_off(follower);
	return logs_rows_emit(&follower->rows, &follower->lines.resume);
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
	int r = logs_rows_add(&follower->rows, line);
	if (follower->rows.batch)
		logs->waiting += tally_batch_bytes(logs->ctx, follower->rows.batch) - before;
	if (r == 0)
		return true;
	follower->reason = REASON_NO_MEMORY;
	return false;
}

static bool follow_line(void *arg, const struct log_line *line)
{
	struct follower *follower = arg;
	if (line->cut > 0)
		tally_count(follower->logs->ctx, METRIC_CUT, 1);
	if (!within_limit(follower))
		return true;
	if (!add_row(follower, line))
		return false;
	if (!logs_rows_full(&follower->rows) || hand_over(follower) == 0)
		return true;
	follower->reason = REASON_NOT_EMITTED;
	return false;
}

/* The first part of a stream shows whether it began early enough in the log. */
static bool begins_early_enough(struct follower *follower, const struct log_part *part)
{
	const struct log_resume *resume = &follower->lines.resume;
	follower->begun = true;
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

static void engine_error(void *arg, const char *text, size_t len)
{
	struct follower *follower = arg;
	struct docker_logs *logs = follower->logs;
	tally_count(logs->ctx, METRIC_ENGINE_ERRORS, 1);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	tally_log(logs->ctx, TALLY_WARNING, "%s: the engine says: %.*s", short_name(follower),
		  len < 200 ? (int)len : 200, text);
}

static bool stream_data(void *arg, char *bytes, size_t len)
{
	struct follower *follower = arg;
	const struct log_frame_calls calls = {follower_part, engine_error, follower};
	uint64_t repeats = follower->lines.repeats;
	logs_check_clock(follower->logs);
	enum log_fed fed =
		follower->rows.terminal
			? log_raw_feed(&follower->raw, bytes, len, follower_part, follower)
			: log_frames_feed(&follower->frames, bytes, len, &calls);
	if (follower->lines.repeats > repeats)
		tally_count(follower->logs->ctx, METRIC_REPEATS, follower->lines.repeats - repeats);
	if (fed == LOG_GARBAGE)
		follower->reason = REASON_GARBAGE;
	else if (fed == LOG_NO_MEMORY)
		follower->reason = REASON_NO_MEMORY;
	return fed == LOG_FED;
}

/* ---- The end of a stream ---- */

static void look_again(struct follower *follower)
{
	follower->state = FOLLOW_LOOK;
	follower->logs->attention = true;
}

/* What was taken is not all handed over: again from where it is safe. */
void follower_read_again(struct follower *follower)
{
	files_close(follower);
	count_off(follower);
	logs_rows_drop(&follower->rows);
	load_position(follower);
	follower_wait(follower);
}

/* The last line may lack its newline. */
static bool finish_lines(struct follower *follower)
{
	if (follower->rows.terminal && follower->raw.len > 0 &&
	    log_raw_end(&follower->raw, follower_part, follower) != LOG_FED)
		return false;
	return log_lines_end(&follower->lines, follow_line, follower);
}

void follower_ended(struct follower *follower)
{
	files_close(follower);
	if (follower->again)
		look_again(follower);
	else if (!finish_lines(follower))
		follower_read_again(follower);
	else
		follower->state = follower->destroyed ? FOLLOW_GONE : FOLLOW_IDLE;
	follower->logs->attention = true;
}

/*
 * While it ran: is it running still?  A stream that lived for a moment only is not asked for again
 * at once.
 */
static void ended_well(struct follower *follower)
{
	int64_t lived = tally_monotonic(follower->logs->ctx) - follower->opened;
	bool brief = follower->following && lived < second_ns;
	if (brief && follower->delay > 0) {
		follower_wait(follower);
		return;
	}
	follower->delay = brief ? 50 * ms_ns : 0;
	if (follower->following)
		look_again(follower);
	else
		follower_ended(follower);
}

static void given_up(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	switch (follower->reason) {
	case REASON_WIDEN:
		follower->width++;
		open_stream(follower);
		break;
	case REASON_GARBAGE:
		tally_count(logs->ctx, METRIC_GARBAGE, 1);
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: what the engine sends is no log; reading it again",
			  short_name(follower));
		follower_wait(follower);
		break;
	default:
		follower_read_again(follower);
	}
}

static void refused(struct follower *follower, const struct fetch_answer *answer)
{
	struct docker_logs *logs = follower->logs;
	char why[FETCH_REASON_SIZE];
	docker_explain(answer, why);
	if (answer->status == 404) {
		follower->state = FOLLOW_GONE;
		logs->attention = true;
		return;
	}
	if (answer->status == 501) {
		bar(follower, why);
		return;
	}
	follower_wait(follower);
	/* 409: being removed; an event or a 404 will say when it is gone. */
	if (answer->status != 409 && !follower->refused)
		tally_log(logs->ctx, TALLY_WARNING, "%s: its log is not read: %s; tried again",
			  short_name(follower), why);
	follower->refused = follower->refused || answer->status != 409;
}

static void stream_ended(void *arg, const struct fetch_answer *answer)
{
	struct follower *follower = arg;
	follower->stream = NULL;
	if (answer->error == ECANCELED) {
		given_up(follower);
	} else if (answer->error) {
		follower->logs->suspect = true;
		follower_wait(follower);
	} else if (answer->status != 200) {
		refused(follower, answer);
	} else {
		follower->refused = false;
		ended_well(follower);
	}
	follower->logs->attention = true;
}

/* ---- What others tell ---- */

void follower_flush(struct follower *follower)
{
	int r = hand_over(follower);
	if (r == 0 || r == -ECANCELED)
		return;
	follower_suspend(follower);
	follower_read_again(follower);
}

static void set_name(struct follower *follower, const char *name)
{
	if (strcmp(follower->rows.name, name) == 0)
		return;
	follower_flush(follower);
	snprintf(follower->rows.name, sizeof(follower->rows.name), "%s", name);
}

static void set_path(struct follower *follower, const struct logs_facts *facts)
{
	free(follower->path);
	follower->path = NULL;
	if (strcmp(facts->driver, "json-file") == 0 && facts->path[0] == '/')
		follower->path = strdup(facts->path);
}

void follower_learn(struct follower *follower, const struct logs_facts *facts)
{
	set_name(follower, facts->container.name);
	follower->look = false;
	if (!follower->known)
		first_look(follower, facts);
	follower->running = facts->running;
	if (follower->state == FOLLOW_READING && follower->file) {
		/* Files show no end. */
		follower->following = facts->running;
		follower->again = false;
		follower->hot = true;
	}
	if (follower->state != FOLLOW_LOOK)
		return;
	set_path(follower, facts);
	if (!facts->running && !facts->was_started)
		follower->state = FOLLOW_IDLE;
	else
		begin_reading(follower);
}

void follower_on_event(struct follower *follower, enum logs_event event)
{
	follower->logs->attention = true;
	switch (event) {
	case LOGS_START:
		follower->again = true;
		follower->look = follower->look || follower->file;
		if (follower->state == FOLLOW_IDLE || follower->state == FOLLOW_WAITING)
			follower->state = FOLLOW_LOOK;
		break;
	case LOGS_DIE:
		follower->look = follower->look || follower->file;
		break;
	case LOGS_RENAME:
		follower->look = true;
		break;
	case LOGS_DESTROY:
		follower->destroyed = true;
		follower->following = false;
		follower->hot = true;
		if (follower->state != FOLLOW_READING)
			follower->state = FOLLOW_GONE;
	}
}

/* ---- Making and unmaking ---- */

struct follower *follower_create(struct docker_logs *logs, const char *id)
{
	struct follower *follower = calloc(1, sizeof(*follower));
	if (!follower)
		return NULL;
	size_t max = (size_t)logs->config->max_line;
	follower->logs = logs;
	follower->watch = -1;
	follower->rows.ctx = logs->ctx;
	follower->lines.max = max;
	follower->frames.max = max + FRAME_ROOM;
	follower->raw.max = max + (max / LOG_PART_FULL + 2) * FRAME_ROOM;
	snprintf(follower->rows.id, sizeof(follower->rows.id), "%s", id);
	return follower;
}

void follower_suspend(struct follower *follower)
{
	files_close(follower);
	if (follower->stream)
		streams_close(follower->logs->streams, follower->stream);
	follower->stream = NULL;
	follower->delay = 0;
	if (follower->state == FOLLOW_READING || follower->state == FOLLOW_WAITING)
		follower->state = FOLLOW_LOOK;
}

void follower_destroy(struct follower *follower)
{
	if (!follower)
		return;
	follower_suspend(follower);
	logs_rows_drop(&follower->rows);
	log_lines_done(&follower->lines);
	log_frames_done(&follower->frames);
	log_raw_done(&follower->raw);
	free(follower->path);
	free(follower);
}
