/*
 * Reading one container's log by the API: where to begin, the stream's bytes to parts, and what
 * comes after its end.
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

#include "logs.h"

static const int64_t second_ns = 1000000000, ms_ns = 1000000;
static const uint32_t widths[] = {256, 4096, 65536, 1048576};

enum { WIDTHS = sizeof(widths) / sizeof(widths[0]) };
enum { API_RESENDS = DOCKER_API_OLDEST }; /* 20.10; later engines do not */

/* ---- Opening ---- */

/* Podman loses lines between the last so many and those that follow, and mixes up the parts of long
 * ones; to count the lines of a second all of them are needed. */
static bool by_seconds(const struct follower *follower)
{
	return follower->logs->seconds || log_resume_is_round(&follower->lines.resume);
}

static void begin_where(struct follower *follower, char *ret, size_t size)
{
	const struct log_resume *resume = &follower->lines.resume;
	follower->widest = false;
	ret[0] = '\0';
	if (log_resume_is_empty(resume)) {
		follower->widest = true;
		if (follower->limited)
			snprintf(ret, size, "&tail=%u", follower->logs->first.lines);
	} else if (follower->width < WIDTHS && !by_seconds(follower)) {
		snprintf(ret, size, "&tail=%u", widths[follower->width]);
	} else {
		int64_t since = log_resume_since(resume);
		/* A mark with a finer time than the engine's lines have cannot be compared with
		 * them; the engine can, and sends what lies behind it. */
		if (follower->logs->seconds && !log_resume_is_round(resume))
			since = log_resume_newest(resume);
		follower->widest = true;
		snprintf(ret, size, "&since=%" PRId64 ".%09" PRId64, since / second_ns,
			 since % second_ns);
	}
}

static bool stream_data(void *arg, char *bytes, size_t len);
static void stream_ended(void *arg, const struct fetch_answer *answer);

static const struct stream_calls log_calls = {.data = stream_data, .ended = stream_ended};

void api_open(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	char path[FETCH_PATH_SIZE], where[64];
	const struct stream_request request = {DOCKER_LOGS, path, &log_calls, follower};
	begin_where(follower, where, sizeof(where));
	snprintf(path, sizeof(path),
		 "/containers/%s/logs?stdout=1&stderr=1&timestamps=1&follow=%d%s",
		 follower->rows.id, follower->following, where);
	follower->lines.resends = docker_api(logs->docker) <= API_RESENDS;
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

/* ---- Bytes to parts ---- */

static void engine_error(void *arg, const char *text, size_t len)
{
	struct follower *follower = arg;
	struct docker_logs *logs = follower->logs;
	tally_count(logs->ctx, METRIC_ENGINE_ERRORS, 1);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	tally_log(logs->ctx, TALLY_WARNING, "%s: the engine says: %.*s", follower_name(follower),
		  len < 200 ? (int)len : 200, text);
}

static bool stream_data(void *arg, char *bytes, size_t len)
{
	struct follower *follower = arg;
	const struct log_frame_calls calls = {follower_part, engine_error, follower};
	uint64_t repeats = follower->lines.repeats;
	clock_check(follower->logs);
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
		follower->state = FOLLOW_INSPECT;
	else
		follower_ended(follower);
}

static void given_up(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	switch (follower->reason) {
	case REASON_WIDEN:
		follower->width++;
		api_open(follower);
		break;
	case REASON_GARBAGE:
		tally_count(logs->ctx, METRIC_GARBAGE, 1);
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: what the engine sends is no log; reading it again",
			  follower_name(follower));
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
		follower->state = FOLLOW_REMOVED;
		logs->attention = true;
		return;
	}
	if (answer->status == 501) {
		follower_bar(follower, why);
		return;
	}
	follower_wait(follower);
	/* 409: being removed; an event or a 404 will say when it is gone. */
	if (answer->status != 409 && !follower->refused)
		tally_log(logs->ctx, TALLY_WARNING, "%s: its log is not read: %s; tried again",
			  follower_name(follower), why);
	follower->refused = follower->refused || answer->status != 409;
}

static void stream_ended(void *arg, const struct fetch_answer *answer)
{
	struct follower *follower = arg;
	follower->stream = NULL;
	if (answer->error == ECANCELED) {
		given_up(follower);
	} else if (answer->error) {
		follower_wait(follower);
	} else if (answer->status != 200) {
		refused(follower, answer);
	} else {
		follower->refused = false;
		ended_well(follower);
	}
	follower->logs->attention = true;
}
