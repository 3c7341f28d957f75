/*
 * See follower.h.  Sources and ingest return outcomes (sources/outcome.h), scan.c and session.c
 * report what happened to the container; all of that ends in advance(), which alone changes the
 * state, as the table of follow_state.c says.
 *
 * Messages and the counting of damage are in report.c.
 */
#include "follower.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "logs_clock.h"
#include "logs.h"
#include "report.h"

/* ---- Changing state ---- */

static void close_file(struct follower *follower)
{
	if (!follower->file.log)
		return;
	report_damage(follower, true);
	source_file_close(&follower->file);
}

static void close_sources(struct follower *follower)
{
	close_file(follower);
	source_api_close(&follower->api, follower->logs->streams);
}

/* input: an enum log_outcome or follow_input; why: as report_outcome() has it. */
static void advance(struct follower *follower, int input, const char *why)
{
	enum follow_state next = follow_next(follower->state, input);
	/* But an outcome counts in any case: rows lost while it waits make it wait longer. */
	if (next == follower->state && (input >= LOG_OUTCOMES || input == LOG_MORE))
		return;
	report_outcome(follower, input, why);
	if (input == LOG_FOREIGN) {
		/* That it is foreign is said; counting its records as damaged would repeat it. */
		follower->foreign = true;
		follower->damage.n = 0;
		close_file(follower);
	} else if (input == LOG_LOST) {
		close_sources(follower);
		ingest_drop_rows(&follower->ingest);
		ingest_load_position(&follower->ingest);
	}
	follower->state = next;
	if (next == FOLLOW_RETRY) {
		follower->due =
			tally_monotonic(follower->logs->ctx) + backoff_next(&follower->backoff);
	}
	/* scan.c acts on these states, or counts them. */
	if (next == FOLLOW_INSPECT || next == FOLLOW_REMOVED || next == FOLLOW_UNREADABLE)
		follower->logs->attention = true;
}

static void follower_forgive(struct follower *follower)
{
	backoff_reset(&follower->backoff);
	follower->brief = false;
}

/* All was read of a container that, by its last inspect, does not run. */
static int log_at_end(struct follower *follower)
{
	/* Its last line may go on: the next run writes to the same log. */
	if (follower->restarted)
		return FOLLOW_CLOSED;
	if (ingest_finish(&follower->ingest) != LOG_MORE)
		return LOG_LOST;
	return follower->destroyed ? LOG_NOT_FOUND : LOG_END;
}

/* ---- Reading by the API ---- */

static bool on_stream_data(void *arg, char *bytes, size_t len);
static void on_stream_ended(void *arg, const struct fetch_answer *answer);

/* FOLLOW_OPENED or LOG_FAILED. */
static int open_api(struct follower *follower)
{
	static const struct stream_calls calls = {.data = on_stream_data, .ended = on_stream_ended};
	struct docker_logs *logs = follower->logs;
	struct ingest *ingest = &follower->ingest;
	const struct source_api_request request = {
		.id = ingest->rows.id,
		.resume = &ingest->lines.resume,
		.last_lines = follower->last_lines ? logs->common.first.lines : 0,
		.tail_step = follower->tail_step,
		.seconds = logs->common.seconds,
		.follow = follower->following};
	follower->opened = tally_monotonic(logs->ctx);
	if (source_api_open(&follower->api, logs->streams, &request, &calls, follower) < 0)
		return LOG_FAILED;
	/* 20.10 sends lines twice at rotations; later engines do not. */
	logs->common.resends = docker_api(logs->docker) <= DOCKER_API_OLDEST;
	ingest_begin_stream(ingest, follower->api.whole);
	log_common_count(&logs->common, LOG_METRIC_READS, 1);
	return FOLLOW_OPENED;
}

/*
 * A stream that the engine closes means that the container has stopped, which an inspect will show.
 * If it has not, and its streams live for a moment only, opening the next at once would never end.
 * The stream is gone already.
 */
static int stream_at_end(struct follower *follower)
{
	bool brief = tally_monotonic(follower->logs->ctx) - follower->opened < CLOCK_SECOND;
	follower->reported = false;
	if (follower->following && brief && (follower->brief || follower->backoff.failures > 0))
		return LOG_FAILED;
	follower_forgive(follower);
	follower->brief = follower->following && brief;
	if (follower->following)
		return FOLLOW_CLOSED;
	if (!follower->restarted &&
	    source_api_finish(&follower->api, ingest_part, &follower->ingest) != LOG_MORE)
		return LOG_LOST;
	return log_at_end(follower);
}

static bool on_stream_data(void *arg, char *bytes, size_t len)
{
	struct follower *follower = arg;
	struct ingest *ingest = &follower->ingest;
	const struct log_frame_calls calls = {ingest_part, report_engine_text, ingest};
	logs_clock_check(follower->logs);
	enum log_outcome outcome =
		source_api_feed(&follower->api, ingest->rows.terminal, bytes, len, &calls);
	ingest_count_repeats(ingest);
	return outcome == LOG_MORE;
}

static void on_stream_ended(void *arg, const struct fetch_answer *answer)
{
	struct follower *follower = arg;
	char why[FETCH_REASON_SIZE];
	int outcome = source_api_ended(&follower->api, answer, why);
	if (outcome == LOG_END) {
		outcome = stream_at_end(follower);
	} else if (outcome == LOG_WIDEN) {
		follower->tail_step++;
		outcome = open_api(follower);
	}
	advance(follower, outcome, why);
}

/* ---- Reading files ---- */

/* 0 or -errno; -ENODEV: there is no file, or files are not wanted; -EBADMSG: it is not a log. */
static int open_file(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	struct ingest *ingest = &follower->ingest;
	/* A path on an engine's machine means something here only if that is this machine. */
	if (logs->config->source == SOURCE_API || !follower->path || logs->inotify_fd < 0 ||
	    !logs->target.endpoint->path[0])
		return -ENODEV;
	if (!logs->buffer)
		logs->buffer = malloc(LOG_FILE_BUFFER);
	if (!logs->buffer)
		return -ENOMEM;
	const struct log_begin begin = {.resume = &ingest->lines.resume,
					.last_lines =
						follower->last_lines ? logs->common.first.lines : 0,
					.files_only = logs->config->source == SOURCE_FILE,
					.buffer = logs->buffer};
	int r = source_file_open(&follower->file, follower->path, logs->inotify_fd, &begin);
	if (r < 0) {
		report_file_not_opened(logs, follower->path, -r);
		return r;
	}
	/* A file that was not a log may have become one. */
	if (follower->foreign && !log_file_has_record(follower->file.log, logs->buffer)) {
		source_file_close(&follower->file);
		return -EBADMSG;
	}
	follower->foreign = follower->reported = false;
	ingest_begin_file(ingest);
	logs->pending = true;
	log_common_count(&logs->common, LOG_METRIC_READS, 1);
	return 0;
}

bool follower_read_file(struct follower *follower)
{
	struct source_file *file = &follower->file;
	if (!file->log || !file->pending)
		return false;
	int outcome =
		source_file_read(file, follower->logs->buffer, ingest_part, &follower->ingest);
	ingest_count_repeats(&follower->ingest);
	report_damage(follower, false);
	if (outcome < 0) {
		report_file_read_error(follower, -outcome);
		outcome = LOG_LOST;
	} else if (outcome == LOG_END && follower->following) {
		outcome = LOG_MORE; /* the container runs, and will write */
	} else if (outcome == LOG_END) {
		close_file(follower);
		outcome = log_at_end(follower);
	}
	advance(follower, outcome, NULL);
	return file->pending;
}

/* ---- Which source ---- */

/* Its file if there is one that can be read, else the API, unless the operator wants only files. */
static void open_source(struct follower *follower)
{
	const struct docker_logs *logs = follower->logs;
	char why[LOG_FILE_PATH + 80] = "its logging driver has no file";
	follower->tail_step = 0;
	follower->restarted = false;
	follower->following = follower->running;
	int r = open_file(follower), input = FOLLOW_OPENED;
	if (r < 0 &&
	    (logs->config->source != SOURCE_FILE || r == -EBADMSG || logs->inotify_fd < 0)) {
		input = open_api(follower);
	} else if (r == -ENOENT || r == -EAGAIN || r == -ENOMEM || r == -EMFILE || r == -ENFILE ||
		   r == -ENOSPC) {
		input = LOG_REFUSED;
		snprintf(why, sizeof(why), "%s: %s", follower->path, source_file_reason(-r));
	} else if (r < 0) {
		input = LOG_UNREADABLE;
		if (follower->path)
			snprintf(why, sizeof(why), "%s", strerror(-r));
	}
	advance(follower, input, why);
}

/* ---- Inspects ---- */

/* At first sight: behind what was accepted before; else where the operator wants to begin. */
static void find_position(struct follower *follower, const struct inspect_facts *facts)
{
	struct docker_logs *logs = follower->logs;
	struct log_resume *resume = &follower->ingest.lines.resume;
	ingest_load_position(&follower->ingest);
	/* Of a remote engine's clock nothing is known. */
	if (logs->target.endpoint->path[0])
		ingest_distrust_future(&follower->ingest);
	if (!log_resume_is_empty(resume) || facts->created >= logs->started)
		return;
	if (logs->common.first.only_new)
		log_resume_begin_at(resume, tally_now(logs->ctx));
	follower->last_lines = logs->common.first.lines > 0;
}

void follower_on_inspect(struct follower *follower, const struct inspect_facts *facts)
{
	struct log_rows *rows = &follower->ingest.rows;
	if (strcmp(rows->name, facts->container.name) != 0) {
		/* Rows that wait keep the name of their time. */
		follower_flush(follower);
		snprintf(rows->name, sizeof(rows->name), "%s", facts->container.name);
	}
	docker_service_of_labels(&facts->container, follower->logs->config->service_label,
				 rows->service);
	if (!follower->known) {
		follower->known = true;
		rows->terminal = facts->terminal;
		find_position(follower, facts);
	}
	follower->reinspect = false;
	follower->running = facts->running;
	if (follower->file.log) {
		/* A file does not show whether its container still writes, a stream does. */
		follower->following = facts->running;
		follower->restarted = false;
		follower->file.pending = true;
	}
	if (follower->state != FOLLOW_INSPECT)
		return;
	free(follower->path);
	follower->path = NULL;
	bool has_file = strcmp(facts->driver, "json-file") == 0 ||
			strcmp(facts->driver, "k8s-file") == 0; /* Podman's own name */
	/* Without memory it is read by the API. */
	const char *root = follower->logs->config->host_root;
	if (has_file && facts->path[0] == '/' &&
	    asprintf(&follower->path, "%s%s", root ? root : "", facts->path) < 0)
		follower->path = NULL;
	if (facts->running || facts->was_started)
		open_source(follower);
	else
		advance(follower, FOLLOW_NEVER_RAN, NULL);
}

void follower_on_inspect_failed(struct follower *follower)
{
	advance(follower, FOLLOW_NOT_INSPECTED, NULL);
}

void follower_on_excluded(struct follower *follower)
{
	advance(follower, FOLLOW_EXCLUDED, NULL);
}

/* ---- Events and time ---- */

void follower_on_event(struct follower *follower, enum follow_event event)
{
	follower->logs->attention = true;
	switch (event) {
	case EVENT_START:
		follower->restarted = true;
		follower->reinspect = follower->reinspect || follower->file.log;
		advance(follower, FOLLOW_STARTED, NULL);
		break;
	case EVENT_DIE:
		/* A stream ends by itself. */
		follower->reinspect = follower->reinspect || follower->file.log;
		break;
	case EVENT_RENAME:
		follower->reinspect = true;
		break;
	case EVENT_DESTROY:
		follower->destroyed = true;
		follower->following = false;
		follower->file.pending = true;
		advance(follower, FOLLOW_DESTROYED, NULL);
	}
}

void follower_on_time(struct follower *follower, int64_t now)
{
	if (follower->state == FOLLOW_RETRY && follower->due <= now)
		advance(follower, FOLLOW_DUE, NULL);
}

/* ---- Rows ---- */

/* The log itself is fine, so the delay starts from its minimum. */
static void rows_lost(struct follower *follower)
{
	follower_forgive(follower);
	advance(follower, LOG_LOST, NULL);
}

void follower_flush(struct follower *follower)
{
	if (ingest_flush(&follower->ingest) != LOG_MORE)
		rows_lost(follower);
}

/* Not while there is more to read of its file: that may belong to a message that is due. */
void follower_end_messages(struct follower *follower, int64_t due)
{
	if (follower->state == FOLLOW_READING && !(follower->file.log && follower->file.pending) &&
	    ingest_end_messages(&follower->ingest, due) != LOG_MORE)
		rows_lost(follower);
}

/* ---- Making and unmaking ---- */

struct follower *follower_create(struct docker_logs *logs, const char *id)
{
	struct follower *follower = calloc(1, sizeof(*follower));
	if (!follower)
		return NULL;
	follower->logs = logs;
	follower->backoff = (struct backoff){.first = CLOCK_SECOND / 2, .most = 30 * CLOCK_SECOND};
	follower->file.watch = -1;
	ingest_init(&follower->ingest, &logs->common, id);
	source_api_init(&follower->api, (size_t)logs->config->log.max_line);
	return follower;
}

void follower_suspend(struct follower *follower)
{
	close_sources(follower);
	follower_forgive(follower);
	advance(follower, FOLLOW_SUSPENDED, NULL);
}

void follower_destroy(struct follower *follower)
{
	if (!follower)
		return;
	close_sources(follower);
	ingest_done(&follower->ingest);
	source_api_done(&follower->api);
	free(follower->path);
	free(follower);
}
