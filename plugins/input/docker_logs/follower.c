/*
 * One container: from an inspect to the reading of its log, and what comes after the log's end.
 *
 * Happy path: look (inspect) → read from where the position says, by files (source_file.c) or the
 * API (source_api.c) → the log ends when the container stops → look again → read what was missed →
 * idle until it starts again.
 *
 * What can fail: its log cannot be read at all, told once; whatever may pass is tried again after
 * 0.5 s to 30 s.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs.h"

static const int64_t second_ns = 1000000000, ms_ns = 1000000;

enum { FRAME_ROOM = 64 }; /* for the time in front of a part */

const char *follower_name(const struct follower *follower)
{
	return follower->rows.name[0] ? follower->rows.name : follower->rows.id;
}

/* ---- Where to resume ---- */

/* What was taken is where the safe position says; at first sight as the operator wants. */
static void load_position(struct follower *follower)
{
	struct docker_logs *logs = follower->logs;
	char source[LOG_SOURCE_SIZE], position[LOG_POSITION_SIZE];
	log_lines_restart(&follower->lines);
	log_messages_forget(&follower->messages);
	follower->lines.resume = (struct log_resume){0};
	log_rows_source(&follower->rows, source);
	int r = tally_position(logs->ctx, source, position, sizeof(position));
	if (r == 0 && !log_resume_read(position, &follower->lines.resume))
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: position \"%s\" is not one of ours: read anew",
			  follower_name(follower), position);
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
		follower_name(follower));
	follower->lines.resume = (struct log_resume){0};
}

static void first_look(struct follower *follower, const struct inspect_facts *facts)
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

/* ---- Reading ---- */

/* For good, and told once. */
void follower_bar(struct follower *follower, const char *why)
{
	follower->state = FOLLOW_UNREADABLE;
	if (!follower->refused)
		tally_log(follower->logs->ctx, TALLY_NOTICE, "%s: its log is not read: %s",
			  follower_name(follower), why);
	follower->refused = true;
}

/* Files are what the operator wants, and cannot be opened. */
static void wait_or_bar(struct follower *follower, int error)
{
	bool may_pass = error == ENOENT || error == EAGAIN || error == ENOMEM || error == EMFILE ||
			error == ENFILE;
	if (!may_pass) {
		follower_bar(follower,
			     follower->path ? strerror(error) : "its logging driver has no file");
		return;
	}
	if (!follower->refused)
		tally_log(follower->logs->ctx, TALLY_WARNING,
			  "%s: its log is not read: %s: %s; tried again", follower_name(follower),
			  follower->path, strerror(error));
	follower->refused = true;
	follower_wait(follower);
}

static void begin_reading(struct follower *follower)
{
	const struct docker_logs *logs = follower->logs;
	follower->width = 0;
	follower->again = false;
	follower->following = follower->running;
	follower->reason = REASON_NONE;
	int r = files_open(follower);
	if (r == 0) {
		follower->state = FOLLOW_READING;
		follower->refused = false;
	} else if (logs->config->source != SOURCE_FILE || r == -EBADMSG || logs->inotify_fd < 0) {
		api_open(follower);
	} else {
		wait_or_bar(follower, -r);
	}
}

void follower_wait(struct follower *follower)
{
	int64_t delay = follower->delay * 2;
	if (delay < 500 * ms_ns)
		delay = 500 * ms_ns;
	follower->delay = delay < 30 * second_ns ? delay : 30 * second_ns;
	follower->due = tally_monotonic(follower->logs->ctx) + follower->delay;
	follower->state = FOLLOW_RETRY;
}

/* ---- The end of a log ---- */

/* What was taken is not all handed over: again from where it is safe. */
void follower_read_again(struct follower *follower)
{
	files_close(follower);
	follower_drop_rows(follower);
	load_position(follower);
	follower_wait(follower);
}

void follower_ended(struct follower *follower)
{
	files_close(follower);
	if (follower->again)
		follower->state = FOLLOW_INSPECT;
	else if (!follower_finish(follower))
		follower_read_again(follower);
	else
		follower->state = follower->destroyed ? FOLLOW_REMOVED : FOLLOW_IDLE;
	follower->logs->attention = true;
}

/* ---- What others tell ---- */

static void set_name(struct follower *follower, const char *name)
{
	if (strcmp(follower->rows.name, name) == 0)
		return;
	follower_flush(follower);
	snprintf(follower->rows.name, sizeof(follower->rows.name), "%s", name);
}

static void set_path(struct follower *follower, const struct inspect_facts *facts)
{
	free(follower->path);
	follower->path = NULL;
	bool has_file = strcmp(facts->driver, "json-file") == 0 ||
			strcmp(facts->driver, "k8s-file") == 0; /* Podman's own name */
	if (has_file && facts->path[0] == '/')
		follower->path = strdup(facts->path);
}

void follower_learn(struct follower *follower, const struct inspect_facts *facts)
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
	if (follower->state != FOLLOW_INSPECT)
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
		if (follower->state == FOLLOW_IDLE || follower->state == FOLLOW_RETRY)
			follower->state = FOLLOW_INSPECT;
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
			follower->state = FOLLOW_REMOVED;
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
	follower->messages.rule = &logs->rule;
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
	if (follower->state == FOLLOW_READING || follower->state == FOLLOW_RETRY)
		follower->state = FOLLOW_INSPECT;
}

void follower_destroy(struct follower *follower)
{
	if (!follower)
		return;
	follower_suspend(follower);
	log_rows_drop(&follower->rows);
	log_lines_done(&follower->lines);
	log_messages_forget(&follower->messages);
	log_frames_done(&follower->frames);
	log_raw_done(&follower->raw);
	free(follower->path);
	free(follower);
}
